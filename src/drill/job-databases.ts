import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { withClient } from '../store/client.ts';
import { ORDER_COLUMNS } from '../store/order-copy.ts';

const LOOK_MS = 10;
const LOOKS_MS_MAX = 60_000;

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

/** What tells one order from another. */
export const ORDER_KEYS = 'select order_id as key from orders';

/** The keys that a query finds, each as often as it is there. */
export async function keysOf(databaseUrl: string, sql: string): Promise<string[]> {
  return await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ key: string }>(sql);
    return rows.map(({ key }) => key);
  });
}

/** What is missing, and what is there too often, key by key: they do not make up for each other. */
export function difference(
  expected: readonly string[],
  found: readonly string[],
): { lost: number; duplicated: number } {
  const owed = new Map<string, number>();
  for (const key of expected) owed.set(key, (owed.get(key) ?? 0) + 1);
  for (const key of found) owed.set(key, (owed.get(key) ?? 0) - 1);
  let [lost, duplicated] = [0, 0];
  for (const count of owed.values()) {
    lost += Math.max(0, count);
    duplicated += Math.max(0, -count);
  }
  return { lost, duplicated };
}

/** Polls until a query counts more than that; false if it is over before, or takes a minute. */
export async function untilMore(
  databaseUrl: string,
  sql: string,
  than: number,
  over: () => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const endMs = monotonicMs() + LOOKS_MS_MAX;
  return await withClient(databaseUrl, async (client) => {
    for (;;) {
      if (signal.aborted) throw new PipelineError('INTERRUPTED', 'the drill was stopped');
      const { rows } = await client.query<{ count: string }>(sql);
      if (Number(rows[0].count) > than) return true;
      if (over() || monotonicMs() > endMs) return false;
      await Bun.sleep(LOOK_MS);
    }
  });
}
