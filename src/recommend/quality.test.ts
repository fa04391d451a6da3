import { expect, setDefaultTimeout, test } from 'bun:test';

import answer from './fixtures/silhouette.json';
import { silhouettes } from './quality.ts';
import { apart, makeRows, rowsOf, SLOWLY_MS, withPool } from './testing.ts';

setDefaultTimeout(SLOWLY_MS);

const sizesOf = (labels: Uint8Array, clusters: number): Int32Array =>
  Int32Array.from({ length: clusters }, (_, c) => labels.filter((label) => label === c).length);

test("equals scikit-learn's where every row is in the sample", () =>
  withPool(2, async (pool) => {
    const labels = Uint8Array.from(answer.labels);
    const found = await silhouettes(pool, rowsOf(answer.rows), labels, sizesOf(labels, 6), {
      seed: 1,
    });
    const clusters = found.clusters.map(({ silhouette }) => silhouette);
    expect(apart(clusters.slice(0, 5), answer.clusters)).toBeLessThan(1e-9);
    expect(found.clusters[4]).toEqual({ rows: 1, sampled: 1, silhouette: 0, error: 0 });
    expect(found.clusters[5]).toEqual({ rows: 0, sampled: 0, silhouette: 0, error: 0 });
    expect(found.silhouette).toBeCloseTo(answer.silhouette, 9);
    expect(found.error).toBe(0);
  }));

test('a sample of each cluster comes near what all rows give, the same at any number of threads', async () => {
  const rows = makeRows(2_000, (random, row, d) => (row % 5 ? 0 : d) + random.next() * 3);
  const labels = Uint8Array.from({ length: 2_000 }, (_, row) => (row % 5 ? 0 : 1));
  const sizes = sizesOf(labels, 2);
  const all = await withPool(1, (pool) =>
    silhouettes(pool, rows, labels, sizes, { seed: 1, perCluster: 10_000 }),
  );
  const some = { seed: 1, perCluster: 200 };
  const one = await withPool(1, (pool) => silhouettes(pool, rows, labels, sizes, some));
  expect(one.clusters.map(({ sampled }) => sampled)).toEqual([200, 200]);
  expect(Math.abs(one.silhouette - all.silhouette)).toBeLessThan(0.02);
  expect(Math.abs(one.silhouette - all.silhouette)).toBeLessThan(one.error * 4);
  expect(await withPool(4, (pool) => silhouettes(pool, rows, labels, sizes, some))).toEqual(one);
});

test('clusters of a sample weigh what they have in all', () =>
  withPool(1, async (pool) => {
    const labels = Uint8Array.from(answer.labels);
    const sizes = sizesOf(labels, 5);
    const standFor = Int32Array.of(1_000, 0, 0, 0, 0).map((rows, c) => rows || sizes[c]);
    const found = await silhouettes(pool, rowsOf(answer.rows), labels, sizes, {
      seed: 1,
      standFor,
    });
    expect(found.clusters.map(({ rows }) => rows)).toEqual([...standFor]);
    const all = standFor.reduce((sum, rows) => sum + rows, 0);
    const expected = answer.clusters.reduce((sum, value, c) => sum + value * standFor[c], 0) / all;
    expect(found.silhouette).toBeCloseTo(expected, 9);
  }));
