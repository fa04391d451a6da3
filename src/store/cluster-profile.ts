import type { ClusterProfile } from '../model/cluster-profile.ts';
import { query, type Client } from './client.ts';
import { monthTable } from './publish.ts';

/** Stores the profiles of a month that is being made. */
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
