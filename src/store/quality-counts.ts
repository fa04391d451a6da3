import counts from '../../sql/queries/quality_counts.sql' with { type: 'text' };
import items from '../../sql/queries/quality_items.sql' with { type: 'text' };
import migration from '../../sql/queries/quality_migration.sql' with { type: 'text' };
import { query, type Client } from './client.ts';
import { monthTable } from './publish.ts';

/** Customers of a cluster (the others null), or with the same recommended items. */
export type Counted = {
  kind: 'cluster' | 'contract' | 'product';
  cluster: number | null;
  items: (string | null)[] | null;
  customers: number;
};

/** Counts all recommendations of a month. */
export async function countRecommended(client: Client, month: string): Promise<Counted[]> {
  return await query<Counted>(client, 'counting recommendations', counts, [month]);
}

export type Held = { kind: 'contract' | 'product'; name: string; holders: number };

/** Every item that a customer of the month holds. */
export async function countHeld(client: Client, month: string): Promise<Held[]> {
  return await query<Held>(client, 'counting items', items, [month]);
}

export type Move = { before: number | null; now: number | null; customers: number };

/** From which segment to which customers went; null: not a customer in that month. */
export async function countMoves(client: Client, before: string, now: string): Promise<Move[]> {
  return await query<Move>(client, 'comparing two months', migration, [before, now]);
}

export type Described = {
  cluster: number;
  contracts: number; // mean a customer
  purchases: number;
  topContracts: string[];
  topPurchases: string[];
  topBusinessTypes: string[];
};

/** The profiles of a published month. */
export async function describedClusters(client: Client, month: string): Promise<Described[]> {
  return await query<Described>(
    client,
    'reading the profiles',
    `select cluster_id as cluster, avg_contracts_num as contracts, avg_purchase_num as purchases,
       top_contracts as "topContracts", top_purchases as "topPurchases",
       top_business_type as "topBusinessTypes"
     from analytics.cluster_profile where snapshot_month = $1 order by cluster_id`,
    [month],
  );
}

/** The last month before this one that is published, as its first day; null if there is none. */
export async function publishedBefore(client: Client, month: string): Promise<string | null> {
  const [, name] = monthTable('analytics.user_recommendation', month).split('.');
  const [row] = await query<{ name: string }>(
    client,
    'looking for an earlier month',
    `select relname as name from pg_class join pg_inherits on inhrelid = pg_class.oid
     where inhparent = 'analytics.user_recommendation'::regclass and relname < $1
       and obj_description(pg_class.oid, 'pg_class') is not null
     order by relname desc limit 1`,
    [name],
  );
  if (!row) return null;
  return `${row.name.slice(-'2025_12'.length).replace('_', '-')}-01`;
}
