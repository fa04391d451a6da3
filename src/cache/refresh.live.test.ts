import { afterAll, beforeEach, expect, test } from 'bun:test';
import type { Redis } from 'ioredis';

import { PipelineError } from '../base/errors.ts';
import { logger, type Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { until as eventually } from '../base/testing.ts';
import type { Pool } from '../model/pool.ts';
import { temporaryRedis } from '../stack/temporary-redis.ts';
import { closeRedis, openRedis } from './client.ts';
import { followPools } from './follow.ts';
import { loadPools, readPools, type Generation } from './pools.ts';
import { refreshPools, type RefreshOptions } from './refresh.ts';
import { samplePool } from './testing.ts';

const WAIT_MS_MAX = 8_000;
const server = await temporaryRedis();
const redis = await openRedis(server.redisUrl);
const lines: string[] = [];
const log: Log = logger('test', { level: 'info', people: true, write: (line) => lines.push(line) });

afterAll(async () => {
  await closeRedis(redis);
  await server.stop();
});
beforeEach(async () => {
  await redis.flushdb();
  lines.length = 0;
  metrics.cacheSkipped.reset();
  metrics.cacheRefreshSeconds.reset();
});

const until = (what: string, holds: () => boolean | Promise<boolean>): Promise<void> =>
  eventually(holds, WAIT_MS_MAX, what);

async function skipped(reason: string): Promise<number> {
  const { values } = await metrics.cacheSkipped.get();
  return values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0;
}

async function gauge(metric: typeof metrics.cacheAge, pool: string): Promise<number> {
  const { values } = await metric.get();
  return values.find(({ labels }) => labels['pool'] === pool)?.value ?? Number.NaN;
}

const status = async (): Promise<number> => (await metrics.redisUp.get()).values[0].value;

/** Runs the worker's loop while `during` lasts. */
async function refreshing(
  options: Partial<RefreshOptions> & Pick<RefreshOptions, 'loadRows'>,
  during: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const running = refreshPools({ redis, log, signal: stop.signal, everyMs: 40, ...options });
  running.catch(() => undefined); // it is thrown below, once `during` is over
  try {
    await during();
  } finally {
    stop.abort();
    await running;
  }
}

/** Follows the pools while `during` lasts. */
async function following(
  from: Redis,
  during: (seen: Generation[]) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const seen: Generation[] = [];
  const onGeneration = (generation: Generation): void => {
    seen.push(generation);
  };
  const running = followPools({ redis: from, log, signal: stop.signal, onGeneration, everyMs: 20 });
  try {
    await during(seen);
  } finally {
    stop.abort();
    await running;
  }
}

test('the first refresh is at once, the others in their rhythm; phases, sizes and age are exported', async () => {
  let turn = 0;
  const started = performance.now();
  const loadRows = async (): Promise<Pool> => samplePool(30, `turn ${++turn}`);
  const loaded: number[] = [];
  await refreshing(
    { loadRows, onLoaded: ({ generation }) => loaded.push(generation) },
    async () => {
      await until('one', () => loaded.length > 0);
      expect(performance.now() - started).toBeLessThan(500);
      await until('four', () => loaded.length >= 4);
    },
  );
  expect(loaded.slice(0, 4)).toEqual([1, 2, 3, 4]);
  expect((await readPools(redis))?.users[0].name).toBe(`turn ${turn}`);
  expect(await gauge(metrics.cacheEntries, 'users')).toBe(30);
  expect(await gauge(metrics.cacheAge, 'products')).toBeLessThan(1);
  const { values } = await metrics.cacheRefreshSeconds.get();
  const phases = values
    .filter(({ metricName }) => metricName?.endsWith('_count'))
    .map(({ labels, value }) => [labels['phase'], value]);
  expect(phases).toEqual([
    ['read', loaded.length],
    ['stage', loaded.length],
    ['swap', loaded.length],
  ]);
});

test('a slow refresh is never overlapped, and the turns it took are counted', async () => {
  let now = 0;
  let most = 0;
  let turns = 0;
  const loadRows = async (): Promise<Pool> => {
    most = Math.max(most, ++now);
    await Bun.sleep(turns++ === 0 ? 250 : 1);
    now--;
    return samplePool(3);
  };
  await refreshing({ loadRows, everyMs: 60 }, async () => {
    await until('the turns after it', () => turns >= 3);
  });
  expect(most).toBe(1);
  expect(await skipped('slow')).toBeGreaterThanOrEqual(4);
  expect(await skipped('slow')).toBeLessThanOrEqual(8);
  expect(lines.some((line) => line.includes('longer than its turn'))).toBe(true);
});

test('an empty shop leaves the cache alone, and is asked again before the next turn', async () => {
  await loadPools(redis, samplePool(20, 'kept'), Date.now());
  let turns = 0;
  const loadRows = async (): Promise<Pool> => {
    turns++;
    if (turns === 1) return { users: [], products: [] };
    return turns === 2 ? { ...samplePool(5), products: [] } : samplePool(10, 'new');
  };
  const loaded: number[] = [];
  const onLoaded = (): void => {
    loaded.push(turns);
  };
  await refreshing({ loadRows, onLoaded, everyMs: 60_000, retryMs: 30 }, async () => {
    await until('rows', () => loaded.length > 0);
  });
  expect(loaded).toEqual([3]);
  expect(await skipped('empty')).toBe(2);
});

test('PostgreSQL away: the cache stays, and it is tried again; a defect ends the loop', async () => {
  await loadPools(redis, samplePool(20, 'kept'), Date.now());
  let turns = 0;
  const loadRows = async (): Promise<Pool> => {
    if (++turns < 4) throw new PipelineError('DATABASE_UNREACHABLE', 'is it up?');
    if (turns === 4) return samplePool(10, 'back');
    throw new TypeError('ours');
  };
  const ended = refreshing({ loadRows, everyMs: 100, retryMs: 20 }, async () => {
    await until('rows again', async () => (await readPools(redis))?.users[0].name === 'back');
    await until('the defect', () => turns >= 5);
  });
  expect(await ended.catch(String)).toBe('TypeError: ours');
  expect(lines.filter((line) => line.includes('is it up?'))).toHaveLength(1); // not one a try
  expect(lines.filter((line) => line.includes('works again'))).toHaveLength(1);
});

test('Redis killed and restarted empty: no error leaves the loops, readers keep their pool, and the next refresh fills it', async () => {
  const reader = await openRedis(server.redisUrl);
  let turns = 0;
  const loadRows = async (): Promise<Pool> => samplePool(40, `turn ${++turns}`);
  const worker = { loadRows, everyMs: 150, retryMs: 50 };
  await refreshing(worker, async () => {
    await following(reader, async (seen) => {
      await until('a pool', () => seen.length > 0);
      await server.kill();
      await until('Redis is found to be away', async () => (await status()) === 0);
      await until('turns are left out', async () => (await skipped('redis_away')) >= 2);
      const held = seen.length;
      const queried = turns;
      await Bun.sleep(300);
      expect(seen).toHaveLength(held);
      expect(turns).toBe(queried); // rows that cannot be stored are not read
      await server.restart();
      await until('a pool again', () => seen.length > held);
      expect(seen.at(-1)?.number).toBeLessThanOrEqual(2); // it counts from 1 again
      expect(seen.at(-1)?.users).toHaveLength(40);
      expect(await status()).toBe(1);
    });
  });
  await closeRedis(reader);
}, 30_000);

test('Redis paused: the reader goes on with its last pool, whose age shows, and takes the next one after', async () => {
  const reader = await openRedis(server.redisUrl);
  await following(reader, async (seen) => {
    const readAtMs = Date.now() - 5_000;
    await loadPools(redis, samplePool(25, 'before'), readAtMs);
    await until('the pool', () => seen.length === 1);
    expect(await gauge(metrics.cacheAge, 'users')).toBeGreaterThanOrEqual(5);
    server.pause();
    try {
      await until('Redis is found to be away', async () => (await status()) === 0);
      await until('it has aged', async () => (await gauge(metrics.cacheAge, 'users')) > 7);
      expect(seen).toHaveLength(1);
      expect(await gauge(metrics.cacheEntries, 'users')).toBe(25);
    } finally {
      server.resume();
    }
    await until('Redis is back', async () => {
      const loading = loadPools(redis, samplePool(35, 'after'), Date.now());
      return await loading.then(() => true).catch(() => false);
    });
    await until('the next pool', () => seen.at(-1)?.users[0].name === 'after');
    expect(await gauge(metrics.cacheAge, 'users')).toBeLessThan(2);
  });
  await closeRedis(reader);
}, 30_000);

test('a reader takes only what is new, and nothing that is broken', async () => {
  await following(redis, async (seen) => {
    await Bun.sleep(60);
    expect(seen).toHaveLength(0); // nothing is there yet
    await loadPools(redis, samplePool(5, 'one'), 1_000);
    await until('the first', () => seen.length === 1);
    await Bun.sleep(100);
    expect(seen).toHaveLength(1);
    await redis.del('cache:users');
    await redis.hset('cache:users:meta', 'generation', 7);
    await until('it is found broken', () => lines.some((line) => line.includes('REDIS_FAILED')));
    expect(seen).toHaveLength(1);
    await loadPools(redis, samplePool(6, 'two'), 2_000);
    await until('the second', () => seen.length === 2);
    expect(seen[1]).toMatchObject({ number: 8, readAtMs: 2_000 });
  });
});

test('a Redis that comes back empty is filled again long before the next turn', async () => {
  const pool = samplePool(20);
  await refreshing({ loadRows: async () => pool, everyMs: 60_000, retryMs: 50 }, async () => {
    await until('the first refresh', async () => (await redis.dbsize()) > 0);
    await server.kill();
    await server.restart();
    await until(
      'a refresh after the restart',
      async () => (await redis.dbsize().catch(() => 0)) > 0,
    );
  });
});
