import { expect, setDefaultTimeout, test } from 'bun:test';

import { findNearest } from './nearest.ts';
import { DIMS, rowCount } from './rows.ts';
import { makeRows, SLOWLY_MS, withPool } from './testing.ts';
import { NONE } from './tree.ts';

setDefaultTimeout(SLOWLY_MS);

/** By definition: every other row of the cluster, in row order. */
function slowly(rows: Float64Array, members: readonly number[], row: number) {
  let nearest = NONE;
  let least = Infinity;
  for (const other of members) {
    if (other === row) continue;
    let square = 0;
    for (let d = 0; d < DIMS; d++) square += (rows[other * DIMS + d] - rows[row * DIMS + d]) ** 2;
    if (square >= least) continue;
    least = square;
    nearest = other;
  }
  return { nearest, distance: Math.sqrt(least) };
}

async function expectExact(rows: Float64Array, labels: Uint8Array, step = 1): Promise<void> {
  const found = await withPool(1, (pool) => findNearest(pool, rows, labels));
  const clusters = Array.from({ length: 256 }, (): number[] => []);
  for (const [row, label] of labels.entries()) clusters[label].push(row);
  const wrong: string[] = [];
  for (let row = 0; row < labels.length; row += step) {
    const { nearest, distance } = slowly(rows, clusters[labels[row]], row);
    if (found.nearest[row] !== nearest || found.distances[row] !== distance)
      wrong.push(
        `${row}: ${found.nearest[row]} at ${found.distances[row]}, not ${nearest} at ${distance}`,
      );
  }
  expect(wrong).toEqual([]);
}

const ten = (count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, row) => (row * 7) % 10);

test('equals a search by definition on 20,000 even rows', () =>
  expectExact(
    makeRows(20_000, (random) => random.next()),
    ten(20_000),
  ));

test('equals a search by definition on 20,000 clustered rows, half of them duplicates, with clusters of one, two and none', () => {
  const rows = makeRows(20_000, (random, row, d) => {
    if (row % 2) random.at(row - 1 - (row % 14)); // the same draws again: the same row
    const blob = random.below(40);
    for (let skip = 0; skip < d; skip++) random.next();
    return ((blob * (d + 3)) % 11) + random.next() ** 3;
  });
  const labels = ten(20_000);
  labels[5_000] = 11;
  labels[6_000] = 12;
  labels[7_001] = 12;
  return expectExact(rows, labels);
});

test('equals a search by definition where many are equally near: whole numbers', () =>
  expectExact(
    makeRows(20_000, (random, _, d) => random.below([30, 30, 5, 9, 3, 6, 4, 2][d])),
    ten(20_000),
  ));

test('equals a search by definition where Float32 cannot tell rows apart', async () => {
  const near = makeRows(3_000, (random) => 1_000 + random.next() * 1e-4);
  await expectExact(near, new Uint8Array(3_000));
  const far = makeRows(3_000, (random, row) => (row === 0 ? 1e9 : random.next()));
  await expectExact(far, new Uint8Array(3_000));
  const tiny = makeRows(3_000, (random) => random.next() * 1e-25);
  await expectExact(tiny, new Uint8Array(3_000));
  const wide = makeRows(3_000, (random) => random.next() * 1e17);
  await expectExact(wide, new Uint8Array(3_000));
});

test('every number of rows around the sizes of leaves and nodes', async () => {
  for (const count of [1, 2, 3, 15, 16, 17, 31, 33, 63, 64, 65, 255, 256, 257, 300, 1_023, 1_025])
    await expectExact(
      makeRows(count, (random) => random.next()),
      new Uint8Array(count),
    );
});

test('a tree of more than one subtree, and a label far from the others', async () => {
  const rows = makeRows(40_000, (random) => random.next());
  const labels = new Uint8Array(40_000);
  labels[3] = 255;
  await expectExact(rows, labels, 37);
});

test('all rows alike: the first, and the second for the first; 0 and -0 are alike', async () => {
  const rows = makeRows(2_000, (_, row) => (row % 2 ? 0 : -0));
  const { nearest, distances } = await withPool(1, (pool) =>
    findNearest(pool, rows, new Uint8Array(2_000)),
  );
  expect(nearest[0]).toBe(1);
  expect(nearest.subarray(1).every((row) => row === 0)).toBe(true);
  expect(distances.every((distance) => distance === 0)).toBe(true);
});

test('alone in its cluster: none', async () => {
  const rows = makeRows(3, (random) => random.next());
  const found = await withPool(1, (pool) => findNearest(pool, rows, Uint8Array.of(0, 1, 2)));
  expect([...found.nearest]).toEqual([NONE, NONE, NONE]);
  expect([...found.distances]).toEqual([Infinity, Infinity, Infinity]);
  const nobody = await withPool(1, (pool) =>
    findNearest(
      pool,
      makeRows(0, () => 0),
      new Uint8Array(0),
    ),
  );
  expect(nobody.nearest).toHaveLength(0);
});

test('the same at any number of threads, and tells how far it is', async () => {
  const rows = makeRows(60_000, (random, row, d) =>
    d < 2 ? random.next() : (row * (d + 1)) % (3 + d),
  );
  const labels = Uint8Array.from({ length: 60_000 }, (_, row) => (row % 5 ? 0 : 3));
  const one = await withPool(1, (pool) => findNearest(pool, rows, labels));
  for (const threads of [2, 4]) {
    const told: number[] = [];
    const found = await withPool(threads, (pool) =>
      findNearest(pool, rows, labels, (done) => told.push(done)),
    );
    expect(found).toEqual(one);
    expect(told.toSorted((a, b) => a - b)).toEqual(told);
    expect(told.at(-1)).toBe(rowCount(rows));
  }
});

test('what is no number is refused', () =>
  withPool(2, async (pool) => {
    const rows = makeRows(100, (random) => random.next());
    rows[81] = NaN;
    expect(findNearest(pool, rows, new Uint8Array(100))).rejects.toThrow('row 10 holds NaN');
  }));
