import { Random } from '../base/random.ts';
import type { Kernel, Pool } from '../base/thread-pool.ts';
import {
  type AssignInput,
  assignRows,
  type FarRow,
  farthestRows,
  foldFarthest,
  foldPasses,
  type Pass,
} from './assign.ts';
import { chunkCount, DIMS, rowCount, sharedBytes } from './rows.ts';
import { seedCentres } from './seeding.ts';

/** When Lloyd's iterations end: at a limit, or when the centres' squared moves add up to less. */
export type Limits = { iterationsMax: number; shiftMax: number };

/** Where a descent ended. */
export type End = {
  centres: Float64Array; // [k x DIMS]
  inertia: number;
  iterations: number;
};

/** Lloyd's iterations over all rows from given centres, each pass on all threads. */
export async function descend(
  pool: Pool,
  rows: Float64Array, // IN  [count x DIMS], shared
  centres: Float64Array, // IN  [k x DIMS]
  limits: Limits,
): Promise<End> {
  const chunks = chunkCount(rowCount(rows));
  const labels = unlabelled(rows);
  const descent = new Descent(rows, centres, limits);
  while (!descent.done) {
    const input = { rows, centres: descent.centres, labels };
    const pass = foldPasses(await pool.map(assignRows, input, chunks));
    const wanted = emptyClusters(pass).length;
    const far = wanted > 0 ? await pool.map(farthestRows, { ...input, wanted }, chunks) : [];
    descent.take(pass, foldFarthest(far, wanted), labels);
  }
  const { inertia } = await assign(pool, { rows, centres: descent.centres, labels });
  return { centres: descent.centres, inertia, iterations: descent.iterations };
}

/** Labels all rows, and measures them from their centres where there is a place for it. */
export async function assign(pool: Pool, input: AssignInput): Promise<Pass> {
  return foldPasses(await pool.map(assignRows, input, chunkCount(rowCount(input.rows))));
}

export const unlabelled = (rows: Float64Array): Uint8Array<SharedArrayBuffer> =>
  sharedBytes(rowCount(rows)).fill(UNLABELLED);

export type DescentInput = {
  rows: Float64Array; // IN  [count x DIMS]
  from: readonly (Float64Array | null)[]; // null: k-means++ chooses, by the place in this list
  clusters: number;
  seed: number;
  limits: Limits;
};

/** The same, all on one thread: what many starts on a few rows need. */
export function runDescent(input: DescentInput, start: number): End {
  const { rows, clusters, seed, limits } = input;
  const labels = unlabelled(rows);
  const everyChunk = <Input, Result>(kernel: Kernel<Input, Result>, given: Input): Result[] =>
    Array.from({ length: chunkCount(rowCount(rows)) }, (_, chunk) => kernel(given, chunk));
  const from =
    input.from[start] ?? seedCentres(rows, clusters, new Random(seed, 'cluster').at(start));
  const descent = new Descent(rows, from, limits);
  while (!descent.done) {
    const given = { rows, centres: descent.centres, labels };
    const pass = foldPasses(everyChunk(assignRows, given));
    const wanted = emptyClusters(pass).length;
    const far = wanted > 0 ? everyChunk(farthestRows, { ...given, wanted }) : [];
    descent.take(pass, foldFarthest(far, wanted), labels);
  }
  const { centres, iterations } = descent;
  const { inertia } = foldPasses(everyChunk(assignRows, { rows, centres, labels }));
  return { centres, inertia, iterations };
}

const UNLABELLED = 255;

/** Lloyd's iterations as a state: it takes one pass over the rows after the other until done. */
class Descent {
  centres: Float64Array;
  iterations = 0;
  done = false;
  readonly #rows: Float64Array;
  readonly #limits: Limits;

  constructor(rows: Float64Array, centres: Float64Array, limits: Limits) {
    this.#rows = rows;
    this.centres = centres.slice();
    this.#limits = limits;
  }

  take(pass: Pass, farthest: readonly FarRow[], labels: Uint8Array): void {
    this.iterations++;
    fillEmpty(pass, farthest, this.#rows, labels);
    const centres = average(pass);
    let shift = 0;
    for (let i = 0; i < centres.length; i++) shift += (centres[i] - this.centres[i]) ** 2;
    this.centres = centres;
    const { iterationsMax, shiftMax } = this.#limits;
    this.done = pass.changed === 0 || shift <= shiftMax || this.iterations >= iterationsMax;
  }
}

function emptyClusters({ counts }: Pass): number[] {
  return [...counts.keys()].filter((cluster) => counts[cluster] === 0);
}

/** Each empty cluster takes one of the rows farthest from their centres, as scikit-learn does. */
function fillEmpty(
  pass: Pass, // IN OUT
  farthest: readonly FarRow[],
  rows: Float64Array,
  labels: Uint8Array,
): void {
  // Every row on its centre: there are more centres than different rows, and nothing to give.
  if (!(farthest[0]?.square > 0)) return;
  const { sums, counts } = pass;
  for (const [i, cluster] of emptyClusters(pass).entries()) {
    const { row } = farthest[i];
    const giver = labels[row];
    for (let d = 0; d < DIMS; d++) {
      sums[giver * DIMS + d] -= rows[row * DIMS + d];
      sums[cluster * DIMS + d] = rows[row * DIMS + d];
    }
    counts[giver]--;
    counts[cluster] = 1;
  }
}

/** A cluster that stays empty stands where the largest one does, and gets no row there. */
function average({ sums, counts }: Pass): Float64Array {
  const largest = counts.indexOf(Math.max(...counts));
  return sums.map((_, i) => {
    const cluster = Math.floor(i / DIMS);
    const from = counts[cluster] > 0 ? cluster : largest;
    return sums[from * DIMS + (i % DIMS)] / counts[from];
  });
}
