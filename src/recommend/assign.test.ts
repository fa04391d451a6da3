import { expect, setDefaultTimeout, test } from 'bun:test';

import { assignRows, CLUSTERS_MAX, farthestRows, foldFarthest, foldPasses } from './assign.ts';
import { CHUNK_ROWS, chunkCount, DIMS, rowCount } from './rows.ts';
import { makeRows, SLOWLY_MS } from './testing.ts';

setDefaultTimeout(SLOWLY_MS);

/** By definition, and in plain JavaScript. */
function slowly(rows: Float64Array, centres: Float64Array) {
  const k = centres.length / DIMS;
  const labels = new Uint8Array(rowCount(rows));
  const squares = new Float64Array(rowCount(rows));
  const sums = new Float64Array(centres.length);
  const counts = new Int32Array(k);
  for (let row = 0; row < labels.length; row++) {
    squares[row] = Infinity;
    for (let c = 0; c < k; c++) {
      let square = 0;
      for (let d = 0; d < DIMS; d++) square += (rows[row * DIMS + d] - centres[c * DIMS + d]) ** 2;
      if (square >= squares[row]) continue;
      squares[row] = square;
      labels[row] = c;
    }
    counts[labels[row]]++;
    for (let d = 0; d < DIMS; d++) sums[labels[row] * DIMS + d] += rows[row * DIMS + d];
  }
  return { labels, squares, sums, counts };
}

test('labels, sums, counts and distances equal those of a loop by definition, to the bit', () => {
  for (const k of [1, 2, 3, 7, 10, 20, CLUSTERS_MAX]) {
    const rows = makeRows(3_001, (random) => random.between(-3, 3));
    const centres = rows.slice(0, k * DIMS);
    const labels = new Uint8Array(3_001).fill(255);
    const distances = new Float64Array(3_001);
    const pass = assignRows({ rows, centres, labels, distances }, 0);
    const slow = slowly(rows, centres);
    expect(labels).toEqual(slow.labels);
    expect(pass.sums).toEqual(slow.sums);
    expect(pass.counts).toEqual(slow.counts);
    expect(distances).toEqual(slow.squares.map(Math.sqrt));
    expect(pass.inertia).toBe(slow.squares.reduce((sum, square) => sum + square, 0));
    expect(pass.changed).toBe(3_001);
    expect(assignRows({ rows, centres, labels }, 0).changed).toBe(0);
    for (let c = 0; c < k; c++)
      expect(pass.reach[c]).toBe(Math.max(...distances.filter((_, row) => labels[row] === c)));
  }
});

test('of equally near centres, the one with the lowest number', () => {
  const rows = new Float64Array(DIMS);
  const centres = new Float64Array(5 * DIMS).fill(1);
  const labels = new Uint8Array(1);
  for (const twins of [
    [3, 4],
    [1, 2],
    [2, 4],
    [0, 3],
  ]) {
    centres.fill(1);
    for (const c of twins) centres.fill(c === twins[0] ? 0.5 : -0.5, c * DIMS, (c + 1) * DIMS);
    assignRows({ rows, centres, labels }, 0);
    expect(labels[0]).toBe(twins[0]);
  }
});

test('chunks put together are one pass', () => {
  const rows = makeRows(CHUNK_ROWS + 1_000, (random) => random.next());
  const centres = rows.slice(0, 10 * DIMS);
  const labels = new Uint8Array(rowCount(rows));
  const passes = [0, 1].map((chunk) => assignRows({ rows, centres, labels }, chunk));
  const total = foldPasses(passes);
  const slow = slowly(rows, centres);
  expect(labels).toEqual(slow.labels);
  expect(total.counts).toEqual(slow.counts);
  expect(total.inertia).toBe(passes[0].inertia + passes[1].inertia);
});

test('finds the rows farthest from their centres, the smaller row first among equals', () => {
  const rows = makeRows(CHUNK_ROWS + 500, (random) => random.below(4));
  const centres = rows.slice(0, 3 * DIMS);
  const labels = new Uint8Array(rowCount(rows));
  const chunks = Array.from({ length: chunkCount(rowCount(rows)) }, (_, chunk) => chunk);
  for (const chunk of chunks) assignRows({ rows, centres, labels }, chunk);
  const { squares } = slowly(rows, centres);
  const far = foldFarthest(
    chunks.map((chunk) => farthestRows({ rows, centres, labels, wanted: 9 }, chunk)),
    9,
  );
  const sorted = [...squares.keys()].toSorted((a, b) => squares[b] - squares[a] || a - b);
  expect(far.map(({ row }) => row)).toEqual(sorted.slice(0, 9));
});

test('what is no number is refused', () => {
  for (const value of [NaN, Infinity]) {
    const rows = makeRows(10, (random) => random.next());
    rows[13] = value;
    const input = { rows, centres: rows.slice(3 * DIMS, 6 * DIMS), labels: new Uint8Array(10) };
    expect(() => assignRows(input, 0)).toThrow('no number');
    rows[13] = 0; // and leaves nothing behind
    const slow = slowly(rows, input.centres);
    expect(assignRows(input, 0).sums).toEqual(slow.sums);
  }
});

test('refuses more clusters than it can tell apart', () => {
  const rows = makeRows(40, (random) => random.next());
  const input = { rows, centres: rows.slice(0, 33 * DIMS), labels: new Uint8Array(40) };
  expect(() => assignRows(input, 0)).toThrow('33 clusters');
});
