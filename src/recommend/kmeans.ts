import { Random } from '../base/random.ts';
import type { Pool } from '../base/thread-pool.ts';
import { assign, descend, type DescentInput, type End, runDescent, unlabelled } from './descent.ts';
import { DIMS, rowCount, sharedDoubles } from './rows.ts';
import { measure } from './scaler.ts';

/**
 * K-Means as scikit-learn runs it: greedy k-means++, Lloyd's iterations, empty clusters given the
 * rows farthest from their centres, the best of several starts, a last assignment to the last
 * centres. Of large data the starts see a sample only: after each of STAGES the best go on with
 * more rows, and the last one ends on all of them, under the same limits as a full run. Starts
 * being so cheap, there are more of them than the customary ten; the bench holds the inertia
 * against the best of ten full runs.
 */
export type KMeansSettings = {
  clusters: number; // at most CLUSTERS_MAX; fewer rows make fewer clusters
  starts: number;
  iterationsMax: number; // in each stage
  tolerance: number; // ends when the centres' squared moves are at most this x the mean variance
  seed: number;
  stages: readonly Stage[];
  earlier?: Float64Array; // [clusters x DIMS] centres to keep to, if they end about as well
};

export type Stage = {
  rows: number; // in the sample
  coarseness: number; // x tolerance
  keep: number; // how many go on
};

const STAGES: readonly Stage[] = [
  { rows: 2_048, coarseness: 10, keep: 16 },
  { rows: 16_384, coarseness: 10, keep: 4 },
  { rows: 131_072, coarseness: 3, keep: 2 },
  { rows: 524_288, coarseness: 1, keep: 1 },
];

export const KMEANS_DEFAULTS: Omit<KMeansSettings, 'seed'> = {
  clusters: 10,
  starts: 200,
  iterationsMax: 300,
  tolerance: 1e-4,
  stages: STAGES,
};

export type Clustering = {
  centres: Float64Array; // [k x DIMS]
  labels: Uint8Array; // [count], shared
  sizes: Int32Array; // [k]
  inertia: number;
  iterations: number; // over all rows
};

export async function fitKMeans(
  pool: Pool,
  rows: Float64Array, // IN  [count x DIMS], shared
  settings: KMeansSettings,
): Promise<Clustering> {
  const { seed, starts, iterationsMax } = settings;
  const count = rowCount(rows);
  if (count === 0) throw new RangeError('no rows to cluster');
  const clusters = Math.min(settings.clusters, count);
  const shiftMax = settings.tolerance * (await meanVariance(pool, rows));
  let from: DescentInput['from'] = Array.from({ length: starts }, () => null);
  let best: End | undefined;
  for (const stage of stagesFor(count, settings.stages)) {
    const sample = takeSample(rows, stage.rows, seed);
    const limits = { iterationsMax, shiftMax: shiftMax * stage.coarseness };
    const ends = await run(pool, { rows: sample, from, clusters, seed, limits });
    const kept = different(ends).slice(0, stage.keep);
    from = kept.map(({ centres }) => centres);
    best = kept[0];
  }
  if (!best) throw new RangeError(`${starts} starts`);
  const { earlier } = settings;
  if (earlier?.length === clusters * DIMS) {
    const kept = await descend(pool, rows, earlier, { iterationsMax, shiftMax });
    if (kept.inertia <= best.inertia * (1 + AS_GOOD)) best = kept;
  }
  const labels = unlabelled(rows);
  const { counts, inertia } = await assign(pool, { rows, centres: best.centres, labels });
  return { centres: best.centres, labels, sizes: counts, inertia, iterations: best.iterations };
}

/** An even sample in row order: one row, by chance, out of each of equal stretches. */
export function takeSample(rows: Float64Array, sampleRows: number, seed: number): Float64Array {
  const count = rowCount(rows);
  if (sampleRows >= count) return rows;
  const sample = sharedDoubles(sampleRows * DIMS);
  for (const [i, row] of samplePlaces(count, sampleRows, seed).entries())
    sample.set(rows.subarray(row * DIMS, (row + 1) * DIMS), i * DIMS);
  return sample;
}

/** The row numbers of that sample. */
export function samplePlaces(count: number, sampleRows: number, seed: number): Int32Array {
  if (sampleRows >= count) return Int32Array.from({ length: count }, (_, row) => row);
  const random = new Random(seed, 'sample').at(sampleRows);
  return Int32Array.from({ length: sampleRows }, (_, i) => {
    const from = Math.floor((i * count) / sampleRows);
    const to = Math.floor(((i + 1) * count) / sampleRows);
    return from + random.below(to - from);
  });
}

/** Up to so many rows a descent stays on one thread, and others run beside it. */
const ALONE_ROWS = 524_288;

async function run(pool: Pool, input: DescentInput): Promise<End[]> {
  const { rows, from, limits } = input;
  const ends: End[] = [];
  if (rowCount(rows) > ALONE_ROWS && from.every((centres) => centres !== null))
    for (const centres of from) ends.push(await descend(pool, rows, centres, limits));
  else ends.push(...(await pool.map(runDescent, input, from.length)));
  return ends;
}

/** The first stage, coarse whatever there is; then those with fewer rows than all; then all. */
function stagesFor(count: number, stages: readonly Stage[]): Stage[] {
  const some = stages.filter(({ rows }, i) => i === 0 || rows < count);
  return [...some, { rows: count, coarseness: 1, keep: 1 }];
}

async function meanVariance(pool: Pool, rows: Float64Array): Promise<number> {
  const { count, squares } = await measure(pool, rows);
  return squares.reduce((sum, square) => sum + square / count, 0) / DIMS;
}

/** Many ends are about as good and far from each other: a change for so little moves people for nothing. */
const AS_GOOD = 1e-3;
const SAME_INERTIA = 1e-5;

/** Best first. Descents that ended at one place go on as one: so near in inertia, so near in place. */
function different(ends: readonly End[]): End[] {
  const sorted = ends.toSorted((a, b) => a.inertia - b.inertia); // stable: the first of equals
  return sorted.filter(
    ({ inertia }, i) => i === 0 || inertia > sorted[i - 1].inertia * (1 + SAME_INERTIA),
  );
}
