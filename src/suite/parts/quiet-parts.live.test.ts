import { afterAll, beforeAll, expect, test } from 'bun:test';

import { logger, type LogFields } from '../../base/log.ts';
import { metrics } from '../../base/metrics.ts';
import { withRedis } from '../../cache/client.ts';
import { readPools } from '../../cache/pools.ts';
import type { Check } from '../../show/server.ts';
import { testDatabase, type TestDatabase } from '../../stack/testing.ts';
import { testRedis, type TestRedis } from '../../stack/testing-redis.ts';
import { withClient } from '../../store/client.ts';
import { migrate } from '../../store/migrate.ts';
import { configFromEnvironment, type SuiteConfig } from '../config.ts';
import { runPart, type Part } from '../part.ts';
import { Vitals } from '../vitals.ts';
import { cacheWorker } from './cache-worker.ts';
import { gradeUpdater } from './grade-updater.ts';
import { initialSeeder } from './initial-seeder.ts';
import { redisMonitor } from './redis-monitor.ts';

let database: TestDatabase;
let redis: TestRedis;
let config: SuiteConfig;

beforeAll(async () => {
  database = await testDatabase('parts');
  redis = await testRedis();
  await withClient(database.url, migrate);
  config = configFromEnvironment({ databaseUrl: database.url, redisUrl: redis.url, kafka: null });
});

afterAll(async () => {
  await redis.stop();
  await database.drop();
});

type Line = { msg: string } & LogFields;

/** Runs a part until it ends, or until `enough` of its lines have been seen. */
async function run(part: Part, enough: (lines: Line[]) => boolean, known = config) {
  const lines: Line[] = [];
  const checks: Check[] = [];
  const stop = new AbortController();
  const vitals = Vitals.forParts(1);
  const log = logger(part.name, {
    level: 'debug',
    people: false,
    write: (text) => {
      lines.push(JSON.parse(text));
      if (enough(lines)) stop.abort();
    },
  });
  const wiring = { name: part.name, config: known, vitals, slot: 0, log };
  const failure = await runPart(part, { ...wiring, onCheck: (check) => checks.push(check) }, stop);
  return { lines, checks, failure, ...vitals.read(0) };
}

const never = (): boolean => false;

test('the initial seeder fills an empty shop, ends, and leaves a filled one alone', async () => {
  const first = await run(initialSeeder, never);
  expect(first.failure).toBeNull();
  expect(first.lines).toMatchObject([{ msg: 'filled the shop', users: 10_000, products: 20_000 }]);
  expect(first.progress).toBe(1);
  const second = await run(initialSeeder, never);
  expect(second.failure).toBeNull();
  expect(second.lines).toMatchObject([{ msg: 'the shop has been filled before' }]);
}, 60_000);

test('the cache worker puts a whole pool into Redis at once', async () => {
  const ended = await run(cacheWorker, (lines) =>
    lines.some(({ msg }) => msg === 'refreshed the cache'),
  );
  expect(ended.failure).toBeNull();
  expect(ended.progress).toBe(1);
  expect(ended.beats).toBeGreaterThan(0);
  const pools = await withRedis(redis.url, readPools);
  expect(pools?.users).toHaveLength(1_000);
  expect(pools?.products).toHaveLength(1_000);
}, 30_000);

test('the monitor writes lines about Redis', async () => {
  const ended = await run(redisMonitor, (lines) => lines.length === 2);
  expect(ended.failure).toBeNull();
  expect(ended.lines[0].msg).toContain('users 1,000');
  expect(ended.progress).toBe(2);
}, 30_000);

test('the grade updater passes grades at once, and says when it last did', async () => {
  const ended = await run(gradeUpdater, (lines) => lines.length === 1);
  expect(ended.failure).toBeNull();
  expect(ended.lines[0]).toMatchObject({ msg: 'graded', users: 10_000, BRONZE: 10_000, VIP: 0 });
  const { values } = await metrics.jobLastSuccess.get();
  const at = values.find(({ labels }) => labels['job'] === 'grade-updater')?.value;
  expect(at).toBeGreaterThan(Date.now() / 1_000 - 30);
  expect(ended.checks).toEqual([{ name: 'postgres', failure: null, degrades: false }]);
}, 30_000);

test('a part that is told to stop while its database is away stops at once, and without complaint', async () => {
  const away = { ...config, databaseUrl: 'postgres://nobody:secret@127.0.0.1:1/none' };
  const started = performance.now();
  const stop = new AbortController();
  const checks: Check[] = [];
  const vitals = Vitals.forParts(1);
  const log = logger('test', { level: 'off' });
  const over = runPart(
    gradeUpdater,
    { name: 'g', config: away, vitals, slot: 0, log, onCheck: (check) => checks.push(check) },
    stop,
  );
  while (checks.length === 0) await Bun.sleep(5);
  stop.abort();
  expect(await over).toBeNull();
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(checks[0].failure).toContain('ECONNREFUSED');
  expect(checks[0].failure).not.toContain('secret');
}, 20_000);

test('Redis away only degrades: the cache worker goes on trying, and says so', async () => {
  const away = { ...config, redisUrl: 'redis://:secret@127.0.0.1:1/0' };
  const ended = await run(cacheWorker, (lines) => lines.length > 0, away);
  expect(ended.failure).toBeNull();
  expect(ended.lines[0]).toMatchObject({ level: 'warn', code: 'REDIS_UNREACHABLE' });
  expect(JSON.stringify(ended.lines)).not.toContain('secret');
  const told = { name: 'redis', failure: 'not connected', degrades: true };
  expect(ended.checks).toContainEqual(told);
}, 20_000);

test('a wrong password of Redis ends who needs it with one clear error, and is not printed', async () => {
  const wrong = new URL(redis.url);
  wrong.password = 'letmein';
  for (const part of [redisMonitor, cacheWorker]) {
    const ended = await run(part, never, { ...config, redisUrl: wrong.href });
    expect(ended.failure?.code).toBe('REDIS_FAILED');
    expect(ended.failure?.message).toMatch(/connecting to Redis at redis:.*check REDIS_URL$/);
    expect(JSON.stringify(ended.lines)).not.toContain('letmein');
  }
}, 20_000);

test('a part whose service nobody named says what to set', async () => {
  const nameless = { ...config, databaseUrl: null };
  expect((await run(gradeUpdater, never, nameless)).failure).toMatchObject({
    code: 'DATABASE_UNREACHABLE',
    message: expect.stringContaining('set DATABASE_URL'),
  });
});
