import { query, type Client } from './client.ts';
import { RowStream } from './copy-out.ts';

/** How many active customers a month has. */
export async function countVectors(client: Client, month: string): Promise<number> {
  const [{ count }] = await query<{ count: string }>(
    client,
    'counting customers',
    'select count(*) from source.customer_vector where snapshot_month = $1',
    [month],
  );
  return Number(count);
}

/** A month's active customers, all or those of some codes, in order of their codes by code point. */
export async function readVectors(
  client: Client,
  month: string, // first day
  fields: readonly string[],
  codes: readonly string[] | null = null,
): Promise<RowStream> {
  // Rows lie nearly in the order of their key; sorting them would wait for the last one.
  await client.query(
    'set enable_sort = off; set enable_seqscan = off; set enable_bitmapscan = off',
  );
  const some = codes?.map((code) => client.escapeLiteral(code)).join() ?? '';
  return new RowStream(
    client,
    `select ${fields.join(', ')} from source.customer_vector
     where snapshot_month = ${client.escapeLiteral(month)}
     ${codes === null ? '' : `and ccod in (${some})`}
     order by ccod`,
    fields.length,
    'reading customers',
  );
}

/** Codes and clusters of a month as published, in order of codes by code point. */
export async function readClusters(client: Client, month: string): Promise<RowStream> {
  await client.query('set enable_sort = off; set enable_seqscan = off');
  return new RowStream(
    client,
    `select ccod, user_cluster from analytics.user_recommendation
     where snapshot_month = ${client.escapeLiteral(month)} order by ccod`,
    2,
    'reading clusters',
  );
}
