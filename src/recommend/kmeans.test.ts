import { expect, setDefaultTimeout, test } from 'bun:test';

import answers from './fixtures/inertia.json';
import { fitKMeans, KMEANS_DEFAULTS, takeSample } from './kmeans.ts';
import { DIMS, rowCount } from './rows.ts';
import { fitScaler, scale } from './scaler.ts';
import { apart, makeRows, rowsOf, SLOWLY_MS, weyl, withPool } from './testing.ts';

setDefaultTimeout(SLOWLY_MS);

const SETTINGS = { ...KMEANS_DEFAULTS, seed: 42 };
const ROWS = 10_000;
const SIZES = [17, 20, 3, 2, 4, 6, 2, 3];
const blob = (row: number, d: number): number => weyl(row % 40, d) * 10 + weyl(row, d);
const duplicate = (row: number, d: number): number => Math.floor(weyl(row, d) * SIZES[d]);
const SETS = [
  { name: 'blobs', value: blob, answer: answers.blobs },
  { name: 'even', value: weyl, answer: answers.even },
  { name: 'duplicates', value: duplicate, answer: answers.duplicates },
];

for (const { name, value, answer } of SETS) {
  test(`inertia is within 1 % of scikit-learn's best of ten, from any seed: ${name}`, () =>
    withPool(1, async (pool) => {
      const rows = makeRows(ROWS, (_, row, d) => value(row, d));
      await scale(pool, rows, await fitScaler(pool, rows));
      const check = answer.check.map((_, i) => rows[i * 2_001 * DIMS + ((i * 2_001) % DIMS)]);
      expect(apart(check, answer.check)).toBeLessThan(1e-9); // the rows are the same
      for (const seed of [1, 42]) {
        const { inertia } = await fitKMeans(pool, rows, { ...SETTINGS, seed });
        expect(inertia / answer.best).toBeLessThan(1.01);
      }
    }));
}

test('the same bits at any number of threads, samples and all', async () => {
  const rows = makeRows(70_000, (random, row) => (row % 7) + random.next());
  const settings = { ...SETTINGS, starts: 9, iterationsMax: 15 };
  const one = await withPool(1, (pool) => fitKMeans(pool, rows, settings));
  for (const threads of [2, 4])
    expect(await withPool(threads, (pool) => fitKMeans(pool, rows, settings))).toEqual(one);
  expect([...one.sizes].reduce((sum, size) => sum + size, 0)).toBe(70_000);
});

test('clusters that lie apart are found whole', () =>
  withPool(2, async (pool) => {
    const rows = makeRows(90_000, (random, row, d) => (d === row % 8 ? 50 : 0) + random.next());
    const { labels, sizes } = await fitKMeans(pool, rows, { ...SETTINGS, clusters: 8 });
    expect([...sizes]).toEqual(Array(8).fill(11_250));
    expect(labels.every((label, row) => label === labels[row % 8])).toBe(true);
  }));

test('centres of before are kept to where they do about as well, and only there', () =>
  withPool(2, async (pool) => {
    const rows = makeRows(ROWS, (random) => random.next()); // even: many ends are as good as the best
    const of = (seed: number, earlier?: Float64Array) =>
      fitKMeans(pool, rows, { ...SETTINGS, starts: 20, seed, earlier });
    const before = await of(1);
    const anew = await of(2);
    const kept = await of(2, before.centres);
    expect(apart(anew.centres, before.centres)).toBeGreaterThan(0.1);
    expect(apart(kept.centres, before.centres)).toBeLessThan(0.02);
    expect(kept.inertia / anew.inertia).toBeLessThan(1.001);
    expect(await of(2, before.centres.subarray(DIMS))).toEqual(anew); // of another number
  }));

test('centres of before that end worse are given up', () =>
  withPool(1, async (pool) => {
    const rows = makeRows(
      8_000,
      (random, row, d) => (d === 0 ? (row % 8) * 50 : 0) + random.next(),
    );
    const settings = { ...SETTINGS, clusters: 8 };
    const anew = await fitKMeans(pool, rows, settings);
    // Two in the first clump, one for the last two: no step of the descent leads out of that.
    const places = [0.2, 0.8, 50, 100, 150, 200, 250, 325];
    const earlier = makeRows(8, (_, row, d) => (d === 0 ? places[row] : 0.5));
    expect(await fitKMeans(pool, rows, { ...settings, earlier })).toEqual(anew);
  }));

test('fewer different rows than clusters: each on a centre, the others empty', () =>
  withPool(1, async (pool) => {
    const rows = makeRows(1_000, (_, row, d) => ((row % 3) * (d + 1)) / 7);
    const { inertia, sizes, labels, centres } = await fitKMeans(pool, rows, SETTINGS);
    expect(inertia).toBeLessThan(1e-18);
    expect([...sizes].filter((size) => size > 0).toSorted((a, b) => a - b)).toEqual([
      333, 333, 334,
    ]);
    expect(labels[0]).not.toBe(labels[1]);
    expect(centres.every(Number.isFinite)).toBe(true);
  }));

test('all rows alike, one row, and more clusters than rows', () =>
  withPool(1, async (pool) => {
    const alike = await fitKMeans(
      pool,
      makeRows(500, () => 3),
      SETTINGS,
    );
    expect([...alike.sizes]).toEqual([500, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const single = await fitKMeans(pool, rowsOf([[1, 2, 3, 4, 5, 6, 7, 8]]), SETTINGS);
    expect([...single.centres]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const four = await fitKMeans(
      pool,
      makeRows(4, (random) => random.next()),
      SETTINGS,
    );
    expect([...four.sizes]).toEqual([1, 1, 1, 1]);
    expect(four.inertia).toBe(0);
  }));

test('no rows, or a row that holds no number, are refused', () =>
  withPool(2, async (pool) => {
    expect(fitKMeans(pool, rowsOf([]), SETTINGS)).rejects.toThrow('no rows');
    const rows = makeRows(100, (random) => random.next());
    rows[77] = NaN;
    expect(fitKMeans(pool, rows, SETTINGS)).rejects.toThrow('feature 5 of row 9 is NaN');
  }));

test('a sample takes one row of each stretch, in order, and another seed takes others', () => {
  const rows = makeRows(1_003, (_, row) => row);
  const sample = takeSample(rows, 100, 1);
  const taken = Array.from({ length: 100 }, (_, i) => sample[i * DIMS]);
  for (const [i, row] of taken.entries())
    expect(Math.floor((i * 1_003) / 100) <= row && row < ((i + 1) * 1_003) / 100).toBe(true);
  expect(takeSample(rows, 100, 2)).not.toEqual(sample);
  expect(rowCount(takeSample(rows, 5_000, 1))).toBe(1_003);
});
