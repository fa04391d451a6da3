import type { Pool } from '../base/thread-pool.ts';
import { assign, unlabelled } from './descent.ts';
import { fitKMeans, KMEANS_DEFAULTS, takeSample } from './kmeans.ts';
import { silhouettes } from './quality.ts';
import { rowCount } from './rows.ts';

/** What another number of clusters would give, on one sample of rows. */
export type Elbow = {
  rows: number; // in the sample
  modelInertia: number; // of the model's own centres on the same rows
  byK: { clusters: number; inertia: number; silhouette: number }[];
};

const ELBOW_ROWS = 20_000;

/** Less than the model is given: of many starts on a few rows the best go on. */
const EFFORT = { starts: 40, stages: [{ rows: 2_048, coarseness: 10, keep: 3 }] };

const SILHOUETTE_ROWS = 100; // of each cluster: the curve needs less than the model's own figure
export const CLUSTERS_TRIED = [2, 20] as const;

/** K-Means anew for each number of clusters, as far as there are rows for it. */
export async function elbow(
  pool: Pool,
  all: Float64Array, // IN  [count x DIMS], shared
  centres: Float64Array, // IN  [k x DIMS]: the model's
  { seed, sample = ELBOW_ROWS }: { seed: number; sample?: number },
): Promise<Elbow> {
  const rows = takeSample(all, sample, seed);
  const { inertia: modelInertia } = await assign(pool, { rows, centres, labels: unlabelled(rows) });
  const byK: Elbow['byK'] = [];
  const [from, to] = CLUSTERS_TRIED;
  for (let clusters = from; clusters <= Math.min(to, rowCount(rows)); clusters++) {
    const settings = { ...KMEANS_DEFAULTS, ...EFFORT, clusters, seed };
    const { labels, sizes, inertia } = await fitKMeans(pool, rows, settings);
    const options = { seed, perCluster: SILHOUETTE_ROWS };
    const { silhouette } = await silhouettes(pool, rows, labels, sizes, options);
    byK.push({ clusters, inertia, silhouette });
  }
  return { rows: rowCount(rows), modelInertia, byK };
}
