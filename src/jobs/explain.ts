import { PipelineError } from '../base/errors.ts';
import { fieldText, itemsOf, readCustomers, VECTOR_FIELDS } from '../recommend/customers.ts';
import { FEATURES, prepareFeatures, rawFeatures } from '../recommend/features.ts';
import { openPool } from '../recommend/kernels.ts';
import { centresOf } from '../recommend/model.ts';
import { DIMS } from '../recommend/rows.ts';
import { query, withClient, type Client } from '../store/client.ts';
import { readVectors } from '../store/customer-vectors.ts';
import { checkMonth } from '../recommend/day.ts';
import { ingestedAgain, publishedModel, type ModelOptions } from './published-model.ts';

export type Suggestion = { name: string; reason: string };

/** One customer's recommendation, and what it comes from. */
export type Explanation = {
  ccod: string;
  name: string | null;
  month: string;
  model: string;
  features: { name: string; value: number; scaled: number; similar: number | null }[];
  cluster: number;
  clusterCustomers: number; // when the model was trained
  distance: number; // from the centre
  similarity: number;
  similar: {
    ccod: string;
    name: string | null;
    distance: number;
    contracts: string[];
    products: string[];
  } | null;
  contracts: string[]; // his own
  products: string[];
  recommendedContracts: Suggestion[];
  recommendedProducts: Suggestion[];
};

type Stored = Record<string, string | null> & { user_cluster: number; cluster_similarity: number };

/** Explains what is published for a customer, by the model that made it. */
export async function explain(
  databaseUrl: string,
  ccod: string,
  options: ModelOptions,
): Promise<Explanation> {
  const { month } = options;
  checkMonth(month);
  return await withClient(databaseUrl, async (client) => {
    const { model } = await publishedModel(client, options);
    const stored = await storedRow(client, month, ccod);
    const codes = [ccod, ...(stored.sim_ccod === null ? [] : [stored.sim_ccod])];
    await refuseOther(client, month, codes);
    const vectors = await readVectors(client, `${month}-01`, VECTOR_FIELDS, codes);
    const table = await readCustomers(vectors, codes.length);
    const pool = openPool(1);
    const { rows } = await prepareFeatures(pool, table, model);
    pool.close();
    const row = fieldText(table.codes, 0) === ccod ? 0 : 1;
    const other = table.count === 1 ? null : 1 - row;
    const values = rawFeatures(rows, model, row);
    const others = other === null ? null : rawFeatures(rows, model, other);
    const cluster = stored.user_cluster;
    return {
      ccod,
      name: fieldText(table.names, row),
      month,
      model: model.hash,
      features: FEATURES.map((name, d) => ({
        name,
        value: values[d],
        scaled: rows[row * DIMS + d],
        similar: others === null ? null : others[d],
      })),
      cluster,
      clusterCustomers: model.clusters[cluster].customers,
      distance: distance(rows, row, centresOf(model), cluster),
      similarity: stored.cluster_similarity,
      similar:
        other === null
          ? null
          : {
              ccod: fieldText(table.codes, other) ?? '',
              name: fieldText(table.names, other),
              distance: distance(rows, row, rows, other),
              contracts: itemsOf(table.contracts, other),
              products: itemsOf(table.products, other),
            },
      contracts: itemsOf(table.contracts, row),
      products: itemsOf(table.products, row),
      recommendedContracts: suggestions(stored, 'contract'),
      recommendedProducts: suggestions(stored, 'product'),
    };
  });
}

async function storedRow(client: Client, month: string, ccod: string): Promise<Stored> {
  const rows = await query<Stored>(
    client,
    'looking for the customer',
    'select * from analytics.user_recommendation where ccod = $1 and snapshot_month = $2',
    [ccod, `${month}-01`],
  );
  if (rows.length === 1) return rows[0];
  throw new PipelineError(
    'USAGE',
    `nothing was recommended to ${ccod} in ${month}: no such customer, not active, or no run yet`,
  );
}

/** A month that was changed may have lost a customer whom its recommendations name. */
async function refuseOther(client: Client, month: string, codes: string[]): Promise<void> {
  const [{ known }] = await query<{ known: number }>(
    client,
    'looking for the customers',
    `select count(*)::int as known from source.customer_vector
     where snapshot_month = $1 and ccod = any ($2)`,
    [`${month}-01`, codes],
  );
  if (known === codes.length) return;
  throw ingestedAgain(month);
}

function suggestions(stored: Stored, kind: 'contract' | 'product'): Suggestion[] {
  return [1, 2, 3].flatMap((place) => {
    const name = stored[`rec_${kind}_${place}`];
    const reason = stored[`rec_${kind}_${place}_reason`];
    return name === null || reason === null ? [] : [{ name, reason }];
  });
}

function distance(a: Float64Array, i: number, b: Float64Array, j: number): number {
  let square = 0;
  for (let d = 0; d < DIMS; d++) square += (a[i * DIMS + d] - b[j * DIMS + d]) ** 2;
  return Math.sqrt(square);
}
