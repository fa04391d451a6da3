import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { apportion } from './apportion.ts';

test('splits by largest remainder, ties to the earlier part', () => {
  expect(apportion(10, [1, 1, 1])).toEqual([4, 3, 3]);
  expect(apportion(2, [1, 1, 1, 1])).toEqual([1, 1, 0, 0]);
  expect(apportion(7, [0.1, 0.2, 0.4])).toEqual([1, 2, 4]);
  expect(apportion(100, [0.95, 1.15, 1.3])).toEqual([28, 34, 38]);
  expect(apportion(0, [1, 2])).toEqual([0, 0]);
  expect(apportion(5, [0, 1])).toEqual([0, 5]);
});

test('every split adds up and is off by less than one', () => {
  const weights = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e8 }), weights, (total, list) => {
      const all = list.reduce((sum, weight) => sum + weight, 0);
      fc.pre(all > 0);
      const parts = apportion(total, list);
      expect(parts.reduce((sum, part) => sum + part, 0)).toBe(total);
      for (const [index, part] of parts.entries()) {
        expect(Math.abs(part - (total * list[index]) / all)).toBeLessThan(1);
      }
    }),
  );
});

test('refuses weights without a sum', () => {
  expect(() => apportion(1, [0, 0])).toThrow(RangeError);
});
