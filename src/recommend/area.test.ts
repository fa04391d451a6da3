import { expect, test } from 'bun:test';

import { areaClass, writeAreaClasses } from './area.ts';
import { DIMS } from './rows.ts';

test.each([
  [-5, 0],
  [0, 0],
  [22, 0],
  [22.000001, 1],
  [50, 1],
  [50.1, 2],
  [258, 2],
  [258.5, 3],
  [1_600, 3],
  [1_601, 4],
  [4_950, 4],
  [4_950.01, 5],
  [Infinity, 5],
])('%p m² are in class %p: a limit belongs to the class below it', (area, expected) => {
  expect(areaClass(area)).toBe(expected);
});

test('no number is no area', () => {
  expect(() => areaClass(NaN)).toThrow(RangeError);
});

test('writes one feature of each row and leaves the others', () => {
  const rows = new Float64Array(3 * DIMS).fill(9);
  writeAreaClasses({ areas: Float64Array.of(1, 100, 9_999), rows, feature: 7 }, 0);
  expect([rows[7], rows[15], rows[23]]).toEqual([0, 2, 5]);
  expect(rows.filter((value) => value === 9)).toHaveLength(21);
});
