import { FEATURES } from './features.ts';
import { DIMS, rowCount } from './rows.ts';

/** Population stability index of one feature: 0 where both months are shared out alike. */
export type Stability = { psi: number; bins: number };
export type NamedStability = Stability & { name: string };

/** Up to so many values of the earlier month are a bin each; more are cut into tenths of it. */
const VALUES_MAX = 20;
const TENTHS = 10;

/** An empty bin counts as this share, or the logarithm would have no value. */
const SHARE_MIN = 1e-4;

/** How each coordinate of rows moved between two months. */
export function featureStability(
  before: Float64Array, // IN  [count x DIMS]
  now: Float64Array, // IN  [count x DIMS]
): NamedStability[] {
  return FEATURES.map((name, feature) => {
    const { psi, bins } = stability(column(before, feature), column(now, feature));
    return { name, psi, bins };
  });
}

/** The index of numbers. Values that the earlier month does not have share one bin. */
export function stability(before: Float64Array, now: Float64Array): Stability {
  const sorted = before.toSorted();
  const values = distinct(sorted, VALUES_MAX);
  const binOf = values ? binByValue(values) : binByTenths(sorted);
  const bins = values ? values.length + 1 : TENTHS;
  return stabilityOfCounts(countBins(before, binOf, bins), countBins(now, binOf, bins));
}

/** The index of customers counted by bin; bins that nobody is in do not count. */
export function stabilityOfCounts(before: readonly number[], now: readonly number[]): Stability {
  const [all, allNow] = [sumOf(before), sumOf(now)];
  let psi = 0;
  let bins = 0;
  for (const [bin, count] of before.entries()) {
    if (count === 0 && now[bin] === 0) continue;
    const expected = Math.max(SHARE_MIN, count / all);
    const actual = Math.max(SHARE_MIN, now[bin] / allNow);
    psi += (actual - expected) * Math.log(actual / expected);
    bins++;
  }
  return { psi, bins };
}

/** How far each centre is from the one of the same number. */
export function centreDistances(before: Float64Array, now: Float64Array): number[] {
  return Array.from({ length: rowCount(now) }, (_, c) => {
    let square = 0;
    for (let at = c * DIMS; at < (c + 1) * DIMS; at++) square += (now[at] - before[at]) ** 2;
    return Math.sqrt(square);
  });
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

function column(rows: Float64Array, feature: number): Float64Array {
  return Float64Array.from({ length: rowCount(rows) }, (_, row) => rows[row * DIMS + feature]);
}

/** The different values, ascending; null if there are more than `max`. */
function distinct(sorted: Float64Array, max: number): number[] | null {
  const values: number[] = [];
  for (const value of sorted) {
    if (value === values.at(-1)) continue;
    if (values.length === max) return null;
    values.push(value);
  }
  return values;
}

function binByValue(values: readonly number[]): (value: number) => number {
  const bins = new Map(values.map((value, bin) => [value, bin]));
  return (value) => bins.get(value) ?? values.length;
}

function binByTenths(sorted: Float64Array): (value: number) => number {
  const cuts = Array.from(
    { length: TENTHS - 1 },
    (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / TENTHS)],
  );
  return (value) => cuts.filter((cut) => cut <= value).length;
}

function countBins(values: Float64Array, binOf: (value: number) => number, bins: number): number[] {
  const counts = Array.from({ length: bins }, () => 0);
  for (const value of values) counts[binOf(value)]++;
  return counts;
}
