import { expect, test } from 'bun:test';

import { clusterMeans, earlierCentres } from './earlier-centres.ts';
import { prepareFeatures } from './features.ts';
import { samplePlaces } from './kmeans.ts';
import { DIMS } from './rows.ts';
import { apart, customerTable, withPool, type DescribedCustomer } from './testing.ts';
import { train } from './train.ts';

const TRADES = ['나', '라', '바'];

/** Customers of each trade, a step of the place apart, so that trades are the clusters. */
function customersOf(trades: readonly string[], each: number): DescribedCustomer[] {
  return trades.flatMap((trade, at) =>
    Array.from({ length: each }, (_, n): DescribedCustomer => {
      const nudge = n / each / 100;
      return [35 + at + nudge, 127 + at - nudge, -1, null, trade, trade, 50];
    }),
  );
}

const SETTINGS = { month: '2025-11', seed: 42, sample: null, clusters: TRADES.length };
const NEW = ['가', '가가', '가나', '가다', '다', '마', '마가'];
const BEFORE = customersOf(TRADES, 40);
const NOW = [...BEFORE, ...customersOf(NEW, 1)];

for (const sample of [undefined, 60])
  test(`new classes shift all codes: the centres are those of the same customers, of ${sample ?? 'all'}`, async () => {
    const table = customerTable(NOW);
    await withPool(1, async (pool) => {
      const { model: earlier } = await train(pool, customerTable(BEFORE), SETTINGS, null);
      const { rows } = await prepareFeatures(pool, table);
      const found = await earlierCentres(pool, table, rows, { earlier, seed: 42, sample });
      const old = await prepareFeatures(pool, table, earlier);
      const drawn = [...samplePlaces(NOW.length, sample ?? NOW.length, 42)];
      for (let c = 0; c < TRADES.length; c++) {
        const own = drawn.filter((row) => nearest(old.rows, row, earlier.centres) === c);
        const mean = Array.from(
          { length: DIMS },
          (_, d) => own.reduce((sum, row) => sum + rows[row * DIMS + d], 0) / own.length,
        );
        expect(apart(found.slice(c * DIMS, (c + 1) * DIMS), mean)).toBeLessThan(1e-12);
      }
    });
  });

test('the customers keep their ids through new classes', async () => {
  await withPool(1, async (pool) => {
    const before = await train(pool, customerTable(BEFORE), SETTINGS, null);
    const now = await train(pool, customerTable(NOW), SETTINGS, before.model);
    expect(now.model.matchedTo).toBe(before.model.hash);
    for (let row = 0; row < BEFORE.length; row++)
      expect(nearest(now.prepared.rows, row, now.model.centres)).toBe(
        nearest(before.prepared.rows, row, before.model.centres),
      );
  });
});

test('a cluster without rows is given the mean of all', () => {
  const rows = Float64Array.from({ length: 3 * DIMS }, (_, i) => Math.floor(i / DIMS) + 1);
  const { means, counts } = clusterMeans(rows, Uint8Array.of(2, 0, 2), 3);
  expect([...counts]).toEqual([1, 0, 2]);
  expect([...means]).toEqual([2, 0, 2].flatMap((mean) => Array.from({ length: DIMS }, () => mean)));
});

function nearest(rows: Float64Array, row: number, centres: readonly number[][]): number {
  const squares = centres.map((centre) =>
    centre.reduce((sum, value, d) => sum + (rows[row * DIMS + d] - value) ** 2, 0),
  );
  return squares.indexOf(Math.min(...squares));
}
