import { expect, test } from 'bun:test';

import { cartSizesOfCarts, cartSizesOfRows } from './cart-size.ts';
import { allowance, binomialVariance, chance, exact } from './check.ts';
import { bar, renderHistoryReport } from './history-text.ts';

test('chance is allowed 4.5 deviations and the skew of small counts', () => {
  expect(allowance(5_000, 10_000, 2_500)).toBe(228.2);
  expect(allowance(4, 10_000, 4)).toBe(12.2);
});

test('in large runs 0.2 % of the total is allowed, but never above 1 % of the count', () => {
  expect(allowance(5e6, 1e7, 2.5e6)).toBe(20_000);
  expect(allowance(1e6, 1e9, 1e6)).toBe(10_000);
});

test('what is certain or impossible allows no difference', () => {
  expect(allowance(0, 1_000, binomialVariance(0, 1_000))).toBe(0);
  expect(allowance(1_000, 1_000, binomialVariance(1_000, 1_000))).toBe(0);
  expect(chance('s', 'i', 0, 1, 1_000).pass).toBe(false);
});

test('a line fails just past its tolerance', () => {
  const { tolerance } = chance('s', 'i', 5_000, 5_000, 10_000);
  expect(chance('s', 'i', 5_000, 5_000 + tolerance, 10_000).pass).toBe(true);
  expect(chance('s', 'i', 5_000, 5_001 + tolerance, 10_000).pass).toBe(false);
  expect(exact('s', 'i', 1, 2, 'why')).toMatchObject({ pass: false, note: 'why' });
  expect(exact('s', 'i', 1, 1, 'why')).not.toHaveProperty('note');
});

test('cut carts are counted as walking through all draws counts them', () => {
  const p = [0.5, 0.3, 0.2];
  const expected = [0, 0, 0];
  const walk = (left: number, chanceOf: number): void => {
    if (left === 0) return;
    for (const [index, share] of p.entries()) {
      const size = Math.min(index + 1, left);
      expected[size - 1] += chanceOf * share;
      walk(left - size, chanceOf * share);
    }
  };
  walk(9, 1);
  walk(2, 1);
  const { bySize, carts } = cartSizesOfRows([5, 3, 2], [9, 2]);
  for (const [index, value] of bySize.entries()) expect(value).toBeCloseTo(expected[index], 10);
  expect(carts).toBeCloseTo(expected[0] + expected[1] + expected[2], 10);
  expect(cartSizesOfCarts([5, 3, 2], 100).bySize).toEqual([50, 30, 20]);
});

test('a bar shows what was found and what is missing', () => {
  expect(bar(14, 7, 14)).toBe('███████░░░░░░░');
  expect(bar(7, 14, 14)).toBe('██████████████');
  expect(bar(0, 0, 0)).toBe('');
});

test('a report lines up under Korean, fits 100 columns and ends with the verdict', () => {
  const checks = [
    exact('scenario (rows)', '3 블랙프라이데이 대규모 세일', 50_000_000, 50_000_000),
    exact(
      'scenario (rows)',
      '0 a name that is much longer than its column is wide',
      10,
      9,
      'because '.repeat(20),
    ),
    chance('gender (carts)', 'F', 7_291.4, 7_307, 15_000),
  ];
  const found = { run: 3, orders: 10, carts: 4, passed: 2, failed: 1, checks };
  const text = renderHistoryReport({ ...found, buyersPlan: 'worked out' });
  const lines = text.split('\n');
  const verdicts = lines.filter((line) => /(?:PASS|FAIL)$/.test(line));
  expect(verdicts).toHaveLength(3);
  expect(new Set(verdicts.map((line) => Bun.stringWidth(line))).size).toBe(1);
  expect(Math.max(...lines.map((line) => Bun.stringWidth(line)))).toBeLessThanOrEqual(100);
  expect(lines.at(-1)).toBe('FAIL  1 of 3 checks  (10 rows in 4 carts)');
  expect(text).toContain('worked out anew');
  const recorded = renderHistoryReport({ ...found, buyersPlan: 'recorded' });
  expect(recorded).toContain('test its draw, not its weights');
  const widths = recorded.split('\n').map((line) => Bun.stringWidth(line));
  expect(Math.max(...widths)).toBeLessThanOrEqual(100);
});
