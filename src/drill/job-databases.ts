import { PipelineError } from '../base/errors.ts';
import { withClient } from '../store/client.ts';
import { ORDER_COLUMNS } from '../store/order-copy.ts';

/** A new database of the server, empty or a copy of another that nobody is connected to. */
export async function newDatabase(serverUrl: string, name: string, of?: string): Promise<string> {
  await withClient(serverUrl, async (client) => {
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name}${of === undefined ? '' : ` template ${of}`}`);
  });
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** A count and a sum over all rows of a table that depends on every value and on no order. */
export async function fingerprint(databaseUrl: string, table: string): Promise<[number, string]> {
  return await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: string; sum: string }>(
      `select count(*) as count, coalesce(sum(hashtextextended(t::text, 0)), 0)::text as sum
       from ${table} as t`,
    );
    return [Number(rows[0].count), rows[0].sum];
  });
}

/** Orders without when they were stored. */
export const ORDERS = `(select ${ORDER_COLUMNS.join(', ')} from orders)`;

/** Polls until a query counts more than that, or the signal comes. */
export async function untilMore(
  databaseUrl: string,
  sql: string,
  than: number,
  over: () => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  return await withClient(databaseUrl, async (client) => {
    for (;;) {
      const { rows } = await client.query<{ count: string }>(sql);
      if (Number(rows[0].count) > than) return true;
      if (over()) return false;
      if (signal.aborted) throw new PipelineError('INTERRUPTED', 'the drill was stopped');
      await Bun.sleep(10);
    }
  });
}
