import { expect, test } from 'bun:test';

import type { Items } from './customers.ts';
import { contractReason, countUsage, percent, pickTop, productReason, TOP } from './usage.ts';

function itemsOf(words: string[], rows: number[][]): Items {
  const starts = new Uint32Array(rows.length + 1);
  for (const [row, own] of rows.entries()) starts[row + 1] = starts[row] + own.length;
  return { words, starts, codes: Uint16Array.from(rows.flat()) };
}

const ITEMS = itemsOf(['가', '나', '다', '라'], [[0, 1], [1], [1, 2], [], [0, 3], [3]]);
const LABELS = Uint8Array.of(0, 0, 0, 0, 1, 1);

function top(cluster: number, row: number, includeOwned = false): string[] {
  const usage = countUsage(ITEMS, LABELS, 3);
  const out = new Uint16Array(TOP);
  const found = pickTop(usage, cluster, ITEMS, row, includeOwned, out);
  return Array.from(out.subarray(0, found), (item) => usage.words[item]);
}

test('customers of each cluster and the holders of each item among them', () => {
  const usage = countUsage(ITEMS, LABELS, 3);
  expect([...usage.sizes]).toEqual([4, 2, 0]);
  expect(usage.counts.map((counts) => [...counts])).toEqual([
    [1, 3, 1, 0],
    [1, 0, 0, 2],
    [0, 0, 0, 0],
  ]);
  expect(contractReason(usage, 0, 1)).toBe('고객 세그먼트 내 75.0%가 이용중');
  expect(productReason(usage, 1, 3)).toBe('고객 세그먼트 내 100.0%가 구매함');
});

test('most holders first, equals by name, what the customer holds left out unless asked for', () => {
  expect(top(0, 3)).toEqual(['나', '가', '다']);
  expect(top(0, 0)).toEqual(['다']);
  expect(top(0, 0, true)).toEqual(['나', '가', '다']);
  expect(top(1, 4)).toEqual([]);
  expect(top(1, 5)).toEqual(['가']);
  expect(top(2, 3)).toEqual([]);
});

test('a percentage to a tenth rounds halves up, exactly', () => {
  expect(percent(29, 40)).toBe('72.5');
  expect(percent(3, 2_000)).toBe('0.2'); // 0.15, which no float is
  expect(percent(1, 2_000)).toBe('0.1');
  expect(percent(1, 2_001)).toBe('0.0');
  expect(percent(2, 3)).toBe('66.7');
  expect(percent(4_999_999, 5_000_000)).toBe('100.0');
});
