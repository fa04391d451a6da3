import { expect, test } from 'bun:test';

import type { StreamRecord } from '../model/event.ts';
import { Positions, type Hole } from './positions.ts';

const record = (partition: number, offset: number): StreamRecord => ({
  topic: 'orders',
  partition,
  offset,
  key: null,
  value: null,
  headers: [],
});

function positions(): { of: Positions; holes: Hole[] } {
  const holes: Hole[] = [];
  return { of: new Positions((hole) => holes.push(hole)), holes };
}

test('records follow each other, and what came before is told apart', () => {
  const { of } = positions();
  of.unplace(0);
  of.place(0, 10);
  expect([10, 11, 9, 11, 12].map((offset) => of.follow(record(0, offset)))).toEqual([
    10,
    11,
    'before',
    'before',
    12,
  ]);
});

test('a partition of which nothing is known has to be placed before its records count', () => {
  const { of } = positions();
  expect(of.follow(record(3, 0))).toBe('unplaced');
  expect([...of.unplaced]).toEqual([3]);
  expect(of.count).toBe(1);
  of.place(3, 0);
  expect(of.follow(record(3, 0))).toBe(0);
  of.unplaceAll();
  expect(of.follow(record(3, 1))).toBe('unplaced');
  of.forget(3);
  expect([of.count, of.unplaced.size]).toEqual([0, 0]);
});

test('a hole is read again, and believed when it is the same three times', () => {
  const { of, holes } = positions();
  of.place(0, 10);
  for (let time = 1; time < 3; time++) {
    expect(of.follow(record(0, 15))).toBe('unplaced');
    expect(of.follow(record(0, 16))).toBe('unplaced');
    of.place(0, 8);
    expect([8, 9].map((offset) => of.follow(record(0, offset)))).toEqual([8, 9]);
    expect(holes).toEqual([]);
  }
  expect(of.follow(record(0, 15))).toBe(10); // the offsets between belong to whoever takes this
  expect(of.follow(record(0, 16))).toBe(16);
  expect(holes).toEqual([{ partition: 0, from: 10, to: 15 }]);
});

test('a partition that was never read may begin anywhere, once that is sure', () => {
  const { of, holes } = positions();
  for (let time = 1; time < 3; time++) {
    of.place(0, null);
    expect(of.follow(record(0, 1_000))).toBe('unplaced');
  }
  of.place(0, null);
  expect(of.follow(record(0, 1_000))).toBe(1_000); // not 0: these records were never ours
  expect(of.follow(record(0, 1_001))).toBe(1_001);
  expect(holes).toEqual([]);
  of.place(1, null);
  expect(of.follow(record(1, 0))).toBe(0);
});

test('holes that differ are not one hole', () => {
  const { of, holes } = positions();
  for (const offset of [15, 14, 15, 14, 15, 14]) {
    of.place(0, 10);
    expect(of.follow(record(0, offset))).toBe('unplaced');
  }
  of.place(0, 10);
  expect(of.follow(record(0, 10))).toBe(10); // it was there after all
  expect(holes).toEqual([]);
});
