import { Random } from '../base/random.ts';
import { openPool } from './kernels.ts';
import type { Pool } from './pool.ts';
import { DIMS, sharedDoubles } from './rows.ts';

/** What a search by definition may take on a busy machine; alone it takes a second. */
export const SLOWLY_MS = 60_000;

/** Rows for tests, shared as the pool wants them. */
export function rowsOf(rows: readonly (readonly number[])[]): Float64Array {
  const shared = sharedDoubles(rows.length * DIMS);
  shared.set(rows.flat());
  return shared;
}

export function makeRows(
  count: number,
  coordinate: (random: Random, row: number, d: number) => number,
): Float64Array {
  const random = new Random(count, 'sample');
  const rows = sharedDoubles(count * DIMS);
  for (let row = 0; row < count; row++) {
    random.at(row);
    for (let d = 0; d < DIMS; d++) rows[row * DIMS + d] = coordinate(random, row, d);
  }
  return rows;
}

/** Multiples of square roots of primes, modulo 1: the same bits as in fixtures/make.py. */
export function weyl(row: number, d: number): number {
  return ((row + 1) * Math.sqrt([2, 3, 5, 7, 11, 13, 17, 19][d])) % 1;
}

export async function withPool<Result>(
  threads: number,
  work: (pool: Pool) => Promise<Result>,
): Promise<Result> {
  const pool = openPool(threads);
  try {
    return await work(pool);
  } finally {
    pool.close();
  }
}

/** The largest error: a share of the expected number, or absolute where that is below 1. */
export function apart(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Infinity;
  let most = 0;
  for (let i = 0; i < found.length; i++)
    most = Math.max(most, Math.abs(found[i] - expected[i]) / Math.max(1, Math.abs(expected[i])));
  return most;
}
