import type { Pool } from '../base/thread-pool.ts';
import type { Coded } from './dictionary.ts';
import { assign, unlabelled } from './descent.ts';
import { prepareFeatures, type Described } from './features.ts';
import { samplePlaces, takeSample } from './kmeans.ts';
import { centresOf, type Model } from './model.ts';
import { DIMS, sharedDoubles, sharedIntegers } from './rows.ts';

/** Customers whom the means of an earlier model's clusters are taken of: plenty for ten means. */
const SAMPLE_ROWS = 524_288;

/**
 * The centres of an earlier model in the space of `rows`: means of the customers whom that model, by
 * its own rules, puts in each cluster. Its coordinates themselves mean something else here: a class
 * more shifts the codes of all behind it, and the PCA turns. A cluster that nobody is in any more is
 * given the mean of all.
 */
export async function earlierCentres(
  pool: Pool,
  customers: Described,
  rows: Float64Array, // IN  [count x DIMS]: the customers by the rules in force, shared
  { earlier, seed, sample = SAMPLE_ROWS }: { earlier: Model; seed: number; sample?: number },
): Promise<Float64Array> {
  const some = customersAt(customers, samplePlaces(customers.count, sample, seed));
  const then = await prepareFeatures(pool, some, earlier);
  const labels = unlabelled(then.rows);
  const centres = centresOf(earlier);
  await assign(pool, { rows: then.rows, centres, labels });
  return clusterMeans(takeSample(rows, sample, seed), labels, earlier.centres.length).means;
}

/** Means of the rows of each cluster; of one without rows, 0: the mean of all rows once scaled. */
export function clusterMeans(
  rows: Float64Array, // IN  [count x DIMS]
  labels: Uint8Array, // IN  [count]
  clusters: number,
): { means: Float64Array; counts: Int32Array } {
  const means = new Float64Array(clusters * DIMS);
  const counts = new Int32Array(clusters);
  for (let row = 0, at = 0; row < labels.length; row++, at += DIMS) {
    counts[labels[row]]++;
    const to = labels[row] * DIMS;
    for (let d = 0; d < DIMS; d++) means[to + d] += rows[at + d];
  }
  for (let i = 0; i < means.length; i++) means[i] /= Math.max(1, counts[Math.floor(i / DIMS)]);
  return { means, counts };
}

function customersAt(customers: Described, places: Int32Array): Described {
  if (places.length === customers.count) return customers;
  const doubles = (from: Float64Array): Float64Array => {
    const to = sharedDoubles(places.length);
    for (const [i, row] of places.entries()) to[i] = from[row];
    return to;
  };
  const coded = ({ codes, words }: Coded): Coded => {
    const to = sharedIntegers(places.length);
    for (const [i, row] of places.entries()) to[i] = codes[row];
    return { codes: to, words };
  };
  const sido = new Int8Array(new SharedArrayBuffer(places.length));
  for (const [i, row] of places.entries()) sido[i] = customers.sido[row];
  const [large, middle, small, detail] = customers.levels;
  return {
    count: places.length,
    latitude: doubles(customers.latitude),
    longitude: doubles(customers.longitude),
    sido,
    sigungu: coded(customers.sigungu),
    levels: [coded(large), coded(middle), coded(small), coded(detail)],
    businessType: coded(customers.businessType),
    area: doubles(customers.area),
  };
}
