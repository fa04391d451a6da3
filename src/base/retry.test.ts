import { expect, test } from 'bun:test';

import { PipelineError } from './errors.ts';
import { backoffMs, retry } from './retry.ts';
import { Wakeup, type Time } from './time.ts';

const away = new PipelineError('DATABASE_UNREACHABLE', 'nobody there', { retryable: true });

/** A world whose time moves only by waiting. */
function world(chance = 0): { time: Time; waits: number[]; controller: AbortController } {
  const waits: number[] = [];
  const controller = new AbortController();
  let nowMs = 0;
  const sleep = async (ms: number): Promise<void> => {
    waits.push(ms);
    nowMs += ms;
  };
  const time = { now: () => nowMs, monotonicMs: () => nowMs, sleep, chance: () => chance };
  return { time, waits, controller };
}

test('waits double up to the maximum, and what was away for an hour is reached in the end', async () => {
  const { time, waits, controller } = world();
  const options = { what: 'test', time, signal: controller.signal, waitMsMin: 100, waitMsMax: 900 };
  const answer = await retry(options, async (attempt) => {
    if (time.now() < 3_600_000) throw away;
    return attempt;
  });
  expect(waits.slice(0, 6)).toEqual([100, 200, 400, 800, 900, 900]);
  expect(answer).toBe(waits.length + 1);
});

test('chance takes up to half of a wait and adds nothing', () => {
  for (const chance of [0, 0.5, 0.999]) {
    const { time } = world(chance);
    expect(backoffMs({ time, waitMsMin: 100 }, 2)).toBeCloseTo(200 * (1 - chance / 2));
  }
  expect(backoffMs({ time: world().time, waitMsMax: 7_000 }, 5_000)).toBe(7_000);
});

test('what cannot get better is not tried twice', async () => {
  const { time, waits, controller } = world();
  const options = { what: 'test', time, signal: controller.signal };
  const denied = new PipelineError('DATABASE_DENIED', 'wrong password');
  const defect = new TypeError('ours');
  for (const error of [denied, defect]) {
    const run = retry(options, async () => {
      throw error;
    });
    expect(await run.catch((caught: unknown) => caught)).toBe(error);
  }
  expect(waits).toEqual([]);
});

test('gives up after as many attempts as it may make', async () => {
  const { time, waits, controller } = world();
  const told: unknown[][] = [];
  let calls = 0;
  const run = retry(
    {
      what: 'test',
      time,
      signal: controller.signal,
      attemptsMax: 3,
      onRetry: (...facts) => told.push(facts),
    },
    async () => {
      calls++;
      throw away;
    },
  );
  expect(await run.catch((caught: unknown) => caught)).toBe(away);
  expect(calls).toBe(3);
  expect(told).toEqual([
    [away, 1, waits[0]],
    [away, 2, waits[1]],
  ]);
});

test('an abort ends the waiting and says what was being tried', async () => {
  const { time, controller } = world();
  const run = retry({ what: 'storing', time, signal: controller.signal }, async (attempt) => {
    if (attempt === 2) controller.abort();
    throw away;
  });
  expect(await run.catch((caught: unknown) => caught)).toMatchObject({
    code: 'INTERRUPTED',
    message: 'stopped while trying again: storing; the last failure was: nobody there',
    cause: away,
  });
});

test('a wakeup lets go at a call, at an earlier call, or after the time', async () => {
  const slept: number[] = [];
  const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      slept.push(ms);
      if (ms <= 10) resolve();
      else signal.addEventListener('abort', () => resolve());
    });
  const wakeup = new Wakeup({ ...world().time, sleep });
  wakeup.call();
  wakeup.call();
  await wakeup.wait(1_000); // called before
  await wakeup.wait(10); // time
  const waiting = wakeup.wait(2_000);
  wakeup.call();
  await waiting;
  expect(slept).toEqual([10, 2_000]);
});
