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
