import { Random } from '../base/random.ts';
import type { Pool } from '../base/thread-pool.ts';
import type { CustomerTable, Fields } from './customers.ts';
import type { Coded } from './dictionary.ts';
import { openPool } from './kernels.ts';
import { DIMS, sharedDoubles, sharedIntegers } from './rows.ts';

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

/** A customer as features see him. */
export type DescribedCustomer = [
  latitude: number,
  longitude: number,
  sido: number,
  sigungu: string | null,
  level: string | null, // all four
  businessType: string | null,
  area: number,
];

/** A table of customers who have neither codes nor items. */
export function customerTable(customers: readonly DescribedCustomer[]): CustomerTable {
  const column = (at: 0 | 1 | 6): Float64Array => {
    const shared = sharedDoubles(customers.length);
    shared.set(customers.map((customer) => customer[at]));
    return shared;
  };
  const sido = new Int8Array(new SharedArrayBuffer(customers.length));
  sido.set(customers.map((customer) => customer[2]));
  const levels = coded(customers.map((customer) => customer[4]));
  const none: Fields = { bytes: new Uint8Array(0), starts: new Uint32Array(1) };
  const nothing = {
    starts: new Uint32Array(customers.length + 1),
    codes: new Uint16Array(0),
    words: [],
  };
  return {
    count: customers.length,
    codes: none,
    names: none,
    latitude: column(0),
    longitude: column(1),
    sido,
    sigungu: coded(customers.map((customer) => customer[3])),
    levels: [levels, levels, levels, levels],
    businessType: coded(customers.map((customer) => customer[5])),
    area: column(6),
    contracts: nothing,
    products: nothing,
    moreContracts: nothing,
    firstContract: new Int16Array(customers.length),
    moreProducts: nothing,
    registeredType: coded(customers.map(() => null)),
  };
}

function coded(values: (string | null)[]): Coded {
  const words = [...new Set(values.filter((value) => value !== null))];
  const codes = sharedIntegers(values.length);
  for (const [row, value] of values.entries())
    codes[row] = value === null ? -1 : words.indexOf(value);
  return { codes, words };
}
