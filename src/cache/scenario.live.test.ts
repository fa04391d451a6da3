import { afterAll, beforeEach, expect, test } from 'bun:test';
import type { Redis } from 'ioredis';

import { logger, type Log } from '../base/log.ts';
import { until as eventually } from '../base/testing.ts';
import { SCENARIOS } from '../model/scenario.ts';
import { temporaryRedis } from '../stack/temporary-redis.ts';
import { closeRedis, openRedis } from './client.ts';
import {
  chooseScenario,
  currentScenario,
  SCENARIO_KEY,
  SCENARIO_MINUTES_MAX,
  watchScenario,
  type ChosenScenario,
} from './scenario.ts';

const WAIT_MS_MAX = 8_000;
const MINUTE_MS = 60_000;
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
});

const choose = (number: number, atMs = Date.now(), minutes?: number): Promise<ChosenScenario> =>
  chooseScenario(redis, number, { atMs, ...(minutes !== undefined && { minutes }) });

const until = (what: string, holds: () => boolean | Promise<boolean>): Promise<void> =>
  eventually(holds, WAIT_MS_MAX, what);

/** A producer that watches while `during` lasts. */
async function watching(
  during: (seen: ChosenScenario[]) => Promise<void>,
  from: Redis = redis,
): Promise<void> {
  const stop = new AbortController();
  const seen: ChosenScenario[] = [];
  const onChosen = (chosen: ChosenScenario): void => {
    seen.push(chosen);
  };
  const running = watchScenario({ redis: from, signal: stop.signal, log, onChosen, everyMs: 15 });
  try {
    await during(seen);
  } finally {
    stop.abort();
    await running;
  }
}

const numbers = (seen: ChosenScenario[]): number[] => seen.map(({ number }) => number);

test('a choice lasts as long as its scenario says, or as it is told', async () => {
  expect(await currentScenario(redis, 0)).toBeNull();
  const atMs = Date.now();
  for (const { number, timerMinutes } of SCENARIOS) {
    const chosen = await choose(number, atMs);
    expect(chosen).toEqual({ number, atMs, untilMs: atMs + timerMinutes * MINUTE_MS });
    const left = await redis.pttl(SCENARIO_KEY);
    expect(left).toBeGreaterThan(timerMinutes * MINUTE_MS - 1_000);
    const current = await currentScenario(redis, atMs);
    expect(current).toMatchObject({ number, atMs });
    expect(Math.abs((current?.untilMs ?? 0) - chosen.untilMs)).toBeLessThan(1_000);
  }
  await choose(3, atMs, 0.5);
  expect(await redis.pttl(SCENARIO_KEY)).toBeLessThanOrEqual(30_000);
});

test('numbers and minutes that are none are refused before Redis is asked', async () => {
  await choose(5);
  for (const number of [-1, 21, 1.5, Number.NaN]) {
    const failure = await choose(number).catch((cause: unknown) => cause);
    expect(failure).toMatchObject({ code: 'USAGE' });
  }
  for (const minutes of [0, -1, Number.NaN, Infinity, SCENARIO_MINUTES_MAX + 1]) {
    const failure = await choose(3, 1, minutes).catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(RangeError);
  }
  expect(await currentScenario(redis, 0)).toMatchObject({ number: 5 });
});

test('every choice is seen once, the same number twice included', async () => {
  await watching(async (seen) => {
    await Bun.sleep(50);
    expect(seen).toHaveLength(0);
    await choose(3, 1_000);
    await until('the first', () => seen.length === 1);
    await Bun.sleep(60);
    expect(seen).toHaveLength(1); // read several times, told once
    await choose(3, 2_000);
    await until('the same again', () => seen.length === 2);
    await choose(0, 3_000);
    await until('the end', () => seen.length === 3);
    expect(seen.map(({ number, atMs }) => [number, atMs])).toEqual([
      [3, 1_000],
      [3, 2_000],
      [0, 3_000],
    ]);
  });
});

test('a restart takes the choice up for the time that is left, and an old one not at all', async () => {
  const atMs = Date.now();
  await choose(7, atMs, 0.02); // 1.2 s
  let untilMs = 0;
  await watching(async (seen) => {
    await until('the choice', () => seen.length === 1);
    untilMs = seen[0].untilMs;
  });
  await Bun.sleep(400);
  await watching(async (seen) => {
    await until('it again', () => seen.length === 1);
    expect(seen[0].atMs).toBe(atMs);
    expect(Math.abs(seen[0].untilMs - untilMs)).toBeLessThan(100); // not 1.2 s from now
    await Bun.sleep(1_000);
    expect(numbers(seen)).toEqual([7]);
  });
  await watching(async (seen) => {
    await Bun.sleep(80);
    expect(seen).toHaveLength(0);
    expect(await currentScenario(redis, atMs)).toBeNull();
  });
});

test('a clock that differs does no harm: what is left comes from Redis', async () => {
  const hourAgo = Date.now() - 3_600_000;
  await choose(9, hourAgo, 2);
  const current = await currentScenario(redis, Date.now());
  expect((current?.untilMs ?? 0) - Date.now()).toBeGreaterThan(115_000);
});

test('a number written by hand, as the original had it, counts from when it is seen', async () => {
  await redis.set(SCENARIO_KEY, '4');
  expect(await currentScenario(redis, 0)).toEqual({ number: 4, atMs: null, untilMs: null });
  await watching(async (seen) => {
    await Bun.sleep(60);
    expect(seen).toHaveLength(0); // it may lie there since last year
    await redis.set(SCENARIO_KEY, '5');
    await until('the new one', () => seen.length === 1);
    expect(seen[0].number).toBe(5);
    const minutes = (seen[0].untilMs - seen[0].atMs) / MINUTE_MS;
    expect(minutes).toBe(SCENARIOS[5].timerMinutes);
  });
});

test('nonsense under the key is said once, and the next choice counts', async () => {
  await watching(async (seen) => {
    await redis.set(SCENARIO_KEY, 'black friday');
    await until('it is said', () => lines.length > 0);
    await Bun.sleep(60);
    expect(lines.filter((line) => line.includes('black friday'))).toHaveLength(1);
    await choose(3);
    await until('the choice', () => seen.length === 1);
  });
  await redis.set(SCENARIO_KEY, '77@1');
  expect(await currentScenario(redis, 0).catch((cause) => cause)).toMatchObject({ code: 'USAGE' });
  await redis.del(SCENARIO_KEY);
  await redis.hset(SCENARIO_KEY, 'a', 'b');
  const failure = await currentScenario(redis, 0).catch((cause) => cause);
  expect(failure).toMatchObject({ code: 'REDIS_FAILED' });
});

test('Redis killed and back: the watch goes on, and nothing is told twice', async () => {
  const producer = await openRedis(server.redisUrl);
  await watching(async (seen) => {
    await choose(3);
    await until('the choice', () => seen.length === 1);
    await server.kill();
    await until('it is noticed', () => lines.some((line) => line.includes('REDIS_UNREACHABLE')));
    await server.restart();
    await until('it works again', () => lines.some((line) => line.includes('works again')));
    expect(numbers(seen)).toEqual([3]);
    await until('Redis is back for us', () => redis.status === 'ready');
    await choose(3);
    await until('the next choice', () => seen.length === 2);
  }, producer);
  await closeRedis(producer);
}, 20_000);
