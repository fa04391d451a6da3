import { expect, setDefaultTimeout, test } from 'bun:test';

import answers from './fixtures/pca.json';
import { fitPca, type Levels, projectLevels } from './pca.ts';
import { CHUNK_ROWS, DIMS, sharedIntegers } from './rows.ts';
import { apart, SLOWLY_MS, withPool } from './testing.ts';

setDefaultTimeout(SLOWLY_MS);

function levelsOf(codes: readonly (readonly number[])[]): Levels {
  const column = (level: readonly number[]): Int32Array => {
    const shared = sharedIntegers(level.length);
    shared.set(level);
    return shared;
  };
  return [column(codes[0]), column(codes[1]), column(codes[2]), column(codes[3])];
}

for (const [i, answer] of answers.entries()) {
  test(`equals scikit-learn's PCA, signs and all: set ${i}`, () =>
    withPool(1, async (pool) => {
      const levels = levelsOf(answer.codes);
      const pca = await fitPca(pool, levels);
      expect(apart(pca.means, answer.means)).toBeLessThan(1e-12);
      expect(apart(pca.components.flat(), answer.components.flat())).toBeLessThan(1e-9);
      expect(apart(pca.variances, answer.variances)).toBeLessThan(1e-9);
      expect(apart(pca.shares, answer.shares)).toBeLessThan(1e-9);
      const rows = new Float64Array(levels[0].length * DIMS);
      projectLevels({ levels, pca, rows, feature: 4 }, 0);
      const projected = answer.projected.flatMap((_, row) => [
        rows[row * DIMS + 4],
        rows[row * DIMS + 5],
      ]);
      expect(apart(projected, answer.projected.flat())).toBeLessThan(1e-9);
      expect(
        rows.filter((_, at) => at % DIMS < 4 || at % DIMS > 5).every((value) => value === 0),
      ).toBe(true);
    }));
}

test('the same bits at any number of threads, over several chunks', async () => {
  const count = 2 * CHUNK_ROWS + 77;
  const levels = levelsOf(
    [5, 12, 60, 400].map((size, i) =>
      Array.from({ length: count }, (_, row) => (row * (i + 7)) % size),
    ),
  );
  const one = await withPool(1, (pool) => fitPca(pool, levels));
  for (const threads of [2, 4])
    expect(await withPool(threads, (pool) => fitPca(pool, levels))).toEqual(one);
});

test('levels that never change project to nothing', () =>
  withPool(1, async (pool) => {
    const levels = levelsOf([
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
    const pca = await fitPca(pool, levels);
    const rows = new Float64Array(2 * DIMS);
    projectLevels({ levels, pca, rows, feature: 4 }, 0);
    expect(rows.every((value) => value === 0)).toBe(true);
    expect(pca.shares).toEqual([0, 0]);
  }));

test('one row is enough, none is not', () =>
  withPool(1, async (pool) => {
    const pca = await fitPca(pool, levelsOf([[1], [2], [3], [4]]));
    expect(pca.means).toEqual([1, 2, 3, 4]);
    expect(fitPca(pool, levelsOf([[], [], [], []]))).rejects.toThrow('no rows');
  }));
