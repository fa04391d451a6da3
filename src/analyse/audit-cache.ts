import type { Redis } from '../cache/client.ts';
import { PipelineError } from '../base/errors.ts';
import { readPools, type Generation } from '../cache/pools.ts';
import type { Client } from '../store/client.ts';
import { readPoolMembers } from '../store/pools.ts';

export type CacheAudit = {
  entries: number;
  wrong: number; // they differ from their rows, or have none
  outdated: number; // their rows have changed since the cache was filled: no fault
  ageSeconds: number;
  firstDifference: string | null;
  error: string | null; // Redis did not answer: nothing is said of it
};

/** What Redis holds, or why it cannot be said. */
export type Cached = { pools: Generation | null; error: string | null };

/** Redis being away is no verdict on Kafka and PostgreSQL, so it is told and not thrown. */
export async function cachedPools(redis: Redis): Promise<Cached> {
  try {
    return { pools: await readPools(redis), error: null };
  } catch (cause) {
    if (!(cause instanceof PipelineError)) throw cause;
    return { pools: null, error: cause.message };
  }
}

// A row's stamp is when its transaction began, and that may have been before the cache was filled.
const TRANSACTION_MS_MAX = 60_000;

/** Holds every entry of Redis' pools, read before, against its row. */
export async function auditCache(
  client: Client,
  { pools: cached, error }: Cached,
): Promise<CacheAudit | null> {
  if (error !== null) {
    return { entries: 0, wrong: 0, outdated: 0, ageSeconds: 0, firstDifference: null, error };
  }
  if (cached === null) return null;
  const { pool, changed } = await readPoolMembers(
    client,
    cached.users.map(({ userId }) => userId),
    cached.products.map(({ productId }) => productId),
    cached.readAtMs - TRANSACTION_MS_MAX,
  );
  const users = new Map(pool.users.map((user) => [user.userId, user]));
  const products = new Map(pool.products.map((product) => [product.productId, product]));
  const { rows } = await client.query<{ age: number }>(
    'select extract(epoch from clock_timestamp() - $1::timestamptz)::float8 as age',
    [new Date(cached.readAtMs)],
  );
  const wrong = [
    ...cached.users.filter(
      (user) => !changed.has(user.userId) && !Bun.deepEquals(users.get(user.userId), user),
    ),
    ...cached.products.filter(
      (product) =>
        !changed.has(product.productId) &&
        !Bun.deepEquals(products.get(product.productId), product),
    ),
  ];
  const first = wrong.at(0);
  const id = first && ('userId' in first ? first.userId : first.productId);
  return {
    entries: cached.users.length + cached.products.length,
    wrong: wrong.length,
    outdated: changed.size,
    ageSeconds: rows[0].age,
    error: null,
    firstDifference: id === undefined ? null : `Redis has ${id} otherwise than PostgreSQL`,
  };
}
