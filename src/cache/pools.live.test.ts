import { afterAll, beforeEach, expect, test } from 'bun:test';
import type { Redis } from 'ioredis';

import { metrics } from '../base/metrics.ts';
import { temporaryRedis } from '../stack/temporary-redis.ts';
import { testRedis } from '../stack/testing-redis.ts';
import { closeRedis, connectRedis } from './client.ts';
import {
  findProduct,
  findUser,
  loadPools,
  POOL_ENTRIES_MAX,
  readMark,
  readPools,
  sampleUsers,
} from './pools.ts';
import { samplePool } from './testing.ts';

const AT = Date.UTC(2026, 10, 21, 7, 0, 0, 123);
const server = await testRedis();
const redis = await connectRedis(server.url);

afterAll(async () => {
  await closeRedis(redis);
  await server.stop();
});
beforeEach(() => redis.flushdb());

/** Every name in a generation as it was read; of a whole one there is one. */
async function names(from: Redis = redis): Promise<string[]> {
  const found = await readPools(from);
  return [
    ...new Set([...(found?.users ?? []), ...(found?.products ?? [])].map(({ name }) => name)),
  ];
}

test('what is loaded is read, with its number and its age', async () => {
  expect(await readPools(redis)).toBeNull();
  expect(await readMark(redis)).toBeNull();
  const pool = samplePool(1_000);
  const loaded = await loadPools(redis, pool, AT);
  expect(loaded.generation).toBe(1);
  expect(await readPools(redis)).toEqual({ number: 1, readAtMs: AT, ...pool });
  await loadPools(redis, pool, AT + 1);
  expect(await readMark(redis)).toEqual({ number: 2, readAtMs: AT + 1 });
});

test('the keys are those of the original, and nothing else stays', async () => {
  await loadPools(redis, samplePool(300), AT);
  await loadPools(redis, samplePool(200), AT);
  expect((await redis.keys('*')).toSorted()).toEqual([
    'cache:products',
    'cache:products:meta',
    'cache:users',
    'cache:users:meta',
  ]);
  for (const key of await redis.keys('*')) expect(await redis.ttl(key)).toBe(-1);
  expect(await redis.hlen('cache:users')).toBe(200); // those no longer chosen are gone
  const updated_at = '2026-11-21T16:00:00.123+09:00';
  const meta = { count: '200', updated_at, generation: '2' };
  expect(await redis.hgetall('cache:users:meta')).toEqual(meta);
  expect(await redis.hgetall('cache:products:meta')).toEqual(meta);
  const entry = await redis.hget('cache:users', 'U_00000007');
  expect(JSON.parse(entry ?? '')).toMatchObject({ user_id: 'U_00000007', age: 20 });
});

test('single look-ups and samples', async () => {
  const pool = samplePool(100);
  await loadPools(redis, pool, AT);
  expect(await findUser(redis, 'U_00000005')).toEqual(pool.users[4]);
  expect(await findProduct(redis, 'P00000100')).toEqual(pool.products[99]);
  expect(await findUser(redis, 'U_00000101')).toBeNull();
  const some = await sampleUsers(redis, 30);
  expect(new Set(some.map((user) => user.userId)).size).toBe(30);
  for (const user of some) expect(pool.users).toContainEqual(user);
  expect(await sampleUsers(redis, 500)).toHaveLength(100);
});

test('pools of one, and of the most there may be; more and none are refused', async () => {
  await loadPools(redis, samplePool(1), AT);
  expect(await names()).toEqual(['first']);
  await loadPools(redis, samplePool(POOL_ENTRIES_MAX, 'most'), AT);
  expect((await readPools(redis))?.users).toHaveLength(POOL_ENTRIES_MAX);
  for (const count of [0, POOL_ENTRIES_MAX + 1]) {
    expect(loadPools(redis, samplePool(count), AT)).rejects.toThrow(RangeError);
  }
  expect(await names()).toEqual(['most']);
});

