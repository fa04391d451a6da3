import { expect, setDefaultTimeout, test } from 'bun:test';

import { assign, descend, runDescent, unlabelled } from './descent.ts';
import answers from './fixtures/descent.json';
import { measure } from './scaler.ts';
import { apart, makeRows, rowsOf, SLOWLY_MS, withPool } from './testing.ts';

setDefaultTimeout(SLOWLY_MS);

for (const [name, answer] of Object.entries(answers)) {
  test(`from given centres, labels, centres, inertia and iterations are scikit-learn's: ${name}`, () =>
    withPool(1, async (pool) => {
      const rows = rowsOf(answer.rows);
      const { squares, count } = await measure(pool, rows);
      const shiftMax = (1e-4 * squares.reduce((sum, square) => sum + square, 0)) / count / 8;
      const limits = { iterationsMax: answer.iterationsMax, shiftMax };
      const end = await descend(pool, rows, rowsOf(answer.from), limits);
      expect(end.iterations).toBe(answer.iterations);
      expect(apart(end.centres, answer.centres.flat())).toBeLessThan(1e-9);
      expect(apart([end.inertia], [answer.inertia])).toBeLessThan(1e-9);
      const labels = unlabelled(rows);
      await assign(pool, { rows, centres: end.centres, labels });
      expect([...labels]).toEqual(answer.labels);
    }));
}

test('one thread or all, a descent is the same to the bit', async () => {
  const rows = makeRows(70_000, (random) => random.next());
  const from = rows.slice(0, 80);
  const limits = { iterationsMax: 12, shiftMax: 0 };
  const alone = runDescent({ rows, from: [from], clusters: 10, seed: 1, limits }, 0);
  for (const threads of [1, 2, 4]) {
    const together = await withPool(threads, (pool) => descend(pool, rows, from, limits));
    expect(together).toEqual(alone);
  }
});

test('inertia never grows from one iteration to the next', () =>
  withPool(1, async (pool) => {
    const rows = makeRows(5_000, (random) => random.next());
    let last = Infinity;
    for (let iterationsMax = 1; iterationsMax <= 20; iterationsMax++) {
      const limits = { iterationsMax, shiftMax: 0 };
      const { inertia } = await descend(pool, rows, rows.slice(0, 80), limits);
      expect(inertia).toBeLessThanOrEqual(last);
      last = inertia;
    }
  }));
