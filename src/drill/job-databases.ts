import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { withClient, type Client } from '../store/client.ts';
import { ORDER_COLUMNS } from '../store/order-copy.ts';
import { runCommand } from './command.ts';

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

const BASE = 'drill_base';

/** Makes the database that others are copied from: users and products, and what is made of it besides. */
export async function seededBase(serverUrl: string, ...more: string[][]): Promise<void> {
  const url = await newDatabase(serverUrl, BASE);
  const seed = ['seed', '--users', '2000', '--products', '2000'];
  for (const words of [['migrate'], seed, ...more]) await runCommand(url, words);
}

/** A copy of that base. */
export async function copyOfBase(serverUrl: string, name: string): Promise<string> {
  return await newDatabase(serverUrl, name, BASE);
}

/** What a job makes: its rows as a table without when they were stored, and a query of their keys. */
export type Made = { rows: string; keys: string };

export const ORDERS: Made = {
  rows: `(select ${ORDER_COLUMNS.join(', ')} from orders)`,
  keys: 'select order_id as key from orders',
};

/** What is in a database of that. */
export type Contents = {
  count: number; // rows
  sum: string; // of a hash of every row, so it depends on every value and on no order
  keys: string[]; // each as often as it is there
};

export async function contentsOf(databaseUrl: string, { rows, keys }: Made): Promise<Contents> {
  return await withClient(databaseUrl, async (client) => {
    const hashed = await client.query<{ count: string; sum: string }>(
      `select count(*) as count, coalesce(sum(hashtextextended(t::text, 0)), 0)::text as sum
       from ${rows} as t`,
    );
    const [{ count, sum }] = hashed.rows;
    const found = await client.query<{ key: string }>(keys);
    return { count: Number(count), sum, keys: found.rows.map(({ key }) => key) };
  });
}

/** What a query counts. */
export async function countOf(databaseUrl: string, sql: string): Promise<number> {
  return await withClient(databaseUrl, (client) => counted(client, sql));
}

async function counted(client: Client, sql: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(sql);
  return Number(rows[0].count);
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
      if ((await counted(client, sql)) > than) return true;
      if (over() || monotonicMs() > endMs) return false;
      await Bun.sleep(LOOK_MS);
    }
  });
}
