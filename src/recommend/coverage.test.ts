import { expect, test } from 'bun:test';

import { coverage, gini } from './coverage.ts';

test('counts customers by how many items they got, and items by how many got them', () => {
  const holders = new Map([
    ['가', 5],
    ['나', 3],
    ['다', 2],
    ['라', 1],
  ]);
  const found = coverage(
    [
      { items: ['가', '나', '다'], customers: 4 },
      { items: ['나', null, null], customers: 2 },
      { items: [null, null, null], customers: 1 },
    ],
    holders,
  );
  expect(found.customersByCount).toEqual([1, 2, 0, 4]);
  expect(found).toMatchObject({ itemsKnown: 4, itemsRecommended: 3 });
  expect(found.items).toEqual([
    { name: '나', holders: 3, recommended: 6 },
    { name: '가', holders: 5, recommended: 4 },
    { name: '다', holders: 2, recommended: 4 },
    { name: '라', holders: 1, recommended: 0 },
  ]);
});

/** By definition: the mean difference of all pairs, over twice the mean. */
function giniOfPairs(counts: readonly number[]): number {
  const sum = counts.reduce((all, count) => all + count, 0);
  const pairs = counts.flatMap((a) => counts.map((b) => Math.abs(a - b)));
  return pairs.reduce((all, apart) => all + apart, 0) / (2 * counts.length * sum);
}

test("Gini's coefficient is that of all pairs", () => {
  for (const counts of [[1], [3, 3, 3], [0, 0, 9], [1, 2, 3, 4, 5], [7, 0, 100, 3, 3, 12]])
    expect(gini(counts)).toBeCloseTo(giniOfPairs(counts), 12);
  expect(gini([0, 0])).toBe(0);
  expect(gini([])).toBe(0);
});
