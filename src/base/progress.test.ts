import { expect, test } from 'bun:test';
import { lineProgress, Watch } from './progress.ts';

test('what is waited for counts neither for the rate nor for the time', () => {
  let nowMs = 5_000;
  const watch = new Watch(() => nowMs);
  nowMs += 1_000;
  expect(watch.perSecond(100)).toBe(100);
  watch.wait();
  nowMs += 60_000;
  watch.wait(); // for something else
  nowMs += 3_000;
  expect(watch.workedMs).toBe(1_000);
  watch.goOn();
  nowMs += 1_000;
  watch.goOn();
  expect(watch.workedMs).toBe(2_000);
  expect(watch.perSecond(100)).toBe(50);
});

test('a phase has a rate of its own', () => {
  let nowMs = 0;
  const watch = new Watch(() => nowMs);
  nowMs += 9_000;
  watch.beginPhase();
  nowMs += 2_000;
  expect(watch.perSecond(100)).toBe(50);
  expect(watch.workedMs).toBe(11_000);
});

test('lines are told every few seconds, and none before something is done', () => {
  let nowMs = 0;
  const told: string[] = [];
  const progress = lineProgress('customers', new Watch(() => nowMs), (line) => told.push(line));
  progress.update(0, 0, 'read');
  nowMs += 10_000;
  progress.update(0, 0, 'train');
  nowMs += 10_000;
  progress.update(0, 500, 'store');
  expect(told).toEqual([]);
  nowMs += 10_000;
  progress.update(100, 500, 'store');
  nowMs += 1_000;
  progress.update(110, 500, 'store');
  expect(told).toEqual(['100 of 500 customers, 10/s, 40.0 s left  store']);
});
