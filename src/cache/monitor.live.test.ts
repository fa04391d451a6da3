import { afterAll, expect, test } from 'bun:test';

import { REAL_TIME } from '../base/time.ts';
import { temporaryRedis } from '../stack/temporary-redis.ts';
import { closeRedis, openRedis } from './client.ts';
import { CacheMonitor, monitorCache, sampleCache } from './monitor.ts';
import { findUser, loadPools } from './pools.ts';
import { samplePool } from './testing.ts';

const server = await temporaryRedis(); // of its own: hits and memory are those of the whole server
const redis = await openRedis(server.redisUrl);

afterAll(async () => {
  await closeRedis(redis);
  await server.stop();
});

test('samples of a real Redis: hits without its own, sizes, swaps', async () => {
  const monitor = new CacheMonitor();
  const look = async (): Promise<string> => monitor.line(await sampleCache(redis, 50_000));
  expect(await look()).toContain('no pools');
  expect(await look()).toContain('hits - │ users 0 │ products 0 │ swaps 0'); // its own three misses
  await loadPools(redis, samplePool(1_000), 30_000);
  const first = await look();
  expect(first).toContain('  20/50 s');
  expect(first).toContain('users 1,000 │ products 1,000 │ swaps 1');
  expect(first).toMatch(/ [1-9]\d*\.\d MiB │ [\d,]+ ops\/s/);
  await look();
  for (const id of ['U_00000001', 'U_00000002', 'U_00000003']) await findUser(redis, id);
  await redis.get('nothing');
  expect(await look()).toContain('hits 75.0 %');
  expect(await look()).toContain('hits -');
  await loadPools(redis, samplePool(20), 31_000);
  await loadPools(redis, samplePool(30), 32_000);
  expect(await look()).toContain('users 30 │ products 30 │ swaps 3');
});

test('a line a turn, also while Redis is away', async () => {
  const lines: string[] = [];
  const stop = new AbortController();
  const { signal } = stop;
  const time = { ...REAL_TIME, sleep: () => Bun.sleep(20) };
  const running = monitorCache({ redis, signal, time, write: (line) => lines.push(line) });
  const says = async (what: RegExp): Promise<void> => {
    for (let turn = 0; !lines.some((line) => what.test(line)); turn++) {
      if (turn > 500) throw new Error(`no line says ${String(what)}`);
      await Bun.sleep(10);
    }
  };
  await says(/users 30/);
  await server.kill();
  await says(/looking at Redis: .*is it up\?/);
  await server.restart();
  await says(/no pools/);
  stop.abort();
  await running;
  for (const line of lines) expect(line).toMatch(/^\d\d:\d\d:\d\d │ /);
}, 20_000);
