import { Random } from '../src/base/random.ts';
import { fieldText, readCustomers, VECTOR_FIELDS } from '../src/recommend/customers.ts';
import { prepareFeatures } from '../src/recommend/features.ts';
import { openPool } from '../src/recommend/kernels.ts';
import { centresOf, loadModel, modelPath, type Model } from '../src/recommend/model.ts';
import { DIMS } from '../src/recommend/rows.ts';
import { withClient, type Client } from '../src/store/client.ts';
import { countVectors, readClusters, readVectors } from '../src/store/customer-vectors.ts';

type Published = { ccod: string; user_cluster: number; sim_ccod: string | null };

/**
 * Holds what is published against the definition: every active customer has one row and nobody else
 * has, and of some, drawn by chance, the cluster is that of the nearest centre and the similar
 * customer the nearest other one of the cluster, by going through all of them. Throws otherwise.
 */
export async function verify(
  url: string,
  options: { month: string; models: string; customers: number; seed: number },
): Promise<void> {
  const first = `${options.month}-01`;
  await withClient(url, async (client) => {
    const codes = 'select ccod from source.customer_vector where snapshot_month = $1';
    const rows = 'select ccod from analytics.user_recommendation where snapshot_month = $1';
    const { rows: strange } = await client.query(
      `(${codes} except all ${rows}) union all (${rows} except all ${codes}) limit 1`,
      [first],
    );
    if (strange.length > 0)
      throw new Error(`rows and customers differ: ${JSON.stringify(strange)}`);
    await verifyNearest(client, first, options);
  });
}

async function verifyNearest(
  client: Client,
  first: string,
  {
    month,
    models,
    customers,
    seed,
  }: { month: string; models: string; customers: number; seed: number },
): Promise<void> {
  const model = loadModel(modelPath(month, models));
  const count = await countVectors(client, first);
  const table = await readCustomers(await readVectors(client, first, VECTOR_FIELDS), count);
  const labels = await publishedLabels(client, first, count);
  const pool = openPool(1);
  const { rows } = await prepareFeatures(pool, table, model);
  pool.close();
  const random = new Random(seed, 'sample').at(0);
  const drawn = Array.from({ length: Math.min(customers, count) }, () => random.below(count));
  const found = searchAll(rows, labels, drawn);
  const stored = await publishedRows(
    client,
    first,
    drawn.map((row) => fieldText(table.codes, row)),
  );
  for (const [i, row] of drawn.entries()) {
    const code = fieldText(table.codes, row) ?? '';
    const expected: Published = {
      ccod: code,
      user_cluster: nearestCentre(rows, row, model),
      sim_ccod: found[i] < 0 ? null : fieldText(table.codes, found[i]),
    };
    if (Bun.deepEquals(stored.get(code), expected)) continue;
    throw new Error(
      `${JSON.stringify(stored.get(code))} is stored, not ${JSON.stringify(expected)}`,
    );
  }
}

async function publishedLabels(client: Client, first: string, count: number): Promise<Uint8Array> {
  const labels = new Uint8Array(count);
  const stream = await readClusters(client, first);
  for (let row = 0; await stream.next(); row++)
    labels[row] = stream.view.getInt32(stream.starts[1]);
  return labels;
}

async function publishedRows(
  client: Client,
  first: string,
  codes: readonly (string | null)[],
): Promise<Map<string, Published>> {
  const { rows } = await client.query<Published>(
    `select ccod, user_cluster, sim_ccod from analytics.user_recommendation
     where snapshot_month = $1 and ccod = any ($2)`,
    [first, codes],
  );
  return new Map(rows.map((row) => [row.ccod, row]));
}

/** The nearest other row with the same label of each row drawn, the first among equals; -1: none. */
function searchAll(rows: Float64Array, labels: Uint8Array, drawn: readonly number[]): number[] {
  return drawn.map((own) => {
    let nearest = -1;
    let least = Infinity;
    for (let other = 0; other < labels.length; other++) {
      if (labels[other] !== labels[own] || other === own) continue;
      const distance = squared(rows, own, rows, other);
      if (distance >= least) continue;
      least = distance;
      nearest = other;
    }
    return nearest;
  });
}

function nearestCentre(rows: Float64Array, row: number, model: Model): number {
  const centres = centresOf(model);
  const distances = Array.from({ length: centres.length / DIMS }, (_, centre) =>
    squared(rows, row, centres, centre),
  );
  return distances.indexOf(Math.min(...distances));
}

function squared(a: Float64Array, i: number, b: Float64Array, j: number): number {
  let sum = 0;
  for (let d = 0; d < DIMS; d++) {
    const apart = a[i * DIMS + d] - b[j * DIMS + d];
    sum += apart * apart;
  }
  return sum;
}
