import type { Random } from '../base/random.ts';
import { DIMS, rowCount } from './rows.ts';

/**
 * Starting centres by k-means++ (Arthur and Vassilvitskii, 2007), greedy as in scikit-learn: each
 * next centre is the best of a few rows drawn with odds by their squared distance from the
 * nearest centre so far.
 */
export function seedCentres(rows: Float64Array, clusters: number, random: Random): Float64Array {
  const count = rowCount(rows);
  const trials = 2 + Math.floor(Math.log(clusters));
  const running = new Float64Array(count);
  const centres = new Float64Array(clusters * DIMS);
  const take = (cluster: number, row: number): void =>
    centres.set(rows.subarray(row * DIMS, (row + 1) * DIMS), cluster * DIMS);

  const first = random.below(count);
  take(0, first);
  let nearest = new Float64Array(count).fill(Infinity);
  let sum = approach(rows, first, nearest, nearest);
  let tried = new Float64Array(count);
  let kept = new Float64Array(count);
  for (let cluster = 1; cluster < clusters; cluster++) {
    accumulate(nearest, running);
    let least = Infinity;
    for (let trial = 0; trial < trials; trial++) {
      const row = firstAtLeast(running, random.next() * sum);
      const left = approach(rows, row, nearest, tried);
      if (left >= least) continue;
      least = left;
      take(cluster, row);
      [kept, tried] = [tried, kept];
    }
    [nearest, kept] = [kept, nearest];
    sum = least;
  }
  return centres;
}

/** What the squared distances from the nearest centre become with a row as one more; their sum. */
function approach(
  rows: Float64Array, // IN  [count x DIMS]
  centre: number,
  nearest: Float64Array, // IN  [count]
  out: Float64Array, // OUT [count], may be `nearest`
): number {
  const [c0, c1, c2, c3, c4, c5, c6, c7] = rows.subarray(centre * DIMS, (centre + 1) * DIMS);
  let sum = 0;
  for (let row = 0, at = 0; row < out.length; row++, at += DIMS) {
    const square =
      (rows[at] - c0) ** 2 +
      (rows[at + 1] - c1) ** 2 +
      (rows[at + 2] - c2) ** 2 +
      (rows[at + 3] - c3) ** 2 +
      (rows[at + 4] - c4) ** 2 +
      (rows[at + 5] - c5) ** 2 +
      (rows[at + 6] - c6) ** 2 +
      (rows[at + 7] - c7) ** 2;
    const least = square < nearest[row] ? square : nearest[row];
    out[row] = least;
    sum += least;
  }
  return sum;
}

function accumulate(values: Float64Array, running: Float64Array): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i];
    running[i] = sum;
  }
}

/** In an ascending list; the last place if all are below. */
function firstAtLeast(ascending: Float64Array, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