test('no reader ever sees half: 200 generations, read by two while they are swapped', async () => {
  const generations = 200;
  const other = await connectRedis(server.url);
  const writing = new AbortController();
  const seen = new Set<string>();
  let reads = 0;
  const read = async (from: Redis): Promise<void> => {
    while (!writing.signal.aborted) {
      const found = await readPools(from);
      reads++;
      if (found === null) continue;
      const kinds = new Set([...found.users, ...found.products].map(({ name }) => name));
      expect([...kinds]).toEqual([`generation ${found.number}`]);
      // Every generation has a size of its own too.
      expect([found.users.length, found.products.length]).toEqual([
        size(found.number),
        size(found.number),
      ]);
      expect(found.readAtMs).toBe(AT + found.number);
      seen.add([...kinds][0]);
    }
  };
  const size = (number: number): number => 101 + ((number * 37) % 300);
  const readers = [read(redis), read(other)];
  const writer = await connectRedis(server.url);
  for (let number = 1; number <= generations; number++) {
    const pool = samplePool(size(number), `generation ${number}`);
    const loaded = await loadPools(writer, pool, AT + number);
    expect(loaded.generation).toBe(number);
  }
  writing.abort();
  await Promise.all(readers);
  expect(seen.size).toBeGreaterThan(20); // or nothing was tried
  expect(reads).toBeGreaterThan(50);
  await Promise.all([closeRedis(other), closeRedis(writer)]);
}, 30_000);

test('two loaders at once: both end well, and one of them has it whole', async () => {
  const other = await connectRedis(server.url);
  for (let turn = 0; turn < 20; turn++) {
    const both = [
      loadPools(redis, samplePool(150, 'ours'), AT),
      loadPools(other, samplePool(250, 'theirs'), AT),
    ];
    const numbers = (await Promise.all(both)).map((loaded) => loaded.generation);
    expect(numbers.toSorted((a, b) => a - b)).toEqual([turn * 2 + 1, turn * 2 + 2]);
    expect(await names()).toHaveLength(1);
    expect(await redis.dbsize()).toBe(4);
  }
  await closeRedis(other);
});

