import { followPools } from '../../cache/follow.ts';
import type { Generation } from '../../cache/pools.ts';
import { refreshPools } from '../../cache/refresh.ts';
import { samplePool } from '../../cache/testing.ts';
import type { Pool } from '../../model/pool.ts';
import type { SimulatedDatabase } from './database.ts';
import { SimulatedRedisClient, type SimulatedRedis } from './redis.ts';
import { SILENT, type Running } from './running.ts';
import { unreachable } from './sink-store.ts';

export const ENTRIES = 2; // users, and as many products

const REFRESH_MS = 5_000;
const RETRY_MS = 1_000;
const FOLLOW_MS = 2_000;
const POOLS = 64; // made once; a world loads fewer

const pools: readonly Pool[] = Array.from({ length: POOLS }, (_, number) =>
  samplePool(ENTRIES, `pool ${number}`),
);

/** What was loaded and what a reader saw, over all of a world. */
export type CacheLog = {
  read: number; // pools read from the database
  loaded: string | null; // the pool that was put in place last
  seen: Generation[];
  emptied: number; // how often Redis was
};

/** Fills the cache, as the cache worker does. */
export async function refresh(
  { process, signal }: Running,
  database: SimulatedDatabase,
  server: SimulatedRedis,
  log: CacheLog,
): Promise<void> {
  let reading = '';
  await refreshPools({
    redis: new SimulatedRedisClient(server, process).redis,
    signal,
    log: SILENT,
    everyMs: REFRESH_MS,
    retryMs: RETRY_MS,
    time: process,
    onLoaded: () => (log.loaded = reading),
    loadRows: () =>
      process.call(
        'cache rows',
        () => {
          if (database.away) throw unreachable();
          const pool = pools[log.read++ % POOLS];
          reading = pool.users[0].name;
          return pool;
        },
        unreachable,
      ),
  });
}

/** Reads the cache, as the producer does. */
export async function follow(
  { process, signal }: Running,
  server: SimulatedRedis,
  log: CacheLog,
): Promise<void> {
  await followPools({
    redis: new SimulatedRedisClient(server, process).redis,
    signal,
    log: SILENT,
    everyMs: FOLLOW_MS,
    time: process,
    onGeneration: (generation) => log.seen.push(generation),
  });
}
