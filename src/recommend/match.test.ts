import { expect, test } from 'bun:test';

import { Random } from '../base/random.ts';
import { cheapest, matchCentres, renumber } from './match.ts';
import { makeRows } from './testing.ts';

test('the cheapest matching is what trying all of them finds', () => {
  const random = new Random(1, 'sample');
  for (let round = 0; round < 200; round++) {
    random.at(round);
    const count = 1 + random.below(6);
    const costs = Array.from({ length: count }, () =>
      Array.from({ length: count }, () => random.below(round % 2 ? 10 : 1_000) - 5),
    );
    const total = (columns: ArrayLike<number>) =>
      costs.reduce((sum, row, i) => sum + row[columns[i]], 0);
    const found = cheapest(costs);
    expect([...found].toSorted((a, b) => a - b)).toEqual([...costs.keys()]);
    expect(total(found)).toBe(Math.min(...permutations(count).map(total)));
  }
});

test('centres that moved a little keep their ids', () => {
  const previous = makeRows(10, (random) => random.between(-3, 3));
  const shuffle = Uint8Array.of(3, 1, 4, 0, 5, 9, 2, 6, 8, 7);
  const moved = previous.map((value) => value + 0.01);
  const current = Float64Array.from(
    { length: 80 },
    (_, i) => moved[shuffle[Math.floor(i / 8)] * 8 + (i % 8)],
  );
  const ids = matchCentres(previous, current);
  expect(ids).toEqual(shuffle);
  expect(renumber(current, ids)).toEqual(Float64Array.from(moved));
});

test('a different number of centres cannot be matched', () => {
  expect(() => matchCentres(new Float64Array(16), new Float64Array(24))).toThrow(RangeError);
});

function permutations(count: number): number[][] {
  if (count === 0) return [[]];
  return permutations(count - 1).flatMap((rest) =>
    Array.from({ length: count }, (_, at) => rest.toSpliced(at, 0, count - 1)),
  );
}
