import { expect, test } from 'bun:test';

import type { Batch, OrderEvent } from '../model/event.ts';
import { planBatch } from './sink-plan.ts';
import { batchAt, orderEvent, recordAt, together, withRejected } from './testing.ts';

const orders = (from: number, count: number): OrderEvent[] =>
  Array.from({ length: count }, (_, index) => orderEvent(from + index));
const at = (partition: number, from: number, count: number): Batch<OrderEvent> =>
  batchAt('orders', partition, from, orders(from, count));
const offsets = (...pairs: [partition: number, next: number][]): Map<number, number> =>
  new Map(pairs);
const code = (work: () => unknown): string => {
  try {
    work();
  } catch (cause) {
    return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  }
  return 'none';
};

test('a batch that begins where the partition stands is stored whole', () => {
  const batch = at(0, 10, 3);
  const plan = planBatch(batch, offsets([0, 10]), offsets([0, 10]));
  expect(plan.events).toBe(batch.events); // not copied: this is the way of nearly all batches
  expect(plan).toMatchObject({ moves: [{ partition: 0, from: 10, next: 13 }], skipped: 0 });
});

test('what is below the stored offset is left out, refused records too', () => {
  const batch = together(
    withRejected(at(0, 10, 3), { reason: 'json', message: 'x' }),
    withRejected(at(1, 5, 2), { reason: 'json', message: 'x' }),
  );
  const plan = planBatch(batch, offsets([0, 12], [1, 8]), null);
  expect(plan.moves).toEqual([{ partition: 0, from: 12, next: 14 }]);
  expect(plan.records).toEqual([recordAt('orders', 0, 12)]);
  expect(plan.events).toEqual([orderEvent(12)]);
  expect(plan.rejected.map(({ record }) => record.offset)).toEqual([13]);
  expect(plan.skipped).toBe(5);
});

test('a batch that is stored already moves nothing, whoever stored it', () => {
  for (const stored of [13, 20]) {
    for (const known of [null, offsets(), offsets([0, 10]), offsets([0, stored])]) {
      const plan = planBatch(at(0, 10, 3), offsets([0, stored]), known);
      expect(plan).toMatchObject({ moves: [], events: [], skipped: 3 });
    }
  }
});

test('a partition that moved into the middle of a batch since it was looked at is taken', () => {
  expect(code(() => planBatch(at(0, 10, 3), offsets([0, 11]), offsets([0, 10])))).toBe(
    'OFFSET_TAKEN',
  );
  expect(code(() => planBatch(at(0, 10, 3), offsets([0, 11]), offsets()))).toBe('OFFSET_TAKEN');
  // Known to stand there, or never looked at: the records come again, and nobody else is to blame.
  expect(code(() => planBatch(at(0, 10, 3), offsets([0, 11]), offsets([0, 11])))).toBe('none');
  expect(code(() => planBatch(at(0, 10, 3), offsets([0, 11]), null))).toBe('none');
});

test('records missing in front of a batch are a gap, whatever was known', () => {
  for (const known of [null, offsets(), offsets([0, 10]), offsets([0, 9])]) {
    expect(code(() => planBatch(at(0, 10, 3), offsets([0, 9]), known))).toBe('OFFSET_GAP');
  }
});

test('offsets without a record move a partition too', () => {
  const batch = { ...at(0, 10, 1), ranges: [{ partition: 0, from: 10, next: 40 }] };
  expect(planBatch(batch, offsets([0, 10]), null).moves).toEqual([
    { partition: 0, from: 10, next: 40 },
  ]);
});
