import counts from '../../sql/queries/cluster_profile.sql' with { type: 'text' };
import { query, type Client } from './client.ts';
import { monthTable } from './publish.ts';

/** One row of `analytics.cluster_profile`, without id and time. */
export type ClusterProfile = {
  cluster_id: number;
  cluster_size: number;
  avg_contracts_num: number;
  avg_purchase_num: number;
  top_contracts: string[];
  top_purchases: string[];
  top_business_type: string[];
  top_first_contract_code: string[];
  contracts_distribution: Record<string, number>; // customers by how many contracts they have, 0 too
  purchase_distribution: Record<string, number>;
};

type Count = { cluster: number; kind: string; value: string; count: number };
type Found = Omit<Count, 'value'> & { value: string | null };

const TOP = 5;

/**
 * Describes each cluster that has customers: entries of contracts and purchases as they were
 * ingested, each counted, 업태 as registered. The most frequent first, equals by name. A customer
 * whose features are missing has no entries.
 */
export async function profileClusters(
  client: Client,
  month: string,
  kind: '' | '_new',
): Promise<ClusterProfile[]> {
  const table = monthTable('analytics.user_recommendation', month, kind);
  // Five million codes with their clusters are hashed in some 400 MB, in one piece.
  await query(client, 'setting memory', `set work_mem = '512MB'; set jit = off`);
  const sizes = await query<{ cluster: number; size: number }>(
    client,
    'counting clusters',
    `select user_cluster as cluster, count(*)::float8 as size from ${table} group by 1 order by 1`,
  );
  const found = await query<Found>(
    client,
    'profiling clusters',
    counts.replace('analytics.user_recommendation r', `${table} r`),
    [month],
  );
  await query(client, 'setting memory', 'reset work_mem; reset jit');
  const rows = found.filter((row): row is Count => row.value !== null && row.value !== '');
  return sizes.map(({ cluster, size }) =>
    profile(
      cluster,
      size,
      rows.filter((row) => row.cluster === cluster),
    ),
  );
}

function profile(cluster: number, size: number, rows: readonly Count[]): ClusterProfile {
  const of = (kind: string): Count[] => rows.filter((row) => row.kind === kind);
  const contracts = of('contracts');
  const purchases = of('purchases');
  return {
    cluster_id: cluster,
    cluster_size: size,
    avg_contracts_num: total(contracts) / size,
    avg_purchase_num: total(purchases) / size,
    top_contracts: top(of('contract')),
    top_purchases: top(of('purchase')),
    top_business_type: top(of('business type')),
    top_first_contract_code: top(of('first contract')),
    contracts_distribution: distribution(contracts, size),
    purchase_distribution: distribution(purchases, size),
  };
}

const total = (lengths: readonly Count[]): number =>
  lengths.reduce((sum, { value, count }) => sum + Number(value) * count, 0);

const top = (counted: readonly Count[]): string[] =>
  counted
    .toSorted(
      (a, b) => b.count - a.count || Buffer.compare(Buffer.from(a.value), Buffer.from(b.value)),
    )
    .slice(0, TOP)
    .map(({ value }) => value);

/** Customers by length; those who are not counted have nothing. */
function distribution(lengths: readonly Count[], size: number): Record<string, number> {
  const found = new Map(lengths.map(({ value, count }) => [value, count]));
  const counted = lengths.reduce((sum, { count }) => sum + count, 0);
  if (counted < size) found.set('0', (found.get('0') ?? 0) + size - counted);
  return Object.fromEntries(found);
}

export async function enterProfiles(
  client: Client,
  month: string,
  profiles: readonly ClusterProfile[],
): Promise<void> {
  await query(
    client,
    'entering the profiles',
    `insert into ${monthTable('analytics.cluster_profile', month, '_new')}
       (snapshot_month, cluster_id, cluster_size, avg_contracts_num, avg_purchase_num,
        top_contracts, top_purchases, top_business_type, top_first_contract_code,
        contracts_distribution, purchase_distribution)
     select $1, cluster_id, cluster_size, avg_contracts_num, avg_purchase_num,
        top_contracts, top_purchases, top_business_type, top_first_contract_code,
        contracts_distribution, purchase_distribution
     from jsonb_to_recordset($2) as profile (cluster_id int, cluster_size int,
       avg_contracts_num float8, avg_purchase_num float8, top_contracts jsonb, top_purchases jsonb,
       top_business_type jsonb, top_first_contract_code jsonb, contracts_distribution jsonb,
       purchase_distribution jsonb)
     order by cluster_id`,
    [month, JSON.stringify(profiles)],
  );
}
