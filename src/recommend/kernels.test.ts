import { expect, setDefaultTimeout, test } from 'bun:test';

import { answer } from '../base/thread-pool-side.ts';
import { Pool } from '../base/thread-pool.ts';
import { KERNELS, openPool } from './kernels.ts';
import { type Levels, sumLevels } from './pca.ts';
import { sharedDoubles } from './rows.ts';
import { measureRows } from './scaler.ts';
import { makeRows, SLOWLY_MS, withPool } from './testing.ts';

setDefaultTimeout(SLOWLY_MS);

test('results come in chunk order, and each chunk is told once', async () => {
  const rows = makeRows(65_536 * 5, (_, row) => Math.floor(row / 65_536));
  for (const threads of [1, 2, 4]) {
    const told: number[] = [];
    const parts = await withPool(threads, (pool) =>
      pool.map(measureRows, { rows }, 5, (chunk) => told.push(chunk)),
    );
    expect(parts.map(({ means }) => means[0])).toEqual([0, 1, 2, 3, 4]);
    expect(told.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  }
});

test('no chunks, no results', () =>
  withPool(2, async (pool) =>
    expect(await pool.map(measureRows, { rows: sharedDoubles(0) }, 0)).toEqual([]),
  ));

test('calls may overlap, and a failed one leaves the others and the threads alone', () =>
  withPool(2, async (pool) => {
    const good = makeRows(65_536 * 3, () => 1);
    const bad = makeRows(65_536 * 3, (_, row, d) => (row === 65_536 && d === 0 ? NaN : 1));
    const calls = [good, bad, good].map((rows) => pool.map(measureRows, { rows }, 3));
    const [first, second, third] = await Promise.allSettled(calls);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({
      status: 'rejected',
      reason: { message: 'feature 0 of row 65536 is NaN' },
    });
    expect(third.status).toBe('fulfilled');
    expect(await pool.map(measureRows, { rows: good }, 3)).toHaveLength(3);
  }));

test('refuses a kernel that its threads do not know, and an odd number of threads', async () => {
  await withPool(1, async (pool) => {
    expect(pool.map((): number => 1, {}, 1)).rejects.toThrow('not in the pool');
  });
  for (const threads of [0, 1.5, 65]) expect(() => openPool(threads)).toThrow(RangeError);
});

test('a thread that cannot start fails what waits for it, instead of leaving it to wait', async () => {
  const pool = new Pool({
    threads: 2,
    kernels: KERNELS,
    entry: new URL('no-such-file.ts', import.meta.url),
  });
  const rows = makeRows(10, () => 1);
  expect(pool.map(measureRows, { rows }, 1)).rejects.toThrow('thread');
  await Bun.sleep(0);
  pool.close();
});

test('large data that is not shared is refused, in lists too', () =>
  withPool(1, async (pool) => {
    const rows = new Float64Array(16_384 * 8);
    expect(pool.map(measureRows, { rows }, 1)).rejects.toThrow('rows is large and not in shared');
    const level = new Int32Array(20_000);
    const levels: Levels = [level, level, level, level];
    expect(pool.map(sumLevels, { levels }, 1)).rejects.toThrow('levels is large and not in shared');
  }));

test('closing fails what is open, and everything after', async () => {
  const pool = openPool(2);
  const rows = makeRows(65_536 * 8, () => 1);
  const open = pool.map(measureRows, { rows }, 8);
  pool.close();
  expect(open).rejects.toThrow('closed');
  expect(pool.map(measureRows, { rows }, 8)).rejects.toThrow('closed');
});

test('a thread answers chunk by chunk, and says what went wrong', () => {
  const claims = new Int32Array(new SharedArrayBuffer(4));
  const kernels = { double: (input: number, chunk: number): number => input * 2 + chunk };
  const call = { id: 7, kernel: 'double', input: 5, claims, chunks: 2 };
  expect([...answer(kernels, call)]).toEqual([
    { id: 7, kind: 'result', chunk: 0, result: 10 },
    { id: 7, kind: 'result', chunk: 1, result: 11 },
    { id: 7, kind: 'left' },
  ]);
  claims[0] = 0;
  const [failure] = answer(kernels, { ...call, kernel: 'triple' });
  expect(failure).toMatchObject({
    kind: 'failure',
    error: { message: 'no kernel triple on this thread' },
  });
});
