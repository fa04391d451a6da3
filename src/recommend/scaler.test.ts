import { expect, test } from 'bun:test';

import answers from './fixtures/scaler.json';
import { CHUNK_ROWS, DIMS } from './rows.ts';
import { fitScaler, measure, scale } from './scaler.ts';
import { apart, makeRows, rowsOf, withPool } from './testing.ts';

test('means, scales and scaled rows equal those of scikit-learn', () =>
  withPool(1, async (pool) => {
    const rows = rowsOf(answers.rows);
    const scaler = await fitScaler(pool, rows);
    expect(apart(scaler.means, answers.means)).toBeLessThan(1e-12);
    expect(apart(scaler.scales, answers.scales)).toBeLessThan(1e-12);
    expect(scaler.scales[4]).toBe(1); // constant
    await scale(pool, rows, scaler);
    expect(apart(rows.subarray(0, 40 * DIMS), answers.scaled.flat())).toBeLessThan(1e-9);
  }));

test('keeps the digits of a small deviation around a large mean, over several chunks', () =>
  withPool(1, async (pool) => {
    const rows = makeRows(2 * CHUNK_ROWS + 5, (_, row, d) => 1e9 + d + (row % 2));
    const { means, squares, count } = await measure(pool, rows);
    expect(count).toBe(2 * CHUNK_ROWS + 5);
    expect(means[3]).toBeCloseTo(1e9 + 3.5, 4);
    expect(squares[3] / count).toBeCloseTo(0.25, 6);
  }));

test('one row: nothing to divide by', () =>
  withPool(1, async (pool) => {
    const rows = rowsOf([[1, 2, 3, 4, 5, 6, 7, 8]]);
    const scaler = await fitScaler(pool, rows);
    expect(scaler.scales).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    await scale(pool, rows, scaler);
    expect([...rows]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  }));

test('what is no number gets no further, and is named', () =>
  withPool(1, async (pool) => {
    const rows = makeRows(100, (random) => random.next());
    rows[42 * DIMS + 3] = NaN;
    const failed = await fitScaler(pool, rows).catch((error: unknown) => error);
    expect(failed).toEqual(new RangeError('feature 3 of row 42 is NaN'));
    const scaler = { means: Array(DIMS).fill(0), scales: Array(DIMS).fill(1) };
    expect(scale(pool, rows, scaler)).rejects.toThrow(RangeError);
  }));
