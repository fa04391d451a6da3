import { expect, test } from 'bun:test';
import { Histogram, Registry } from 'prom-client';

import { MetricsBoard, snapshotOf } from '../show/board.ts';
import { quantiles, statusLine, type SuiteStatus } from './status.ts';

const STATUS: SuiteStatus = {
  seconds: 10,
  produced: { users: 10, products: 2, orders: 2_000 },
  stored: { users: 10, products: 2, orders: 1_000 },
  duplicates: 0,
  deadLetters: 0,
  lag: 1_000,
  orderAgeSeconds: { p50: 0.02, p99: 0.25 },
  restarts: 0,
  notReady: [],
};

test('quantiles over threads are those of all values together', async () => {
  const board = new MetricsBoard([]);
  for (const [thread, from] of [0, 50].entries()) {
    const registry = new Registry();
    const registers = [registry];
    const buckets = Array.from({ length: 100 }, (_, i) => i + 1);
    const age = new Histogram({ name: 'age', help: 'Age', buckets, registers });
    for (let value = from; value < from + 50; value++) age.observe(value + 0.5);
    board.update(`${thread}`, await snapshotOf(registry));
  }
  expect(quantiles(await board.values('age'))).toEqual({ p50: 50, p99: 99 });
  // Less the first thread's, the second's are left.
  const first = (await board.values('age')).slice(0, 103);
  expect(quantiles(await board.values('age'), first)).toEqual({ p50: 75, p99: 99.5 });
  expect(quantiles(first, first)).toBeNull();
});

test('there are no quantiles of nothing, and beyond the last bucket its bound is all that is known', () => {
  expect(quantiles([])).toBeNull();
  const bucket = (le: string, value: number) => ({ labels: { le }, value, metricName: 'a_bucket' });
  expect(quantiles([bucket('1', 0), bucket('+Inf', 0)])).toBeNull();
  expect(quantiles([bucket('1', 0), bucket('+Inf', 5)])).toEqual({ p50: 1, p99: 1 });
});

test('a line for people has rates since the last one, and troubles only when there are any', () => {
  const later = { ...STATUS, seconds: 20, stored: { ...STATUS.stored, orders: 3_000 } };
  expect(statusLine(later, STATUS)).toBe(
    '20 s │ orders 0/s made, 200/s stored, 3,000 in all │ users 10, products 2 │ lag 1,000 │ ' +
      'event to row p50 20 ms, p99 250 ms',
  );
  const troubled = { ...STATUS, deadLetters: 3, restarts: 1, notReady: ['producer'] };
  expect(statusLine(troubled, null)).toContain('dead letters 3 │ restarts 1 │ not ready: producer');
});
