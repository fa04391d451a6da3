import { PipelineError } from '../base/errors.ts';
import type { Pool } from '../base/thread-pool.ts';
import { readCustomers, type CustomerTable, type Items, type VectorRows } from './customers.ts';
import { assign, unlabelled } from './descent.ts';
import { earlierCentres } from './earlier-centres.ts';
import { FEATURES, prepareFeatures, type Prepared } from './features.ts';
import { fitKMeans, KMEANS_DEFAULTS, takeSample } from './kmeans.ts';
import { matchCentres, renumber } from './match.ts';
import { codeVersion, FORMAT, hashModel, type ItemShare, type Model } from './model.ts';
import { DIMS, rowCount } from './rows.ts';
import { countUsage, type Usage } from './usage.ts';

export type TrainSettings = {
  month: string; // 2025-12
  seed: number;
  sample: number | null; // rows that K-Means sees; null: all
  clusters?: number;
};

/** Reads the customers to train on: all of the month. */
export async function loadTrainingData(
  rows: VectorRows,
  count: number,
  onRows?: (done: number) => void,
): Promise<CustomerTable> {
  if (count === 0) {
    throw new PipelineError(
      'BASE_TOO_SMALL',
      'the month has no active customers; fill it with `millrace recommend ingest`',
    );
  }
  return await readCustomers(rows, count, onRows);
}

export type Trained = {
  centres: Float64Array; // [k x DIMS]
  iterations: number;
  sampled: number; // rows that K-Means saw
  matchedTo: string | null; // hash of the model whose ids were kept
};

/** A model before, its centres in the space of the rows at hand. */
export type Earlier = { hash: string; centres: Float64Array };

/**
 * K-Means over all rows or a sample. With a model before: on from its centres, if that ends about as
 * well as the best start, and ids are those of its centres, where they are near.
 */
export async function trainClusteringModel(
  pool: Pool,
  prepared: Prepared,
  settings: TrainSettings,
  earlier: Earlier | null,
): Promise<Trained> {
  const { clusters = KMEANS_DEFAULTS.clusters, sample, seed } = settings;
  const rows = sample === null ? prepared.rows : takeSample(prepared.rows, sample, seed);
  const from = { ...KMEANS_DEFAULTS, clusters, seed, earlier: earlier?.centres };
  const found = await fitKMeans(pool, rows, from);
  const end = { iterations: found.iterations, sampled: rowCount(rows) };
  if (earlier?.centres.length !== found.centres.length)
    return { ...end, centres: found.centres, matchedTo: null };
  const ids = matchCentres(earlier.centres, found.centres);
  return { ...end, centres: renumber(found.centres, ids), matchedTo: earlier.hash };
}

/** Items of a cluster that the model keeps. */
const SHARES_MAX = 100;

/** Who is in which cluster, and which items its customers hold, each customer counted once. */
export async function analyzeClusters(
  pool: Pool,
  { contracts, products }: CustomerTable,
  rows: Float64Array,
  centres: Float64Array,
): Promise<Pick<Model, 'clusters' | 'inertia'>> {
  const labels = unlabelled(rows);
  const count = centres.length / DIMS;
  const { inertia } = await assign(pool, { rows, centres, labels });
  const usages = [contracts, products].map((items: Items) => countUsage(items, labels, count));
  const clusters = Array.from({ length: count }, (_, cluster) => {
    const [contractShares, productShares] = usages.map((usage) => sharesOf(usage, cluster));
    return {
      customers: usages[0].sizes[cluster],
      contracts: contractShares,
      products: productShares,
    };
  });
  return { clusters, inertia };
}

function sharesOf({ words, counts, sizes, ranked }: Usage, cluster: number): ItemShare[] {
  return Array.from(ranked[cluster].subarray(0, SHARES_MAX), (item) => {
    const customers = counts[cluster][item];
    return { name: words[item], customers, share: customers / sizes[cluster] };
  });
}

/** All of training but reading and writing. */
export async function train(
  pool: Pool,
  table: CustomerTable,
  settings: TrainSettings,
  previous: Model | null,
): Promise<{ model: Model; prepared: Prepared }> {
  const prepared = await prepareFeatures(pool, table);
  const earlier = previous && {
    hash: previous.hash,
    centres: await earlierCentres(pool, table, prepared.rows, {
      earlier: previous,
      seed: settings.seed,
    }),
  };
  const found = await trainClusteringModel(pool, prepared, settings, earlier);
  const { centres, iterations, sampled, matchedTo } = found;
  const { clusters, inertia } = await analyzeClusters(pool, table, prepared.rows, centres);
  const body: Omit<Model, 'hash'> = {
    format: FORMAT,
    codeVersion: codeVersion(),
    month: settings.month,
    seed: settings.seed,
    customers: table.count,
    sampled,
    features: [...FEATURES],
    ...prepared.rules,
    centres: Array.from({ length: centres.length / DIMS }, (_, c) => [
      ...centres.subarray(c * DIMS, (c + 1) * DIMS),
    ]),
    inertia,
    iterations,
    matchedTo,
    clusters,
  };
  return { model: { ...body, hash: hashModel(body) }, prepared };
}
