import { afterAll, expect, test } from 'bun:test';
import type { Redis } from 'ioredis';

import { PipelineError } from '../../base/errors.ts';
import { closeRedis, connectRedis } from '../../cache/client.ts';
import { loadPools, readMark, readPools } from '../../cache/pools.ts';
import { samplePool } from '../../cache/testing.ts';
import { testRedis } from '../../stack/testing-redis.ts';
import { CalmWorld } from './calm.ts';
import { SimulatedRedis, SimulatedRedisClient } from './redis.ts';

const AT_MS = Date.UTC(2026, 10, 21);

const server = await testRedis();
const real = await connectRedis(server.url);
afterAll(async () => {
  await closeRedis(real);
  await server.stop();
});

/** Everything the cache does with Redis, and what comes of it. */
async function story(redis: Redis): Promise<unknown[]> {
  const seen: unknown[] = [];
  const look = async (): Promise<void> => {
    seen.push(await readMark(redis), await readPools(redis));
  };
  await look();
  for (const [turn, count] of [3, 200, 2].entries()) {
    const loaded = await loadPools(redis, samplePool(count, `pool ${turn}`), AT_MS + turn);
    seen.push(loaded.generation);
    await look();
  }
  const { users, products } = samplePool(2, 'broken');
  const twice = { users: [users[0], users[0]], products }; // fewer are staged than are announced
  const failure = await loadPools(redis, twice, AT_MS).catch((cause: unknown) => cause);
  if (!(failure instanceof PipelineError)) throw failure;
  seen.push(failure.code, failure.message);
  await look();
  return seen;
}

test('the simulated Redis does what the real one does', async () => {
  const world = new CalmWorld(1);
  const redis = new SimulatedRedis(() => world.ground.scheduler.nowMs);
  const client = new SimulatedRedisClient(redis, world.time);
  const simulated = await world.run(story(client.redis), 60_000);
  expect(simulated).toEqual(await story(real));
  expect(redis.lasting).toEqual((await real.keys('*')).toSorted());
  expect(redis.lasting).toHaveLength(4);
});
