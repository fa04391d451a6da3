import { expect, test } from 'bun:test';

import { repeat, untilMoment } from './schedule.ts';

/** A world whose time moves only by working and waiting. */
function world(workMs: (turn: number) => number, turns: number) {
  const controller = new AbortController();
  const starts: number[] = [];
  let nowMs = 1_000;
  let skipped = 0;
  const run = repeat(
    {
      everyMs: 50,
      signal: controller.signal,
      time: { monotonicMs: () => nowMs, sleep: async (ms) => void (nowMs += ms) },
      onSkipped: (count) => (skipped += count),
    },
    async () => {
      starts.push(nowMs);
      nowMs += workMs(starts.length);
      if (starts.length === turns) controller.abort();
    },
  );
  return run.then(() => ({ starts, skipped }));
}

test('the first turn is at once, the others keep the rhythm whatever the work takes', async () => {
  expect(await world((turn) => turn * 10, 4)).toEqual({
    starts: [1_000, 1_050, 1_100, 1_150],
    skipped: 0,
  });
});

test('a slow turn is not overlapped: the turns it ran into are left out and counted', async () => {
  expect(await world((turn) => (turn === 1 ? 120 : 5), 3)).toEqual({
    starts: [1_000, 1_150, 1_200],
    skipped: 2,
  });
});

test('an abort ends the wait, and nothing runs after it', async () => {
  const controller = new AbortController();
  let turns = 0;
  const run = repeat({ everyMs: 60_000, signal: controller.signal }, async () => void turns++);
  await Bun.sleep(5);
  controller.abort();
  await run;
  expect(turns).toBe(1);
  await repeat({ everyMs: 1, signal: controller.signal }, async () => void turns++);
  expect(turns).toBe(1);
});

test('an error ends it and reaches the caller', async () => {
  const run = repeat({ everyMs: 1, signal: new AbortController().signal }, async () => {
    throw new Error('broken');
  });
  expect(run).rejects.toThrow('broken');
});

test('a moment is waited for in steps, by the wall clock: a machine that slept is noticed', async () => {
  const MONTH_MS = 30 * 86_400_000; // longer than one timer can be
  let nowMs = 0;
  const steps: number[] = [];
  const sleep = async (ms: number): Promise<void> => {
    steps.push(ms);
    nowMs += steps.length === 2 ? MONTH_MS / 2 : ms; // the lid was closed
  };
  await untilMoment(MONTH_MS, { now: () => nowMs, sleep }, new AbortController().signal);
  expect(nowMs).toBe(MONTH_MS);
  expect(Math.max(...steps)).toBe(60_000);
  expect(steps.length).toBe(MONTH_MS / 2 / 60_000 + 1);
  const sleeps = steps.length;
  await untilMoment(MONTH_MS, { now: () => nowMs, sleep }, new AbortController().signal);
  await untilMoment(2 * MONTH_MS, { now: () => nowMs, sleep }, AbortSignal.abort());
  expect(steps.length).toBe(sleeps);
});
