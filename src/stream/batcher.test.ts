import { expect, test } from 'bun:test';

import type { StreamRecord } from '../model/event.ts';
import { Batcher } from './batcher.ts';
import { Refusal } from './refusal.ts';

const LIMITS = { rowsMax: 3, bytesMax: 100, freshMsMax: 10, behindMsMax: 250 };
const SOURCE = { topic: 'orders', group: 'orders_group' } as const;
const batcher = (): Batcher<string> => new Batcher(SOURCE, LIMITS);
const record = (partition: number, offset: number, bytes = 1): StreamRecord => ({
  topic: 'orders',
  partition,
  offset,
  key: null,
  value: new Uint8Array(bytes),
  headers: [],
});
const refusal = new Refusal('json', 'not one JSON document');

test('a batch has everything that came, good or not, and where each partition goes on', () => {
  const batch = batcher();
  batch.add(record(0, 5), 'a', 5, 0);
  batch.add(record(1, 9), refusal, 7, 0); // 7 and 8 do not exist
  batch.add(record(0, 6), 'b', 6, 0);
  expect(batch.take()).toEqual({
    ...SOURCE,
    ranges: [
      { partition: 0, from: 5, next: 7 },
      { partition: 1, from: 7, next: 10 },
    ],
    events: ['a', 'b'],
    records: [record(0, 5), record(0, 6)],
    rejected: [{ record: record(1, 9), reason: 'json', message: 'not one JSON document' }],
  });
  expect(batch.rows + batch.bytes).toBe(0);
});

test('what was taken does not change when the next batch grows', () => {
  const batch = batcher();
  batch.add(record(0, 0), 'a', 0, 0);
  const first = batch.take();
  batch.add(record(0, 1), 'b', 1, 0);
  expect(first.events).toEqual(['a']);
  expect(first.ranges).toEqual([{ partition: 0, from: 0, next: 1 }]);
  expect(batch.take().ranges).toEqual([{ partition: 0, from: 1, next: 2 }]);
});

test('fresh events wait for company a moment, those of a backlog longer, a full batch not at all', () => {
  const batch = batcher();
  expect(batch.dueInMs(0)).toBe(Infinity);
  batch.add(record(0, 0), 'a', 0, 1_000);
  batch.add(record(0, 1), 'b', 1, 1_009); // does not begin the wait anew
  expect([1_000, 1_004, 1_010, 5_000].map((ms) => batch.dueInMs(ms))).toEqual([10, 6, 0, 0]);
  batch.behind = true;
  expect([1_000, 1_249, 1_250].map((ms) => batch.dueInMs(ms))).toEqual([250, 1, 0]);
  batch.add(record(0, 2), 'c', 2, 1_020);
  expect([batch.room, batch.dueInMs(1_020)]).toEqual([0, 0]);
});

test('it is full by rows, refused ones too, or by bytes', () => {
  const byRows = batcher();
  for (const [at, event] of [refusal, 'a', refusal].entries()) {
    expect(byRows.room).toBe(3 - at);
    byRows.add(record(0, at), event, at, 0);
  }
  expect(byRows.room).toBe(0);
  const byBytes = batcher();
  byBytes.add(record(0, 0, 99), 'a', 0, 0);
  expect(byBytes.room).toBe(2);
  byBytes.add({ ...record(0, 1, 1), value: null }, refusal, 1, 0);
  expect(byBytes.room).toBe(1);
  byBytes.add(record(0, 2, 1), 'b', 2, 0);
  expect([byBytes.room, byBytes.bytes, byBytes.dueInMs(0)]).toEqual([0, 100, 0]);
});

test('keys and headers weigh as much as values, in good records and refused ones', () => {
  const batch = batcher();
  const heavy = { key: new Uint8Array(30), value: null };
  batch.add({ ...record(0, 0), ...heavy, headers: [['name', new Uint8Array(16)]] }, 'a', 0, 0);
  batch.add({ ...record(1, 0), ...heavy, headers: [['none', null]] }, refusal, 0, 0);
  expect(batch.bytes).toBe(84);
  expect(batch.room).toBe(1);
  batch.add({ ...record(2, 0, 1), headers: [['fifteen bytes..', null]] }, 'b', 0, 0);
  expect([batch.bytes, batch.room]).toEqual([100, 0]);
  batch.drop(0);
  expect(batch.bytes).toBe(50);
  batch.drop(1);
  expect(batch.bytes).toBe(16);
});

test('the records of one partition are dropped, the others stay in step', () => {
  const batch = batcher();
  batch.add(record(0, 0, 10), 'a', 0, 0);
  batch.add(record(1, 4, 20), 'b', 4, 0);
  batch.add(record(0, 1, 40), refusal, 1, 0);
  batch.drop(7);
  expect(batch.bytes).toBe(70);
  batch.drop(0);
  expect(batch.bytes).toBe(20);
  batch.add(record(0, 8), 'c', 8, 0); // sought there since
  expect(batch.take()).toMatchObject({
    ranges: [
      { partition: 1, from: 4, next: 5 },
      { partition: 0, from: 8, next: 9 },
    ],
    events: ['b', 'c'],
    records: [record(1, 4, 20), record(0, 8)],
    rejected: [],
  });
});
