import { expect, test } from 'bun:test';

import { itemsOf } from './customers.ts';
import { splitPurchases } from './purchases.ts';

test('logs are cut at the day; each item once, by code point; what has no date or item is left out', () => {
  const history = splitPurchases(
    [
      [
        { date: '2025-11-30', item: '나' },
        { date: '2025-11-02', item: '가' },
        { date: '2025-10-02', item: '나' },
        { date: '2025-12-01', item: '나' },
      ],
      [],
      [
        { date: '2024-02-30', item: '가' },
        { date: null, item: '다' },
        { date: '2025-12-31 10:00', item: '😀' },
        { date: '2025-12-31', item: '\uff21' },
        { date: '2025-12-03', item: null },
        { date: '2025-12-03', item: '' },
      ],
    ],
    20_251_201,
  );
  const { before, during, undated } = history;
  expect(before.words).toEqual(['가', '나', '다', '\uff21', '😀']);
  expect(during.words).toBe(before.words);
  expect([0, 1, 2].map((row) => itemsOf(before, row))).toEqual([['가', '나'], [], []]);
  expect([0, 1, 2].map((row) => itemsOf(during, row))).toEqual([['나'], [], ['\uff21', '😀']]);
  expect(undated).toBe(2);
});
