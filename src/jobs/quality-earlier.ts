import { existsSync } from 'node:fs';

import { assign, unlabelled } from '../recommend/descent.ts';
import { centreDistances, featureStability, stabilityOfCounts } from '../recommend/drift.ts';
import { prepareFeatures } from '../recommend/features.ts';
import { centresOf, loadModel, madeBy, type Model } from '../recommend/model.ts';
import type { Pool } from '../recommend/pool.ts';
import type { EarlierMonth } from '../recommend/quality-report.ts';
import { DIMS } from '../recommend/rows.ts';
import { rescale } from '../recommend/train.ts';
import type { Move } from '../store/quality-counts.ts';
import type { Facts } from './quality-facts.ts';

/** This month against the one before it, features by this month's rules. */
export async function compareMonths(
  pool: Pool,
  { earlier, model, sizes }: Facts,
  now: Float64Array, // IN  [count x DIMS]: rows of customers drawn evenly
  modelsDir: string, // where the earlier month's may be
): Promise<EarlierMonth | null> {
  if (!earlier) return null;
  const { month, moves, sample } = earlier;
  const { rows: before } = await prepareFeatures(pool, sample.table, model);
  const matrix = matrixOf(moves, sizes.length);
  const sum = (is: (move: Move) => boolean): number =>
    moves.filter(is).reduce((total, { customers }) => total + customers, 0);
  const sizesBefore = matrix.map((_, c) => sum((move) => move.before === c));
  const sizesNow = matrix.map((_, c) => sizes[c] ?? 0);
  return {
    month,
    model: earlier.model,
    customers: sum((move) => move.before !== null),
    both: sum((move) => move.before !== null && move.now !== null),
    changed: sum((move) => move.before !== null && move.now !== null && move.before !== move.now),
    joined: sum((move) => move.before === null),
    left: sum((move) => move.now === null),
    matrix,
    sampled: { before: before.length / DIMS, now: now.length / DIMS },
    features: featureStability(before, now),
    segments: { name: 'segment', ...stabilityOfCounts(sizesBefore, sizesNow) },
    centres: await compareCentres(pool, now, model, earlierModel(earlier, model, modelsDir)),
  };
}

/** Square, over the segments of both months. */
function matrixOf(moves: readonly Move[], clusters: number): number[][] {
  const most = moves.reduce((max, { before }) => Math.max(max, (before ?? 0) + 1), clusters);
  const matrix = Array.from({ length: most }, () => Array.from({ length: most }, () => 0));
  for (const { before, now, customers } of moves)
    if (before !== null && now !== null) matrix[before][now] = customers;
  return matrix;
}

/** Null where the earlier month's model is gone or has other clusters. */
function earlierModel(
  { month, model: hash }: { month: string; model: string },
  { centres }: Model,
  modelsDir: string,
): Model | null {
  const path = madeBy(month, hash, modelsDir);
  if (!existsSync(path)) return null;
  const before = loadModel(path);
  return before.hash === hash && before.centres.length === centres.length ? before : null;
}

async function compareCentres(
  pool: Pool,
  rows: Float64Array,
  model: Model,
  earlier: Model | null,
): Promise<EarlierMonth['centres']> {
  if (!earlier) return null;
  const [before, now] = [rescale(earlier, model), centresOf(model)];
  const inertia = async (centres: Float64Array): Promise<number> =>
    (await assign(pool, { rows, centres, labels: unlabelled(rows) })).inertia;
  return {
    distances: centreDistances(before, now),
    inertiaRatio: (await inertia(before)) / (await inertia(now)),
  };
}
