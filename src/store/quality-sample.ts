import purchases from '../../sql/queries/quality_purchases.sql' with { type: 'text' };
import sample from '../../sql/queries/quality_sample.sql' with { type: 'text' };
import { query, type Client } from './client.ts';
import { RowStream } from './copy-out.ts';

/** How much of a cluster is drawn: customers whose chance, from 0 to 1 by their code, is below. */
export type Part = { cluster: number; below: number };

/** A customer who was drawn. */
export type Drawn = { code: string; cluster: number; chance: number };

/**
 * Draws customers of a published month, in order of their codes; to be called in a transaction, whose
 * end forgets them.
 */
export async function drawSample(
  client: Client,
  month: string, // first day
  seed: number,
  parts: readonly Part[],
): Promise<Drawn[]> {
  const doing = 'drawing a sample';
  const clusters = parts.map(({ cluster }) => cluster);
  const belows = parts.map(({ below }) => below);
  const drawn = await query<Drawn>(client, doing, sample, [month, seed, clusters, belows]);
  await query(
    client,
    doing,
    `create temporary table if not exists quality_sample (
       snapshot_month date, ccod varchar(50) collate "C", chance float8,
       primary key (ccod, snapshot_month) -- so that joins hash the sample and not the month
     ) on commit drop`,
  );
  await query(
    client,
    doing,
    'insert into quality_sample select $1, * from unnest($2::varchar[], $3::float8[])',
    [month, drawn.map(({ code }) => code), drawn.map(({ chance }) => chance)],
  );
  await query(client, doing, 'analyze quality_sample');
  return drawn;
}

/** The vectors of those who were drawn and still have one, in the same order. */
export function readDrawn(client: Client, month: string, fields: readonly string[]): RowStream {
  return new RowStream(
    client,
    `select ${fields.map((field) => `v.${field}`).join(', ')}
     from quality_sample s join source.customer_vector v using (ccod, snapshot_month)
     where s.snapshot_month = ${client.escapeLiteral(month)} order by s.ccod`,
    fields.length,
    'reading customers',
  );
}

export async function countDrawn(client: Client, month: string): Promise<number> {
  const [{ count }] = await query<{ count: string }>(
    client,
    'counting customers',
    `select count(*) from quality_sample join source.customer_vector using (ccod, snapshot_month)
     where snapshot_month = $1`,
    [month],
  );
  return Number(count);
}

export type PurchaseLine = { date: string | null; item: string | null };

/** The purchase logs of those whose chance is below, in order of their codes. */
export async function purchasesOfDrawn(
  client: Client,
  month: string,
  below: number,
): Promise<PurchaseLine[][]> {
  const rows = await query<{ lines: PurchaseLine[] }>(client, 'reading purchases', purchases, [
    month,
    below,
  ]);
  return rows.map(({ lines }) => lines);
}
