import type { Pool } from '../base/thread-pool.ts';
import { assign, unlabelled } from '../recommend/descent.ts';
import { centreDistances, featureStability, stabilityOfCounts } from '../recommend/drift.ts';
import { clusterMeans } from '../recommend/earlier-centres.ts';
import { prepareFeatures } from '../recommend/features.ts';
import { centresOf, type Model } from '../recommend/model.ts';
import type { EarlierMonth } from '../recommend/quality-report.ts';
import { DIMS } from '../recommend/rows.ts';
import type { Move } from '../store/quality-counts.ts';
import type { Facts } from './quality-facts.ts';

/** This month against the one before it, features by this month's rules. */
export async function compareMonths(
  pool: Pool,
  { earlier, model, sizes }: Facts,
  now: Float64Array, // IN  [count x DIMS]: rows of customers drawn evenly
): Promise<EarlierMonth | null> {
  if (!earlier) return null;
  const { month, moves, sample } = earlier;
  const { rows: before } = await prepareFeatures(pool, sample.table, model);
  const labels = Uint8Array.from(sample.drawn, ({ cluster }) => cluster);
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
    centres: await compareCentres(pool, model, now, { rows: before, labels }),
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

/**
 * The earlier month's centres in this month's space: the means of its drawn customers by its
 * segments. Null where it has another number of segments, or one of which nobody was drawn.
 */
async function compareCentres(
  pool: Pool,
  model: Model,
  now: Float64Array,
  { rows, labels }: { rows: Float64Array; labels: Uint8Array },
): Promise<EarlierMonth['centres']> {
  const clusters = model.centres.length;
  if (labels.some((label) => label >= clusters)) return null;
  const { means, counts } = clusterMeans(rows, labels, clusters);
  if (counts.includes(0)) return null;
  const inertia = async (centres: Float64Array): Promise<number> =>
    (await assign(pool, { rows: now, centres, labels: unlabelled(now) })).inertia;
  return {
    distances: centreDistances(means, centresOf(model)),
    inertiaRatio: (await inertia(means)) / (await inertia(centresOf(model))),
  };
}
