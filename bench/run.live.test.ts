import { expect, test } from 'bun:test';

import { BENCH_NAMES, runBenches, SMALL_SIZES } from './run.ts';

test('every bench runs at its small size', async () => {
  const lines = await runBenches(BENCH_NAMES, SMALL_SIZES);
  expect(lines.length).toBeGreaterThan(BENCH_NAMES.length);
  for (const line of lines) expect(line.ours).toMatch(/\d/);
  const factors = lines.flatMap(({ factor }) => (factor === undefined ? [] : [factor]));
  expect(factors.length).toBeGreaterThan(BENCH_NAMES.length / 2);
  for (const factor of factors) expect(factor).toBeWithin(Number.MIN_VALUE, Infinity);
  const threads = lines.filter(({ bench }) => bench.endsWith(' threads'));
  expect(threads.map(({ bench }) => bench)).toEqual(['1 threads', '2 threads', '4 threads']);
  const checksums = threads.map(({ checksum }) => checksum);
  expect(checksums[0]).toMatch(/^[0-9a-f]{16}$/);
  expect(new Set(checksums).size).toBe(1);
}, 420_000);
