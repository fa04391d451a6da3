import type { Redis } from 'ioredis';

import type { Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { repeat } from '../base/schedule.ts';
import { REAL_TIME, type Time } from '../base/time.ts';
import type { Pool } from '../model/pool.ts';
import { PoolAge } from './age.ts';
import { ask } from './failure.ts';
import { Outage } from '../base/outage.ts';
import { loadPools, type Loaded } from './pools.ts';

export const REFRESH_EVERY_MS = 50_000; // seed 002
const RETRY_EVERY_MS = 5_000;

export type RefreshOptions = {
  redis: Redis;
  /** Reads PostgreSQL; a PipelineError means that it is away. */
  loadRows: () => Promise<Pool>;
  signal: AbortSignal;
  log: Log;
  everyMs?: number;
  retryMs?: number; // after one that came to nothing or was lost, as long as the next is not due
  time?: Time;
  onLoaded?: (loaded: Loaded) => void;
};

/**
 * Refreshes the pools at once and then every `everyMs`, one refresh at a time, until aborted. Redis
 * or PostgreSQL being away, or the shop still empty, leaves the cache as it is and is tried again. A
 * Redis that was away and came back is filled without waiting for the next turn.
 */
export async function refreshPools(options: RefreshOptions): Promise<void> {
  const { signal, log, everyMs = REFRESH_EVERY_MS, retryMs = RETRY_EVERY_MS } = options;
  const { time = REAL_TIME } = options;
  const outage = new Outage(log, 'refreshing the cache');
  const age = new PoolAge(time);
  const onSkipped = (turns: number): void => {
    metrics.cacheSkipped.inc({ reason: 'slow' }, turns);
    log.warn('a refresh took longer than its turn', { turns });
  };
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const redisNow = { connections: 0 }; // after each but the first it may have come back empty
  const onReady = (): void => void redisNow.connections++;
  options.redis.on('ready', onReady);
  const refreshing = repeat({ everyMs, signal: both, onSkipped, time }, async () => {
    const lastTryMs = time.monotonicMs() + everyMs - retryMs;
    for (;;) {
      const { connections } = redisNow;
      const isFresh = (await outage.survive(() => refreshOnce(options, time, age))) === true;
      const stays = (): boolean => isFresh && redisNow.connections === connections;
      do {
        if (time.monotonicMs() > lastTryMs) return;
        await time.sleep(retryMs, both);
        if (both.aborted) return;
      } while (stays());
    }
  });
  try {
    await Promise.all([refreshing, age.keep(both)]);
  } finally {
    options.redis.off('ready', onReady);
    ended.abort(); // a defect in one of them must not leave the other behind
  }
}

/** Whether the cache is fresh now. */
async function refreshOnce(
  { redis, loadRows, onLoaded }: RefreshOptions,
  time: Time,
  age: PoolAge,
): Promise<boolean> {
  // Rows that have nowhere to go are not worth PostgreSQL's time.
  await ask(redis, 'load', 'refreshing the cache', redis.ping()).catch((cause: unknown) => {
    metrics.cacheSkipped.inc({ reason: 'redis_away' });
    throw cause;
  });
  const readAtMs = time.now();
  const startedMs = time.monotonicMs();
  const pool = await loadRows();
  const { cacheRefreshSeconds } = metrics;
  cacheRefreshSeconds.observe({ phase: 'read' }, (time.monotonicMs() - startedMs) / 1_000);
  if (pool.users.length === 0 || pool.products.length === 0) {
    metrics.cacheSkipped.inc({ reason: 'empty' });
    return false;
  }
  const loaded = await loadPools(redis, pool, readAtMs);
  cacheRefreshSeconds.observe({ phase: 'stage' }, loaded.seconds.stage);
  cacheRefreshSeconds.observe({ phase: 'swap' }, loaded.seconds.swap);
  age.use(pool, readAtMs);
  onLoaded?.(loaded);
  return true;
}
