import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

import type { Pool } from '../base/thread-pool.ts';
import { chunkCount, chunkRange, DIMS } from './rows.ts';

/** The four levels of the industry classification, and what is left of them. */
export const LEVELS = 4;
export const COMPONENTS = 2;

/** Encoded levels, one column each. */
export type Levels = readonly [Int32Array, Int32Array, Int32Array, Int32Array];

/** Two directions through the mean along which the level codes spread most; not scaled. */
export type Pca = {
  readonly means: readonly number[]; // [LEVELS]
  readonly components: readonly (readonly number[])[]; // [COMPONENTS][LEVELS]
  readonly variances: readonly number[]; // [COMPONENTS]
  readonly shares: readonly number[]; // [COMPONENTS] of the variance of all levels
};

export async function fitPca(pool: Pool, levels: Levels): Promise<Pca> {
  const count = levels[0].length;
  if (count === 0) throw new RangeError('no rows to fit a PCA to');
  const chunks = chunkCount(count);
  const means = fold(await pool.map(sumLevels, { levels }, chunks)).map((sum) => sum / count);
  const products = fold(await pool.map(multiplyLevels, { levels, means }, chunks));
  const covariance = Matrix.from1DArray(LEVELS, LEVELS, products).div(Math.max(1, count - 1));
  return { means, ...directions(covariance) };
}

export function sumLevels({ levels }: { levels: Levels }, chunk: number): number[] {
  const [from, to] = chunkRange(levels[0].length, chunk);
  return levels.map((codes) => {
    let sum = 0;
    for (let row = from; row < to; row++) sum += codes[row];
    return sum;
  });
}

/** Sums of products of distances from the mean: [LEVELS x LEVELS]. */
export function multiplyLevels(
  { levels, means }: { levels: Levels; means: readonly number[] },
  chunk: number,
): number[] {
  const [from, to] = chunkRange(levels[0].length, chunk);
  const [a, b, c, d] = levels;
  const [meanA, meanB, meanC, meanD] = means;
  let [aa, ab, ac, ad, bb, bc, bd, cc, cd, dd] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let row = from; row < to; row++) {
    const x = a[row] - meanA;
    const y = b[row] - meanB;
    const z = c[row] - meanC;
    const w = d[row] - meanD;
    aa += x * x;
    ab += x * y;
    ac += x * z;
    ad += x * w;
    bb += y * y;
    bc += y * z;
    bd += y * w;
    cc += z * z;
    cd += z * w;
    dd += w * w;
  }
  return [aa, ab, ac, ad, ab, bb, bc, bd, ac, bc, cc, cd, ad, bd, cd, dd];
}

export type ProjectInput = {
  levels: Levels; // IN  [LEVELS][count]
  pca: Pca;
  rows: Float64Array; // OUT [count x DIMS], only two features
  feature: number; // the first of the two
};

export function projectLevels({ levels, pca, rows, feature }: ProjectInput, chunk: number): void {
  const [a, b, c, d] = levels;
  const [first, second] = pca.components.map((weights) => Float64Array.from(weights));
  const [meanA, meanB, meanC, meanD] = pca.means;
  const [from, to] = chunkRange(a.length, chunk);
  for (let row = from, at = from * DIMS + feature; row < to; row++, at += DIMS) {
    const x = a[row] - meanA;
    const y = b[row] - meanB;
    const z = c[row] - meanC;
    const w = d[row] - meanD;
    rows[at] = x * first[0] + y * first[1] + z * first[2] + w * first[3];
    rows[at + 1] = x * second[0] + y * second[1] + z * second[2] + w * second[3];
  }
}

function directions(covariance: Matrix): Omit<Pca, 'means'> {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance, {
    assumeSymmetric: true,
  });
  const total = Math.max(covariance.trace(), 0);
  const largest = [...realEigenvalues.keys()]
    .toSorted((a, b) => realEigenvalues[b] - realEigenvalues[a] || a - b)
    .slice(0, COMPONENTS);
  const variances = largest.map((i) => Math.max(0, realEigenvalues[i]));
  return {
    components: largest.map((i) => turned(eigenvectorMatrix.getColumn(i))),
    variances,
    shares: variances.map((variance) => (total > 0 ? variance / total : 0)),
  };
}

/** An eigenvector's sign is free: the weight of the largest size is made positive (svd_flip). */
function turned(weights: readonly number[]): number[] {
  const sizes = weights.map(Math.abs);
  const sign = weights[sizes.indexOf(Math.max(...sizes))] < 0 ? -1 : 1;
  return weights.map((weight) => weight * sign + 0);
}

function fold(parts: readonly (readonly number[])[]): number[] {
  const total = parts[0].map(() => 0);
  for (const part of parts) for (let i = 0; i < total.length; i++) total[i] += part[i];
  return total;
}
