import { Random } from '../base/random.ts';
import type { Pool } from '../base/thread-pool.ts';
import { DIMS, rowCount, sharedDoubles } from './rows.ts';

/** How well a cluster's rows lie in it: near 1 apart from all others, below 0 nearer to another. */
export type ClusterSilhouette = {
  rows: number;
  sampled: number;
  silhouette: number; // the mean over the sampled rows; 0 for a cluster of one
  error: number; // the standard error of that mean; 0 where all rows were sampled
};

export type Silhouettes = {
  clusters: readonly ClusterSilhouette[];
  silhouette: number; // the mean over all rows: each cluster's weighed by its rows
  error: number; // its standard error
};

/** Rows sampled from a cluster: memory stays fixed, and small clusters are seen as well as large. */
export const SILHOUETTE_ROWS = 1_000;

/**
 * Silhouettes on a sample stratified by cluster: distances go to the sampled rows of each cluster.
 * Exact where every cluster has at most `perCluster` rows. Where the rows are a sample themselves,
 * `standFor` says how many each cluster has in all.
 */
export async function silhouettes(
  pool: Pool,
  rows: Float64Array, // IN  [count x DIMS]
  labels: Uint8Array, // IN  [count]
  sizes: Int32Array, // IN  [k]
  {
    seed,
    perCluster = SILHOUETTE_ROWS,
    standFor = sizes,
  }: { seed: number; perCluster?: number; standFor?: Int32Array },
): Promise<Silhouettes> {
  const sample = stratify(rows, labels, sizes, new Random(seed, 'sample').at(0), perCluster);
  const chunks = Math.ceil(rowCount(sample.rows) / SILHOUETTE_CHUNK);
  const values = (await pool.map(measureSilhouettes, sample, chunks)).flat();
  const clusters = Array.from(standFor, (size, cluster) =>
    summarize(values.slice(sample.starts[cluster], sample.starts[cluster + 1]), size),
  );
  return { clusters, ...overall(clusters) };
}

function summarize(values: readonly number[], rows: number): ClusterSilhouette {
  const sampled = values.length;
  const silhouette = values.reduce((sum, value) => sum + value, 0) / Math.max(1, sampled);
  if (sampled === rows || sampled < 2) return { rows, sampled, silhouette, error: 0 };
  const squares = values.reduce((sum, value) => sum + (value - silhouette) ** 2, 0);
  return { rows, sampled, silhouette, error: Math.sqrt(squares / (sampled - 1) / sampled) };
}

function overall(clusters: readonly ClusterSilhouette[]): Omit<Silhouettes, 'clusters'> {
  const rows = clusters.reduce((total, c) => total + c.rows, 0);
  const sum = clusters.reduce((total, c) => total + c.silhouette * c.rows, 0);
  const variance = clusters.reduce((total, c) => total + (c.error * c.rows) ** 2, 0);
  return { silhouette: sum / rows, error: Math.sqrt(variance) / rows };
}

/** Sampled rows, cluster after cluster. */
export type Strata = {
  rows: Float64Array; // [sampled x DIMS]
  starts: Uint32Array; // [k + 1]: where each cluster's begin
};

const SILHOUETTE_CHUNK = 256;

/**
 * The silhouette of each row of a chunk: (b - a) / the larger of a, its mean distance from its own
 * cluster's other rows, and b, that from the rows of the nearest other cluster.
 */
export function measureSilhouettes({ rows, starts }: Strata, chunk: number): number[] {
  const count = rowCount(rows);
  const to = Math.min(count, (chunk + 1) * SILHOUETTE_CHUNK);
  const values: number[] = [];
  let own = 0;
  for (let row = chunk * SILHOUETTE_CHUNK; row < to; row++) {
    while (row >= starts[own + 1]) own++;
    values.push(silhouetteOf(rows, starts, row, own));
  }
  return values;
}

function silhouetteOf(rows: Float64Array, starts: Uint32Array, row: number, own: number): number {
  const others = starts[own + 1] - starts[own] - 1;
  if (others === 0) return 0;
  const inside = distanceSum(rows, row, starts[own], starts[own + 1]) / others;
  let outside = Infinity;
  for (let cluster = 0; cluster + 1 < starts.length; cluster++) {
    const size = starts[cluster + 1] - starts[cluster];
    if (cluster === own || size === 0) continue;
    const mean = distanceSum(rows, row, starts[cluster], starts[cluster + 1]) / size;
    if (mean < outside) outside = mean;
  }
  const larger = Math.max(inside, outside);
  return outside === Infinity || larger === 0 ? 0 : (outside - inside) / larger;
}

function distanceSum(rows: Float64Array, row: number, from: number, to: number): number {
  const [r0, r1, r2, r3, r4, r5, r6, r7] = rows.subarray(row * DIMS, (row + 1) * DIMS);
  let sum = 0;
  for (let other = from, at = from * DIMS; other < to; other++, at += DIMS)
    sum += Math.sqrt(
      (rows[at] - r0) ** 2 +
        (rows[at + 1] - r1) ** 2 +
        (rows[at + 2] - r2) ** 2 +
        (rows[at + 3] - r3) ** 2 +
        (rows[at + 4] - r4) ** 2 +
        (rows[at + 5] - r5) ** 2 +
        (rows[at + 6] - r6) ** 2 +
        (rows[at + 7] - r7) ** 2,
    );
  return sum;
}

/** From each cluster an even sample in row order: one row, by chance, out of equal stretches. */
function stratify(
  rows: Float64Array,
  labels: Uint8Array,
  sizes: Int32Array,
  random: Random,
  perCluster: number,
): Strata {
  const starts = new Uint32Array(sizes.length + 1);
  for (let c = 0; c < sizes.length; c++) starts[c + 1] = starts[c] + Math.min(sizes[c], perCluster);
  const sample = sharedDoubles(starts[sizes.length] * DIMS);
  const taken = new Uint32Array(sizes.length);
  const seen = new Uint32Array(sizes.length);
  const wanted = new Float64Array(sizes.length); // the member of the cluster to take next
  const want = (c: number): void => {
    const quota = Math.min(sizes[c], perCluster);
    const from = Math.floor((taken[c] * sizes[c]) / quota);
    const to = Math.floor(((taken[c] + 1) * sizes[c]) / quota);
    wanted[c] = from + random.below(to - from);
  };
  for (let c = 0; c < sizes.length; c++) if (sizes[c] > 0) want(c);
  for (let row = 0; row < labels.length; row++) {
    const c = labels[row];
    if (seen[c]++ !== wanted[c]) continue;
    sample.set(rows.subarray(row * DIMS, (row + 1) * DIMS), (starts[c] + taken[c]) * DIMS);
    taken[c]++;
    if (taken[c] < perCluster && taken[c] < sizes[c]) want(c);
  }
  return { rows: sample, starts };
}
