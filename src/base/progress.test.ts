import { expect, test } from 'bun:test';
import { Watch } from './progress.ts';

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
