import { expect, test } from 'bun:test';

import { BENCH_NAMES, runBenches, SMALL_SIZES } from './run.ts';

test('every bench runs at its small size', async () => {
  const lines = await runBenches(BENCH_NAMES, SMALL_SIZES);
  expect(lines.length).toBe(BENCH_NAMES.length + 2); // threads prints three
  for (const line of lines) expect(line.ours).toMatch(/\d/);
}, 120_000);
