import { expect, test } from 'bun:test';

import { SequenceBook } from './sequences.ts';

function bookOf(...sequences: number[]): SequenceBook {
  const book = new SequenceBook();
  for (const sequence of sequences) book.add('orders', { run: 7, seed: 42, sequence });
  return book;
}

test('a maker that counts from 0 without a hole has none, in any order and with repeats', () => {
  const book = bookOf(2, 0, 1, 1, 3);
  expect(book.holes()).toBe(0);
  expect(book.firstHole()).toBeNull();
});

test('a hole is counted and named, also far from the beginning and at it', () => {
  expect(bookOf(1, 2).firstHole()).toBe('orders of run 7: its number 0 is not in Kafka, and 2 is');
  const many = Array.from({ length: 200_000 }, (_, i) => i).filter((i) => i % 100_000 !== 99_999);
  const book = bookOf(...many, 200_000);
  expect(book.holes()).toBe(2);
  expect(book.firstHole()).toContain('its number 99999');
});

test('makers and topics count apart', () => {
  const book = bookOf(0, 1);
  book.add('users', { run: 7, seed: 42, sequence: 0 });
  book.add('orders', { run: 8, seed: 42, sequence: 1 });
  expect(book.holes()).toBe(1);
  expect(book.firstHole()).toContain('orders of run 8: its number 0');
});
