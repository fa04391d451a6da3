import type { Pool } from '../base/thread-pool.ts';
import { extractSido, extractSigungu } from './address.ts';
import type { CustomerTable } from './customers.ts';
import { assign, unlabelled } from './descent.ts';
import { prepareFeatures, type Prepared } from './features.ts';
import { centresOf, type Model } from './model.ts';
import { findNearest } from './nearest.ts';
import { DIMS, sharedDoubles } from './rows.ts';
import { countUsage, type Usage } from './usage.ts';

/** What is known of a month's customers once they are clustered. */
export type Inference = {
  prepared: Prepared;
  clusters: number;
  labels: Uint8Array; // [count]
  distances: Float64Array; // [count] from the own centre
  reach: Float64Array; // [k] the largest of them in each cluster
  nearest: Int32Array; // [count] the nearest other row of the cluster, -1 if there is none
  apart: Float64Array; // [count] from that row
  contracts: Usage;
  products: Usage;
};

/** What the inference is at, for a bar. */
export type Step = 'features' | 'cluster' | 'neighbours' | 'usage';

/** Recommends to the customers of a month by a model; they are each other's reference, all of them. */
export class UserRecommender {
  static readonly extractSido = extractSido;
  static readonly extractSigungu = extractSigungu;
  readonly #pool: Pool;
  readonly #model: Model;

  constructor(pool: Pool, model: Model) {
    this.#pool = pool;
    this.#model = model;
  }

  /** `prepared`: the customers' rows where they were made by this model's rules already. */
  async runInference(
    table: CustomerTable,
    prepared: Prepared | null = null,
    onStep: (step: Step, done: number) => void = () => {},
  ): Promise<Inference> {
    onStep('features', 0);
    const ready = prepared ?? (await prepareFeatures(this.#pool, table, this.#model));
    onStep('cluster', 0);
    const { rows } = ready;
    const centres = centresOf(this.#model);
    const clusters = centres.length / DIMS;
    const labels = unlabelled(rows);
    const distances = sharedDoubles(table.count);
    const { reach } = await assign(this.#pool, { rows, centres, labels, distances });
    onStep('neighbours', 0);
    const { nearest, distances: apart } = await findNearest(this.#pool, rows, labels, (done) =>
      onStep('neighbours', done),
    );
    onStep('usage', 0);
    const contracts = countUsage(table.contracts, labels, clusters);
    const products = countUsage(table.products, labels, clusters);
    return {
      prepared: ready,
      clusters,
      labels,
      distances,
      reach,
      nearest,
      apart,
      contracts,
      products,
    };
  }
}

/** 1 at the centre, 0 at the customer of the cluster who is farthest from it. */
export function similarity({ distances, labels, reach }: Inference, row: number): number {
  const farthest = reach[labels[row]];
  return farthest === 0 ? 1 : 1 - distances[row] / farthest;
}
