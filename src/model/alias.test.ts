import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { Random } from '../base/random.ts';
import { AliasTable } from './alias.ts';

/** The exact law of a table: each cell's threshold is found by bisection. */
function lawOf(table: AliasTable): number[] {
  const law = Array.from({ length: table.count }, () => 0);
  for (let cell = 0; cell < table.count; cell++) {
    const at = (part: number) => table.pick((cell + part) / table.count);
    const other = at(1 - 1e-9);
    let low = 0;
    let high = at(0) === other ? 0 : 1;
    while (high - low > 1e-14) {
      const middle = (low + high) / 2;
      if (at(middle) === other) high = middle;
      else low = middle;
    }
    law[at(0)] += high / table.count;
    law[other] += (1 - high) / table.count;
  }
  return law;
}

function expectLaw(weights: number[]): void {
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const law = lawOf(AliasTable.of(weights));
  for (const [index, weight] of weights.entries()) {
    expect(Math.abs(law[index] - weight / all)).toBeLessThan(1e-12);
    if (weight === 0) expect(law[index]).toBe(0);
  }
}

test('the law of a table is its weights', () => {
  expectLaw([1]);
  expectLaw([3, 1]);
  expectLaw([0, 0, 5, 0]);
  expectLaw([25, 20, 15, 12, 10, 7, 5, 3, 2, 1]);
  expectLaw([0.1, 0.2, 0.3, 0.1, 0, 0.7, 1e-3, 1e3]);
  const weight = fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 1000 }),
    fc.double({ min: 0.01, max: 100, noNaN: true }),
  );
  fc.assert(
    fc.property(fc.array(weight, { minLength: 1, maxLength: 60 }), (weights) => {
      fc.pre(weights.some((value) => value > 0));
      expectLaw(weights);
    }),
  );
});

test('draws come out in proportion', () => {
  const random = new Random(7, 'cart').at(0);
  const table = AliasTable.of([1, 0, 3, 6]);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 100_000; i++) counts[table.pick(random.next())]++;
  expect(counts[1]).toBe(0);
  expect(counts[0] / 100_000).toBeCloseTo(0.1, 2);
  expect(counts[2] / 100_000).toBeCloseTo(0.3, 2);
  expect(counts[3] / 100_000).toBeCloseTo(0.6, 2);
});

test('a rebuilt table has nothing of the old one', () => {
  const table = new AliasTable(4);
  const weights = Float64Array.of(1, 2, 3, 4);
  table.rebuild(weights, 4);
  table.rebuild(Float64Array.of(5, 5), 2);
  expect(lawOf(table)).toEqual([0.5, 0.5]);
  table.rebuild(weights, 4);
  for (const [index, share] of lawOf(table).entries())
    expect(share).toBeCloseTo(weights[index] / 10);
});

test('weights without a law are refused', () => {
  const table = new AliasTable(2);
  expect(() => table.rebuild(Float64Array.of(0, 0), 2)).toThrow(RangeError);
  expect(() => table.rebuild(Float64Array.of(1, -1), 2)).toThrow(RangeError);
  expect(() => table.rebuild(Float64Array.of(1, Number.NaN), 2)).toThrow(RangeError);
  expect(() => table.rebuild(Float64Array.of(1, Infinity), 2)).toThrow(RangeError);
  expect(() => table.rebuild(Float64Array.of(1, 1, 1), 3)).toThrow(RangeError);
  expect(() => table.rebuild(Float64Array.of(1), 0)).toThrow(RangeError);
});
