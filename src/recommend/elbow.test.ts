import { expect, setDefaultTimeout, test } from 'bun:test';

import { elbow } from './elbow.ts';
import answer from './fixtures/elbow.json';
import { fitKMeans, KMEANS_DEFAULTS } from './kmeans.ts';
import { DIMS } from './rows.ts';
import { fitScaler, scale } from './scaler.ts';
import { makeRows, SLOWLY_MS, weyl, withPool } from './testing.ts';

setDefaultTimeout(SLOWLY_MS);

/** 40 blobs, as `weyl_blobs` of fixtures/make.py makes them. */
const blobs = (count: number): Float64Array =>
  makeRows(count, (_, row, d) => weyl(row % 40, d) * 10 + weyl(row, d));

test("inertia by number of clusters stays within 1 % of scikit-learn's best of ten", () =>
  withPool(1, async (pool) => {
    const rows = blobs(4_000);
    await scale(pool, rows, await fitScaler(pool, rows));
    const { centres, inertia } = await fitKMeans(pool, rows, { ...KMEANS_DEFAULTS, seed: 3 });
    const found = await elbow(pool, rows, centres, { seed: 3 });
    expect(found.rows).toBe(4_000);
    expect(found.modelInertia).toBeCloseTo(inertia, 6);
    const expected: Record<string, number> = answer;
    expect(found.byK.map(({ clusters }) => String(clusters))).toEqual(Object.keys(expected));
    for (const point of found.byK) {
      expect(point.inertia / expected[point.clusters]).toBeWithin(0.95, 1.01);
      expect(point.silhouette).toBeWithin(0, 1);
    }
  }));

test('of few rows there are no more clusters than rows', () =>
  withPool(1, async (pool) => {
    const rows = blobs(5);
    const found = await elbow(pool, rows, rows.slice(0, DIMS), { seed: 1 });
    expect(found.byK.map(({ clusters }) => clusters)).toEqual([2, 3, 4, 5]);
    expect(found.byK.at(-1)).toEqual({ clusters: 5, inertia: 0, silhouette: 0 });
  }));