/** The same connection, but before the swap happens something else does. */
function beforeSwap(what: (staged: string[]) => Promise<unknown>): Redis {
  const evaluate = async (script: string, keys: number, ...rest: string[]): Promise<unknown> => {
    if (script.includes('rename')) await what(rest.slice(0, 2));
    return await redis.eval(script, keys, ...rest);
  };
  return new Proxy(redis, {
    get(target, name) {
      if (name === 'eval') return evaluate;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('staged entries live for a minute at most, from the first one on', async () => {
  const times: number[] = [];
  const watched = beforeSwap(async (staged) => {
    for (const key of staged) times.push(await redis.ttl(key));
    throw new Error('killed');
  });
  expect(loadPools(watched, samplePool(1_000), AT)).rejects.toThrow('killed');
  await loadPools(watched, samplePool(1_000), AT).catch(() => undefined);
  expect(times).toHaveLength(4);
  for (const seconds of times) {
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(60);
  }
  expect(await redis.dbsize()).toBe(0); // and a loader that fails cleans up
});

test('staged entries that were evicted stop the swap, and the old pools stay', async () => {
  await loadPools(redis, samplePool(500, 'old'), AT);
  const tampered = [
    beforeSwap((staged) => redis.del(staged[0])),
    beforeSwap((staged) => redis.hdel(staged[1], 'P00000077')),
  ];
  for (const loader of tampered) {
    const failure = await loadPools(loader, samplePool(400, 'new'), AT).catch((cause) => cause);
    expect(failure).toMatchObject({ code: 'REDIS_FAILED' });
    expect(String(failure)).toContain('staged entries are gone');
    expect(await names()).toEqual(['old']);
    expect(await redis.dbsize()).toBe(4);
  }
});

test('pools that are not whole are an error, and the next load repairs them', async () => {
  const BROKEN: [string, () => Promise<unknown>][] = [
    ['it has 0 of 50', () => redis.del('cache:users')],
    ['it has 49 of 50', () => redis.hdel('cache:products', 'P00000001')],
    ['it has 51 of 50', () => redis.hset('cache:users', 'U_x', '{}')],
    ['it has 50 of 0', () => redis.del('cache:products:meta')],
    ['not ours', () => redis.hset('cache:products:meta', 'generation', 99)],
    ['not ours', () => redis.hset('cache:products:meta', 'updated_at', 'x')],
    ['not JSON', () => redis.hset('cache:users', 'U_00000001', '{')],
    ['price', () => redis.hset('cache:products', 'P00000001', '{"product_id":"P00000001"}')],
    ['WRONGTYPE', () => redis.set('cache:users', 'x')],
    ['WRONGTYPE', () => redis.set('cache:users:meta', 'x')],
  ];
  for (const [what, breakIt] of BROKEN) {
    await loadPools(redis, samplePool(50), AT);
    await breakIt();
    const failure = await readPools(redis).catch((cause) => cause);
    expect(failure).toMatchObject({ code: 'REDIS_FAILED' });
    if (what !== 'price') expect(String(failure)).toContain(what);
    await loadPools(redis, samplePool(60, 'repaired'), AT);
    expect(await names()).toEqual(['repaired']);
  }
  await redis.del('cache:users');
  for (let from = 0; from <= POOL_ENTRIES_MAX; from += 1_000) {
    const fields = Array.from({ length: 1_000 }, (_, at) => [`U_${from + at}`, '{}']);
    await redis.hset('cache:users', ...fields.flat());
  }
  expect(readPools(redis)).rejects.toThrow('are the most');
});

test('out of memory: REDIS_FAILED, and the old pools are whole; with memory it goes on', async () => {
  const small = await temporaryRedis({ settings: { 'maxmemory-policy': 'noeviction' } });
  const client = await connectRedis(small.redisUrl);
  try {
    await loadPools(client, samplePool(500, 'old'), AT);
    const errors = async (): Promise<number> => {
      const { values } = await metrics.redisErrors.get();
      return values.find(({ labels }) => labels['command'] === 'load')?.value ?? 0;
    };
    const before = await errors();
    await client.config('SET', 'maxmemory', '1mb');
    const failure = await loadPools(client, samplePool(500, 'new'), AT).catch((cause) => cause);
    expect(failure).toMatchObject({ code: 'REDIS_FAILED', retryable: true });
    expect(String(failure)).toContain('OOM');
    expect(String(failure)).toContain('maxmemory');
    expect(await errors()).toBe(before + 1);
    expect(await names(client)).toEqual(['old']);
    expect(await client.dbsize()).toBe(4);

    // Full between the first pipeline and the last: the second kind of entries finds no room.
    const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
    await client.config('SET', 'maxmemory', String(used + 1_000_000));
    const half = await loadPools(client, samplePool(1_500, 'new'), AT).catch((cause) => cause);
    expect(half).toMatchObject({ code: 'REDIS_FAILED' });
    expect(await names(client)).toEqual(['old']);
    expect(await client.dbsize()).toBe(4);

    // Full exactly at the swap, which must not fail in its middle.
    const filling = new Proxy(client, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== 'eval') return typeof value === 'function' ? value.bind(target) : value;
        return async (...args: Parameters<Redis['eval']>) => {
          await client.config('SET', 'maxmemory', '1mb');
          return await client.eval(...args);
        };
      },
    });
    await client.config('SET', 'maxmemory', '0');
    await loadPools(filling, samplePool(400, 'swapped'), AT);
    expect(await names(client)).toEqual(['swapped']);
    await client.config('SET', 'maxmemory', '0');
    await loadPools(client, samplePool(1_000, 'new'), AT);
    expect(await names(client)).toEqual(['new']);
  } finally {
    await closeRedis(client);
    await small.stop();
  }
}, 20_000);

test('Redis killed while a generation is staged: an error, and no half when it is back', async () => {
  const mortal = await temporaryRedis();
  const client = await connectRedis(mortal.redisUrl);
  try {
    await loadPools(client, samplePool(1_000, 'old'), AT);
    // Heard at once: it may fail before the server is known to be dead.
    const loading = loadPools(client, samplePool(POOL_ENTRIES_MAX, 'new'), AT).catch(
      (cause: unknown) => cause,
    );
    await mortal.kill();
    expect(await loading).toMatchObject({ code: 'REDIS_UNREACHABLE', retryable: true });
    await mortal.restart();
    for (let turn = 0; client.status !== 'ready' && turn < 500; turn++) await Bun.sleep(10);
    expect(await readPools(client)).toBeNull();
    expect(await client.dbsize()).toBe(0); // nothing was sent twice
    expect((await loadPools(client, samplePool(1_000, 'new'), AT)).generation).toBe(1);
    expect(await names(client)).toEqual(['new']);
  } finally {
    await closeRedis(client);
    await mortal.stop();
  }
}, 20_000);
