import type { Redis } from '../cache/client.ts';
import { readPools } from '../cache/pools.ts';
import type { Client } from '../store/client.ts';
import { readPoolMembers } from '../store/pools.ts';

export type CacheAudit = {
  entries: number;
  wrong: number; // they differ from their rows, or have none
  outdated: number; // their rows have changed since the cache was filled: no fault
  ageSeconds: number;
  firstDifference: string | null;
};

/**
 * Holds every entry of Redis' pools against its row. Users and products are of one generation, or
 * reading them fails.
 */
export async function auditCache(client: Client, redis: Redis): Promise<CacheAudit | null> {
  const cached = await readPools(redis);
  if (cached === null) return null;
  const { pool, changed } = await readPoolMembers(
    client,
    cached.users.map(({ userId }) => userId),
    cached.products.map(({ productId }) => productId),
    cached.readAtMs,
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
    firstDifference: id === undefined ? null : `Redis has ${id} otherwise than PostgreSQL`,
  };
}
