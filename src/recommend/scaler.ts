import type { Pool } from '../base/thread-pool.ts';
import { chunkCount, chunkRange, DIMS, rowCount } from './rows.ts';

/** What takes a raw feature to mean 0 and deviation 1: (value - mean) / scale. */
export type Scaler = { readonly means: readonly number[]; readonly scales: readonly number[] };

/** Of some rows: how many, each feature's mean, and its sum of squared distances from the mean. */
export type Moments = { count: number; means: Float64Array; squares: Float64Array };

export async function fitScaler(pool: Pool, rows: Float64Array): Promise<Scaler> {
  const moments = await measure(pool, rows);
  return {
    means: [...moments.means],
    scales: Array.from({ length: DIMS }, (_, d) => scaleOf(moments, d)),
  };
}

/** In place. */
export async function scale(pool: Pool, rows: Float64Array, scaler: Scaler): Promise<void> {
  await pool.map(scaleRows, { rows, scaler }, chunkCount(rowCount(rows)));
}

export async function measure(pool: Pool, rows: Float64Array): Promise<Moments> {
  const parts = await pool.map(measureRows, { rows }, chunkCount(rowCount(rows)));
  const total = { count: 0, means: new Float64Array(DIMS), squares: new Float64Array(DIMS) };
  for (const part of parts) add(part, total);
  return total;
}

/** Two passes: the mean first, so that nothing cancels out. */
export function measureRows({ rows }: { rows: Float64Array }, chunk: number): Moments {
  const [from, to] = chunkRange(rowCount(rows), chunk);
  const count = to - from;
  const means = new Float64Array(DIMS);
  const squares = new Float64Array(DIMS);
  for (let at = from * DIMS; at < to * DIMS; at += DIMS)
    for (let d = 0; d < DIMS; d++) means[d] += rows[at + d];
  for (let d = 0; d < DIMS; d++) {
    if (!Number.isFinite(means[d])) throw new RangeError(notFinite(rows, from, d));
    means[d] /= count;
  }
  for (let at = from * DIMS; at < to * DIMS; at += DIMS)
    for (let d = 0; d < DIMS; d++) squares[d] += (rows[at + d] - means[d]) ** 2;
  return { count, means, squares };
}

export function scaleRows(
  { rows, scaler }: { rows: Float64Array; scaler: Scaler },
  chunk: number,
): void {
  const [from, to] = chunkRange(rowCount(rows), chunk);
  const means = Float64Array.from(scaler.means);
  const scales = Float64Array.from(scaler.scales);
  let sum = 0;
  for (let at = from * DIMS; at < to * DIMS; at += DIMS)
    for (let d = 0; d < DIMS; d++) sum += rows[at + d] = (rows[at + d] - means[d]) / scales[d];
  if (!Number.isFinite(sum)) throw new RangeError(`rows ${from} to ${to} hold what is no number`);
}

/** Chan, Golub and LeVeque's rule for the moments of two parts together. */
function add(part: Moments, total: Moments): void {
  const count = total.count + part.count;
  for (let d = 0; d < DIMS; d++) {
    const apart = part.means[d] - total.means[d];
    total.means[d] += (apart * part.count) / count;
    total.squares[d] += part.squares[d] + apart * apart * ((total.count * part.count) / count);
  }
  total.count = count;
}

/** A constant feature is divided by 1. Rounding can make it look a little spread (scikit-learn). */
function scaleOf({ count, means, squares }: Moments, d: number): number {
  const variance = squares[d] / count;
  const noise = count * Number.EPSILON * variance + (count * means[d] * Number.EPSILON) ** 2;
  return variance <= noise ? 1 : Math.sqrt(variance);
}

function notFinite(rows: Float64Array, from: number, feature: number): string {
  let row = from;
  while (row < rowCount(rows) && Number.isFinite(rows[row * DIMS + feature])) row++;
  return `feature ${feature} of row ${row} is ${rows[row * DIMS + feature]}`;
}
