import finishProducts from '../../sql/queries/finish_products.sql' with { type: 'text' };
import finishUsers from '../../sql/queries/finish_users.sql' with { type: 'text' };
import { PipelineError } from '../base/errors.ts';
import type { Time } from '../base/time.ts';
import { claim } from './claim.ts';
import { query, transaction, type Client } from './client.ts';
import { copyRows } from './copy.ts';

/** One day of a run's ledger. `checksum` is of the day's rows as they were sent. */
export type LedgerDay = {
  date: string; // 2025-01-31
  scenario: number;
  planned: number;
  orders: number;
  carts: number;
  checksum: string;
};

export type Run = {
  run: number;
  options: unknown;
  baseChecksum: string;
  days: Map<string, LedgerDay>; // by date
};

/** What a run leaves in the other tables once all its days are stored. */
export type RunEnd = {
  run: number;
  orders: number;
  carts: number;
  checksum: string;
  preset: string;
  lastPassMs: number; // when it last looked at grades
  users: { userId: string; lastOrderedMs: number; grade: string | null }[];
  products: { productId: string; sold: number }[];
  changes: {
    userId: string;
    atMs: number;
    from: string;
    to: string;
    amount: number;
    orders: number;
  }[];
  expected: { userId: string; carts: number }[];
};

/** Makes this connection the only one that works on runs, until it ends. */
export async function claimRuns(client: Client, time?: Time): Promise<void> {
  const writers = 'millrace backfill ';
  await claim(client, { lock: 4_711_002, writers, who: 'a backfill', waitMsMax: 2_000 }, time);
}

/** Takes a run number and enters the run into the ledger. */
export async function beginRun(
  client: Client,
  options: unknown,
  baseChecksum: string,
): Promise<Run> {
  const [row] = await query<{ run: number }>(
    client,
    'entering the run into the ledger',
    `insert into backfill_runs (run, options, base_checksum)
     values (nextval('run_numbers'), $1, $2) returning run`,
    [JSON.stringify(options), baseChecksum],
  );
  return { run: row.run, options, baseChecksum, days: new Map() };
}

/** The run that was begun and not ended, if there is one. */
export async function unfinishedRun(client: Client): Promise<Run | null> {
  type Row = { run: number; options: unknown; base_checksum: string };
  const [row] = await query<Row>(
    client,
    'looking for an unfinished run',
    `select run, options, base_checksum from backfill_runs
     where state = 'running' order by run desc limit 1`,
  );
  if (!row) return null;
  type DayRow = Omit<LedgerDay, 'planned' | 'orders' | 'carts'> & {
    planned: string;
    orders: string;
    carts: string;
  };
  const rows = await query<DayRow>(
    client,
    "reading the run's ledger",
    `select day::text as date, scenario, planned, orders, carts, checksum
     from backfill_days where run = $1 order by day`,
    [row.run],
  );
  const days = rows.map(({ date, scenario, planned, orders, carts, checksum }) => ({
    date,
    scenario,
    planned: Number(planned),
    orders: Number(orders),
    carts: Number(carts),
    checksum,
  }));
  return {
    run: row.run,
    options: row.options,
    baseChecksum: row.base_checksum,
    days: new Map(days.map((day) => [day.date, day])),
  };
}

/** Enters stored days; to be called in the transaction that stores their orders. */
export async function enterDays(client: Client, run: number, days: LedgerDay[]): Promise<void> {
  await client.query(
    `insert into backfill_days (run, day, scenario, planned, orders, carts, checksum)
     select $1, * from unnest($2::date[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])`,
    [
      run,
      days.map((day) => day.date),
      days.map((day) => day.scenario),
      days.map((day) => day.planned),
      days.map((day) => day.orders),
      days.map((day) => day.carts),
      days.map((day) => day.checksum),
    ],
  );
}

/** Writes what a run changed and closes it: all of it, or nothing. */
export async function finishRun(client: Client, end: RunEnd): Promise<void> {
  await transaction(client, 'writing last orders, sales and grades', async () => {
    await client.query(`
      create temporary table run_users (
        user_id text primary key, last_ordered_at timestamptz, grade text) on commit drop;
      create temporary table run_products (
        product_id text primary key, sold bigint) on commit drop`);
    await copyRows(
      client,
      'run_users',
      ['user_id', 'last_ordered_at', 'grade'],
      end.users,
      (to, user) => {
        to.text(user.userId);
        if (user.lastOrderedMs > 0) to.timestamp(user.lastOrderedMs);
        else to.null();
        if (user.grade === null) to.null();
        else to.text(user.grade);
      },
    );
    await copyRows(client, 'run_products', ['product_id', 'sold'], end.products, (to, product) => {
      to.text(product.productId);
      to.int64(product.sold);
    });
    await client.query('analyze run_users; analyze run_products');
    // Whole tables change, in no order: whoever else changes rows waits, and cannot deadlock.
    await client.query('lock table users, products in share row exclusive mode');
    await client.query(finishUsers, [new Date(end.lastPassMs)]);
    await client.query(finishProducts);
    await copyChanges(client, end);
    await copyRows(
      client,
      'backfill_expected',
      ['run', 'user_id', 'carts'],
      end.expected,
      (to, user) => {
        to.int32(end.run);
        to.text(user.userId);
        to.float64(user.carts);
      },
    );
    await client.query(
      `update backfill_runs set state = 'finished', finished_at = now(),
         orders = $2, carts = $3, checksum = $4
       where run = $1`,
      [end.run, end.orders, end.carts, end.checksum],
    );
  });
}

async function copyChanges(client: Client, end: RunEnd): Promise<void> {
  const columns = [
    'user_id',
    'changed_at',
    'from_grade',
    'to_grade',
    'amount',
    'order_count',
    'preset',
    'run',
  ];
  await copyRows(client, 'grade_changes', columns, end.changes, (to, change) => {
    to.text(change.userId);
    to.timestamp(change.atMs);
    to.text(change.from);
    to.text(change.to);
    to.int64(change.amount);
    to.int64(change.orders);
    to.text(end.preset);
    to.int32(end.run);
  });
}

/** Deletes an unfinished run's orders and its ledger; its number is not used again. */
export async function discardRun(client: Client, run: number): Promise<number> {
  await claimRuns(client);
  return await transaction(client, `discarding run ${run}`, async () => {
    const state = await client.query<{ state: string }>(
      'select state from backfill_runs where run = $1 for update',
      [run],
    );
    if (state.rows[0]?.state !== 'running') {
      throw new PipelineError('RUN_CONFLICT', `run ${run} is not an unfinished backfill`);
    }
    const deleted = await client.query('delete from orders where order_run(order_id) = $1', [run]);
    await client.query('delete from backfill_days where run = $1', [run]);
    await client.query("update backfill_runs set state = 'discarded' where run = $1", [run]);
    return deleted.rowCount ?? 0;
  });
}
