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

test('a partition that only a record told of goes when it cannot be sought, one that came does not', () => {
  const { of } = positions();
  of.unplace(0);
  expect(of.follow(record(1, 5))).toBe('unplaced');
  of.missed(0);
  of.missed(1);
  expect([of.count, ...of.unplaced]).toEqual([1, 0]);
  expect(of.follow(record(1, 6))).toBe('unplaced');
  of.unplace(1); // it came after all
  of.missed(1);
  expect([...of.unplaced]).toEqual([0, 1]);
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

test('of two holes that lie close each is believed, also while what is between is read again', () => {
  const { of, holes } = positions();
  const readAgain = (): (number | string)[] => {
    of.place(0, null);
    return [7, 10, 11].map((offset) => of.follow(record(0, offset)));
  };
  const reads = Array.from({ length: 5 }, readAgain);
  expect(reads.map((read) => read[0])).toEqual(['unplaced', 'unplaced', 7, 7, 7]);
  expect(reads.map((read) => read[1])).toEqual(['unplaced', 'unplaced', 'unplaced', 'unplaced', 8]);
  expect(reads.at(-1)).toEqual([7, 8, 11]);
  expect(holes).toEqual([{ partition: 0, from: 8, to: 10 }]);
  expect(readAgain()).toEqual([7, 8, 11]);
  expect(holes).toHaveLength(1); // told once
});

test('a hole that was filled in between has to be believed anew', () => {
  const { of } = positions();
  const readFrom10 = (offset: number): number | string => {
    of.place(0, 10);
    return of.follow(record(0, offset));
  };
  const reads = [15, 15, 10, 15, 15, 15].map(readFrom10);
  expect(reads).toEqual(['unplaced', 'unplaced', 10, 'unplaced', 'unplaced', 10]);
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
