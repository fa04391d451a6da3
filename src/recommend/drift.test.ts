import { expect, test } from 'bun:test';

import { centreDistances, featureStability, stability, stabilityOfCounts } from './drift.ts';
import { FEATURES } from './features.ts';
import answers from './fixtures/stability.json';
import { DIMS } from './rows.ts';
import { makeRows } from './testing.ts';

for (const [name, answer] of Object.entries(answers))
  test(`the stability index is that of numpy's histograms: ${name}`, () => {
    const found = stability(Float64Array.from(answer.before), Float64Array.from(answer.now));
    expect(found.bins).toBe(answer.bins);
    expect(found.psi).toBeCloseTo(answer.psi, 12);
  });

test('equal months have an index of 0, whatever their sizes', () => {
  expect(stabilityOfCounts([10, 20, 30], [1, 2, 3])).toEqual({ psi: 0, bins: 3 });
  expect(stabilityOfCounts([5, 0, 5], [5, 0, 5])).toEqual({ psi: 0, bins: 2 });
});

test('a bin that empties counts as one in ten thousand', () => {
  const gone = stabilityOfCounts([50, 50], [100, 0]);
  const expected = (1 - 0.5) * Math.log(1 / 0.5) + (1e-4 - 0.5) * Math.log(1e-4 / 0.5);
  expect(gone.psi).toBeCloseTo(expected, 12);
});

test('a feature is a column of the rows', () => {
  const before = makeRows(500, (random, _, d) => random.next() * (d + 1));
  const now = makeRows(500, (random, _, d) => random.next() * (d === 3 ? 2 : d + 1));
  const found = featureStability(before, now);
  expect(found.map(({ name }) => name)).toEqual([...FEATURES]);
  for (const [d, { psi }] of found.entries())
    if (d === 3) expect(psi).toBeGreaterThan(0.5);
    else expect(psi).toBeLessThan(0.15); // two draws of 500
});

test('centres are compared number by number', () => {
  const before = Float64Array.from({ length: 2 * DIMS }, (_, i) => i);
  const now = before.map((value, i) => value + (i < DIMS ? 0 : i % 2 ? 3 : 4));
  expect(centreDistances(before, now)).toEqual([0, Math.sqrt(4 * 9 + 4 * 16)]);
});
