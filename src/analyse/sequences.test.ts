import { expect, test } from 'bun:test';

import { IN_FLIGHT_MAX, SequenceBook } from './sequences.ts';

const ORDERS = ['orders'] as const;

function bookOf(...sequences: number[]): SequenceBook {
  const book = new SequenceBook(10);
  for (const sequence of sequences) book.add('orders', { run: 7, seed: 42, sequence });
  return book;
}

test('a maker that counts from 0 without a hole has none, in any order and with repeats', () => {
  expect(bookOf(2, 0, 1, 1, 3).count(ORDERS, null)).toEqual({
    missing: 0,
    inDoubt: 0,
    firstHole: null,
  });
});

test('a number that comes again is told apart from one that comes first', () => {
  const book = bookOf(0, 1);
  expect(book.add('orders', { run: 7, seed: 42, sequence: 1 })).toBe(true);
  expect(book.add('orders', { run: 7, seed: 42, sequence: 2 })).toBe(false);
  expect(book.add('orders', { run: 8, seed: 42, sequence: 1 })).toBe(false);
});

test('a hole far below the last number is missing, and one that may have been in flight is in doubt', () => {
  const last = 200_000;
  const edge = last - IN_FLIGHT_MAX;
  const holes = new Set([0, 99_999, edge, edge + 1, last - 1]);
  const sent = Array.from({ length: last + 1 }, (_, i) => i).filter((i) => !holes.has(i));
  const counted = bookOf(...sent).count(ORDERS, null);
  expect(counted).toEqual({
    missing: 3,
    inDoubt: 2,
    firstHole: 'orders of run 7: its number 0 is not in Kafka',
  });
});

test('with a ledger, missing is what was acknowledged and did not come, the last ones too', () => {
  const range = { run: 7, topic: 'orders' as const };
  const book = bookOf(0, 1, 2, 5);
  expect(book.count(ORDERS, [{ ...range, from: 0, to: 3 }])).toMatchObject({
    missing: 0,
    inDoubt: 2,
  });
  const lost = book.count(ORDERS, [{ ...range, from: 0, to: 8 }]);
  expect(lost.missing).toBe(4); // 3, 4, 6, 7
  expect(lost.firstHole).toContain('acknowledged: its number 3');
  const whole = bookOf(0).count(ORDERS, [{ ...range, run: 9, from: 0, to: 2 }]);
  expect(whole.missing).toBe(2); // a maker of whom nothing came at all
});

test('makers, topics and strangers count apart', () => {
  const book = bookOf(0, 1);
  book.add('users', { run: 7, seed: 42, sequence: 5 });
  book.add('orders', { run: 11, seed: 42, sequence: 9e15 }); // no number of ours
  expect(book.count(ORDERS, null)).toMatchObject({ missing: 0, inDoubt: 0 });
  expect(book.count(['users'], null)).toMatchObject({ missing: 0, inDoubt: 5 });
});
