import { afterAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import { to as copyTo } from 'pg-copy-streams';
import { seoulMidnight } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { until } from '../base/testing.ts';
import { gradePreset } from '../model/grade.ts';
import { CHUNK_ROWS } from '../model/order-batch.ts';
import type { BackfillRules } from '../model/rules.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect, withClient, type Client } from '../store/client.ts';
import { COPY_HEADER, COPY_TRAILER } from '../store/copy-buffer.ts';
import { passGrades } from '../store/grades.ts';
import { migrate } from '../store/migrate.ts';
import { ORDER_COLUMNS } from '../store/order-copy.ts';
import { discardRun } from '../store/runs.ts';
import { backfill, type BackfillHow } from './backfill.ts';
import { seedShop } from './seed.ts';

type Shop = { url: string; client: Client };

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});

async function shop(name: string, users = 2_000, products = 3_000): Promise<Shop> {
  const { url, drop } = await testDatabase(`backfill ${name}`);
  const client = await connect(url);
  closing.push(async () => {
    await client.end();
    await drop();
  });
  await migrate(client);
  const options = { users, products, seed: 1, append: false, settings: DEFAULT_SETTINGS };
  await seedShop(url, options);
  return { url, client };
}

const YEAR: BackfillRules = {
  from: '2025-01',
  to: '2025-12',
  unit: 'rows',
  orders: null,
  scenario: null,
  seed: 42,
  settings: DEFAULT_SETTINGS,
};
/** Days of one and of two chunks, in three batches: enough for threads, and to be cut off in. */
const LARGE: BackfillRules = { ...YEAR, from: '2025-03', to: '2025-03', orders: 600_000 };
const FRESH: BackfillHow = { resume: false, threads: 0 };

async function one<Row extends Record<string, unknown>>(
  client: Client,
  sql: string,
  values: unknown[] = [],
): Promise<Row> {
  return (await client.query<Row>(sql, values)).rows[0];
}

async function count(client: Client, sql: string): Promise<number> {
  return Number((await one<{ count: string }>(client, `select count(*) from (${sql})`)).count);
}

/** Of every column that a run decides, in order of id. */
async function md5(client: Client): Promise<string> {
  const sql = `select md5(string_agg(row(${ORDER_COLUMNS.join()})::text, '' order by order_id)) as md5
    from orders`;
  return (await one<{ md5: string }>(client, sql)).md5;
}

/** What orders made of users and products. */
async function standingOf(client: Client): Promise<unknown> {
  return await one(
    client,
    `select
       (select md5(string_agg(row(user_id, grade, last_ordered_at, last_login_at)::text, '' order by user_id))
        from users) as users,
       (select md5(string_agg(row(product_id, order_count)::text, '' order by product_id))
        from products) as products,
       (select md5(string_agg(row(grade_changes.*)::text, '' order by change_id)) from grade_changes) as changes`,
  );
}

/** The same for more rows than fit into one text. */
async function sum(client: Client): Promise<unknown> {
  return await one(
    client,
    `select count(*), sum(hashtextextended(row(${ORDER_COLUMNS.join()})::text, 0)) from orders`,
  );
}

/** Days of a run whose stored orders are not what its ledger says: half ones, and strangers. */
async function halfDays(client: Client, run: number): Promise<unknown[]> {
  const { rows } = await client.query(
    `select day, orders, stored
     from (select day, orders, carts from backfill_days where run = $1) ledger
     full join (
       select created_at::date as day, count(*) as stored, count(distinct cart_id) as stored_carts
       from orders where order_run(order_id) = $1 group by 1
     ) of_table using (day)
     where orders is distinct from stored or carts is distinct from stored_carts`,
    [run],
  );
  return rows;
}

async function failureOf(work: Promise<unknown>): Promise<PipelineError> {
  const failure = await work.catch((cause: unknown) => cause);
  if (!(failure instanceof PipelineError))
    throw new Error('did not fail as it should', { cause: failure });
  expect(failure.message).not.toContain('\n');
  return failure;
}

/** The days' rows as the table has them now, hashed as the run says it hashed them. */
async function checksumOfTable(client: Client, run: number): Promise<[string, string][]> {
  const { rows } = await client.query<{ day: string }>(
    'select day::text from backfill_days where run = $1 order by day',
    [run],
  );
  const sums: [string, string][] = [];
  for (const { day } of rows) {
    const pieces: Uint8Array[] = [];
    const stream = client.query(
      copyTo(`copy (select ${ORDER_COLUMNS.join()} from orders
        where created_at >= '${day}' and created_at < date '${day}' + 1 and order_run(order_id) = ${run}
        order by order_id) to stdout (format binary)`),
    );
    for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece);
    const all = Buffer.concat(pieces).subarray(COPY_HEADER.length, -COPY_TRAILER.length);
    let hash = 0n;
    for (const chunk of chunksOfRows(all)) hash = Bun.hash.xxHash64(chunk, hash);
    sums.push([day, hash.toString(16).padStart(16, '0')]);
  }
  return sums;
}

function chunksOfRows(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  let start = 0;
  for (let at = 0, rows = 1; at < bytes.length; rows++) {
    const fields = bytes.readInt16BE(at);
    at += 2;
    for (let field = 0; field < fields; field++) at += 4 + bytes.readInt32BE(at);
    if (rows % CHUNK_ROWS !== 0 && at < bytes.length) continue;
    chunks.push(bytes.subarray(start, at));
    start = at;
  }
  return chunks;
}

/**
 * The chain of grades by SQL that shares nothing with the shop's: from what everybody held, pass by
 * pass over the orders that are in the table. Leaves it in the tables oracle_grades and oracle_changes.
 */
async function replayGrades(client: Client, start: string): Promise<void> {
  await client.query(`
    drop table if exists oracle_grades, oracle_changes;
    create temporary table oracle_grades as ${start};
    create temporary table oracle_changes (
      user_id text, changed_at timestamptz, from_grade text, to_grade text, amount bigint, order_count bigint)`);
  for (let week = 1; week <= 52; week++) {
    const at = `timestamptz '2025-01-01 00:00+09' + interval '${week * 7} days'`;
    await client.query(`
      create temporary table pass as
      select g.user_id, g.grade, s.amount, s.orders,
        case g.grade when 'BRONZE' then 0 when 'SILVER' then 1 when 'GOLD' then 2 when 'VIP' then 3 end as held,
        case when s.amount >= 3000000 and s.orders >= 15 then 3
          when s.amount >= 1000000 and s.orders >= 8 then 2
          when s.amount >= 300000 and s.orders >= 3 then 1 else 0 end as earned
      from oracle_grades g cross join lateral (
        select coalesce(sum(total), 0) as amount, coalesce(sum(n), 0) as orders
        from by_day where by_day.user_id = g.user_id
          and day >= (${at})::timestamp - interval '6 months' and day < (${at})::timestamp
      ) s;
      insert into oracle_changes
      select user_id, ${at}, grade,
        case greatest(earned, held - 1) when 0 then 'BRONZE' when 1 then 'SILVER' when 2 then 'GOLD' else 'VIP' end,
        amount, orders
      from pass where earned <> held;
      update oracle_grades set grade = to_grade from oracle_changes
      where oracle_changes.user_id = oracle_grades.user_id and changed_at = ${at};
      drop table pass`);
  }
}

async function expectGradesOfOracle(client: Client, run: number, start: string): Promise<void> {
  // Refreshes are at midnight, so whole days lie within a window or outside it.
  await client.query(`
    drop table if exists by_day;
    create temporary table by_day as
    select user_id, created_at::date::timestamp as day, sum(total_amount) as total, count(*) as n
    from orders where status = 'Success' group by 1, 2;
    create index on by_day (user_id, day); analyze by_day`);
  await replayGrades(client, start);
  const changes = `select user_id, changed_at, from_grade, to_grade, amount, order_count
    from grade_changes where run = ${run} and preset = 'history'`;
  expect(await count(client, changes)).toBeGreaterThan(500);
  expect(await count(client, `${changes} and from_grade > to_grade`)).toBeGreaterThan(0);
  expect((await client.query(`${changes} except all table oracle_changes`)).rows).toEqual([]);
  expect((await client.query(`table oracle_changes except all ${changes}`)).rows).toEqual([]);
  const held = 'select user_id, grade from users';
  expect((await client.query(`table oracle_grades except all ${held}`)).rows).toEqual([]);
}

/** Last orders and sales are those of all orders in the table. */
async function expectSalesOfOrders(client: Client): Promise<void> {
  const users = await client.query(`
    select from users left join (
      select user_id, max(created_at) as at from orders where status = 'Success' group by 1) o using (user_id)
    where last_ordered_at is distinct from o.at`);
  const products = await client.query(`
    select from products left join (
      select product_id, count(*) as sold from orders where status = 'Success' group by 1) o using (product_id)
    where order_count <> coalesce(o.sold, 0)`);
  expect([users.rowCount, products.rowCount]).toEqual([0, 0]);
  expect(await count(client, 'select from users where last_login_at < last_ordered_at')).toBe(0);
}

const MONTHS = [3_000, 3_200, 3_400, 3_600, 3_800, 4_000, 4_300, 4_600, 4_900, 5_200, 5_500, 6_000];
const year = await shop('year');

test('a year is exactly 51,500 orders, month by month', async () => {
  const result = await backfill(year.url, YEAR, FRESH);
  expect(result).toMatchObject({ run: 1, orders: 51_500, earlyDays: 0, resumedDays: 0 });
  expect(result.months.map(({ actual }) => actual)).toEqual(MONTHS);
  expect(result.months.map((month) => month.rows)).toEqual(MONTHS);
  expect(result.months.map(({ planned }) => planned)).toEqual(MONTHS);
  const { rows } = await year.client.query<{ count: string }>(
    "select count(*) from orders group by date_trunc('month', created_at) order by date_trunc('month', created_at)",
  );
  expect(rows.map((row) => Number(row.count))).toEqual(MONTHS);
  expect(await halfDays(year.client, 1)).toEqual([]);
  const run = await one(year.client, 'select * from backfill_runs');
  expect(run).toMatchObject({ state: 'finished', orders: '51500', checksum: result.checksum });
  expect(run.carts).toBe(String(result.carts));
}, 60_000);

test('no order comes before its user or its product', async () => {
  const early = `select from orders join users using (user_id) join products using (product_id)
    where orders.created_at < users.created_at or orders.created_at < products.created_at`;
  expect(await count(year.client, early)).toBe(0);
  const joined = 'select from orders join users using (user_id) join products using (product_id)';
  expect(await count(year.client, joined)).toBe(51_500);
});

test('the checksum is that of the rows in the table', async () => {
  const days = await checksumOfTable(year.client, 1);
  const ledger = await year.client.query<{ day: string; checksum: string }>(
    'select day::text, checksum from backfill_days order by day',
  );
  expect(days).toEqual(ledger.rows.map(({ day, checksum }) => [day, checksum]));
  let hash = 0n;
  for (const [, checksum] of days) hash = Bun.hash.xxHash64(checksum, hash);
  const run = await one(year.client, 'select checksum from backfill_runs');
  expect(run.checksum).toBe(hash.toString(16).padStart(16, '0'));
}, 60_000);

test('last orders and sales are those of the orders', async () => {
  await expectSalesOfOrders(year.client);
});

test('grades are those of an independent SQL oracle at each of the 52 refreshes', async () => {
  await expectGradesOfOracle(year.client, 1, "select user_id, 'BRONZE' as grade from users");
}, 60_000);

test('the same seed makes the same rows elsewhere, another seed others', async () => {
  const [same, other] = [await shop('same'), await shop('other')];
  const again = await backfill(same.url, YEAR, FRESH);
  const another = await backfill(other.url, { ...YEAR, seed: 43 }, FRESH);
  const { checksum } = await one<{ checksum: string }>(
    year.client,
    'select checksum from backfill_runs',
  );
  expect(again.checksum).toBe(checksum);
  expect(await md5(same.client)).toBe(await md5(year.client));
  expect(another.checksum).not.toBe(checksum);
  expect(await md5(other.client)).not.toBe(await md5(year.client));
}, 60_000);

test('a second run of the same seed adds as many others, and counts the first one’s orders', async () => {
  const { client, url } = year;
  const notes: string[] = [];
  const onWait = (note: string): unknown => notes.push(note);
  const second = await backfill(url, YEAR, { ...FRESH, onWait });
  expect(notes).toEqual(['counting earlier orders']);
  expect(second).toMatchObject({ run: 2, orders: 51_500 });
  expect(await count(client, 'select distinct order_id from orders')).toBe(103_000);
  const carts = (run: number, what: string): string =>
    `select ${what} from orders where order_id = cart_id and order_run(order_id) = ${run}`;
  for (const what of ['created_at', 'user_id, payment_method, total_amount']) {
    const both = await count(client, `${carts(1, what)} intersect ${carts(2, what)}`);
    expect(both).toBeLessThan(50); // of 15,000: chance alone
  }
  expect(await halfDays(client, 1)).toEqual([]);
  expect(await halfDays(client, 2)).toEqual([]);
  await expectSalesOfOrders(client);
  // Not from what the first run made of everybody by December, but from the start of the year.
  await expectGradesOfOracle(client, 2, "select user_id, 'BRONZE' as grade from users");
}, 60_000);

test('a run of earlier months starts from the grades held then, and leaves those of later ones', async () => {
  const { client, url } = year;
  await client.query('create table held as select user_id, grade from users');
  await backfill(url, { ...YEAR, from: '2025-06', to: '2025-07' }, FRESH);
  const moved = 'select from held join users using (user_id) where held.grade <> users.grade';
  const later = `exists (select from grade_changes c
    where c.user_id = users.user_id and run <> 3 and changed_at > '2025-07-27')`; // the last refresh
  expect(await count(client, `${moved} and ${later}`)).toBe(0);
  expect(await count(client, moved)).toBeGreaterThan(0);
  const ended = `select distinct on (user_id) user_id, to_grade from grade_changes
    where run = 3 order by user_id, change_id desc`;
  const unlike = `select from (${ended}) e join users using (user_id) where grade <> to_grade`;
  expect(await count(client, `${unlike} and ${later}`)).toBeGreaterThan(100);
  expect(await count(client, `${unlike} and not ${later}`)).toBe(0);
  const firsts = `select distinct on (user_id) user_id, from_grade from grade_changes
    where run = 3 order by user_id, change_id`;
  const held = `select distinct on (user_id) user_id, to_grade from grade_changes
    where run <> 3 and changed_at < '2025-06-01' order by user_id, changed_at desc, change_id desc`;
  expect(await count(client, firsts)).toBeGreaterThan(100);
  const wrong = `select from (${firsts}) f left join (${held}) h using (user_id)
    where from_grade <> coalesce(to_grade, 'BRONZE')`;
  expect(await count(client, wrong)).toBe(0);
  await expectSalesOfOrders(client);
}, 60_000);

test('a year in carts is 68,012 of them', async () => {
  const { url, client } = await shop('carts');
  const result = await backfill(url, { ...YEAR, unit: 'carts' }, FRESH);
  expect(result.carts).toBe(68_012);
  expect(await count(client, 'select distinct cart_id from orders')).toBe(68_012);
  expect(await halfDays(client, 1)).toEqual([]);
  expect(result.unit).toBe('carts');
  for (const { planned, actual, carts } of result.months)
    expect([actual, carts]).toEqual([planned, planned]);
  const { rows } = await client.query<{ count: string }>(
    "select count(*) from orders group by date_trunc('month', created_at) order by date_trunc('month', created_at)",
  );
  expect(result.months.map((month) => month.rows)).toEqual(rows.map((row) => Number(row.count)));
  expect(result.orders / result.carts).toBeCloseTo(3.37, 1);
}, 60_000);

test('some months, in one scenario, as many orders as asked for', async () => {
  const { url, client } = await shop('months', 1_000, 1_000);
  const rules: BackfillRules = { ...YEAR, from: '2025-03', to: '2025-05', scenario: 5 };
  const months = await backfill(url, rules, FRESH);
  expect(months.months.map(({ actual }) => actual)).toEqual([3_400, 3_600, 3_800]);
  expect(await one(client, 'select min(scenario), max(scenario) from orders')).toEqual({
    min: 5,
    max: 5,
  });
  const days = await one(
    client,
    'select min(scenario), max(scenario), count(*) from backfill_days',
  );
  expect(days).toEqual({ min: 5, max: 5, count: '92' });
  for (const unit of ['rows', 'carts'] as const) {
    const scaled = await backfill(url, { ...YEAR, unit, orders: 1_234 }, FRESH);
    expect(unit === 'rows' ? scaled.orders : scaled.carts).toBe(1_234);
  }
  expect((await backfill(url, { ...YEAR, orders: 1 }, FRESH)).orders).toBe(1);
  await expectSalesOfOrders(client);
}, 60_000);

test('while one is at work, another waits a moment and then says so', async () => {
  const { url, client } = await shop('two', 1_000, 1_000);
  const stop = new AbortController();
  const endless = { ...LARGE, orders: 20_000_000 };
  const stopped = failureOf(backfill(url, endless, { ...FRESH, signal: stop.signal }));
  await until(async () => (await count(client, 'select from backfill_runs')) > 0);
  const refused = await failureOf(backfill(url, YEAR, FRESH));
  stop.abort();
  expect((await stopped).code).toBe('INTERRUPTED');
  expect(refused.code).toBe('RUN_CONFLICT');
  expect(refused.message).toContain('at work');
  expect(await count(client, 'select from backfill_runs')).toBe(1);
}, 60_000);

test('a base too small for the pools is refused, and nothing entered', async () => {
  for (const [users, products] of [
    [999, 1_000],
    [1_000, 999],
  ]) {
    const { url, client } = await shop('small', users, products);
    const failure = await failureOf(backfill(url, YEAR, FRESH));
    expect(failure.code).toBe('BASE_TOO_SMALL');
    expect(failure.message).toContain(`999 ${users === 999 ? 'users' : 'products'}`);
    const missing = users === 999 ? '--users 1 --products 0' : '--users 0 --products 1';
    expect(failure.message).toContain(`\`bun run millrace seed --append ${missing}\``);
    expect(await count(client, 'select from backfill_runs')).toBe(0);
  }
});

test('a server that is down, and a wrong password, are told in a line', async () => {
  const down = await failureOf(backfill('postgres://postgres@127.0.0.1:1/none', YEAR, FRESH));
  expect(down.code).toBe('DATABASE_UNREACHABLE');
  const wrong = new URL(year.url);
  wrong.password = 'wrong-pa55';
  const denied = await failureOf(backfill(wrong.href, YEAR, FRESH));
  expect(denied.code).toBe('DATABASE_DENIED');
  expect(denied.message).not.toContain('wrong-pa55');
});

test('a stop asked for while orders are made ends the run there, without threads too', async () => {
  const { url, client } = await shop('stopped', 1_000, 1_000);
  const stop = new AbortController();
  const onProgress = (): unknown => setTimeout(() => stop.abort(), 0);
  const how = { ...FRESH, signal: stop.signal, onProgress };
  const failure = await failureOf(backfill(url, YEAR, how));
  expect(failure.code).toBe('INTERRUPTED');
  const days = await count(client, 'select from backfill_days');
  expect(days).toBeWithin(1, 100);
  expect(failure.message).toContain(`with ${days} of 365 days stored`);
  expect(await halfDays(client, 1)).toEqual([]);
}, 60_000);

const reference = await shop('reference');
const undisturbed = await backfill(reference.url, LARGE, FRESH);
const referenceSum = await sum(reference.client);

async function expectReference(client: Client, checksum: string): Promise<void> {
  expect(checksum).toBe(undisturbed.checksum);
  expect(await sum(client)).toEqual(referenceSum);
  expect(await halfDays(client, 1)).toEqual([]);
}

const backends = `select pid from pg_stat_activity
  where datname = current_database() and application_name like 'millrace backfill%'`;

test('days of several chunks have the checksum of their rows', async () => {
  expect(undisturbed.orders).toBe(600_000);
  expect(await halfDays(reference.client, 1)).toEqual([]);
  await reference.client.query(
    "delete from backfill_days where day not between '2025-03-01' and '2025-03-04'",
  );
  const ledger = await reference.client.query(
    'select day::text, checksum, orders from backfill_days order by day',
  );
  expect(ledger.rows.some(({ orders }) => Number(orders) > CHUNK_ROWS)).toBe(true);
  const expected = ledger.rows.map(({ day, checksum }): [string, string] => [day, checksum]);
  expect(await checksumOfTable(reference.client, 1)).toEqual(expected);
}, 60_000);

test('killed halfway, a run leaves whole days only, and resumed is as if undisturbed', async () => {
  const { url, client } = await shop('killed');
  const script = `
    import { backfill } from ${JSON.stringify(join(import.meta.dir, 'backfill.ts'))};
    await backfill(${JSON.stringify(url)}, ${JSON.stringify(LARGE)}, { resume: false, threads: 2 });`;
  const child = Bun.spawn([process.execPath, '-e', script], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await until(async () => (await count(client, 'select from backfill_days')) > 0);
  child.kill('SIGKILL');
  await child.exited;
  await until(async () => (await count(client, backends)) === 0);
  expect(await halfDays(client, 1)).toEqual([]);
  const stored = await count(client, 'select from backfill_days');
  expect(stored).toBeWithin(1, 31);
  expect((await failureOf(backfill(url, LARGE, FRESH))).code).toBe('RUN_CONFLICT');
  const resumed = await backfill(url, YEAR, { resume: true, threads: 2 });
  expect(resumed).toMatchObject({ run: 1, orders: 600_000, resumedDays: stored });
  await expectReference(client, resumed.checksum);
  await expectSalesOfOrders(client);
  expect((await failureOf(backfill(url, YEAR, { resume: true, threads: 0 }))).code).toBe(
    'RUN_CONFLICT',
  );
}, 60_000);

test('interrupted, a run leaves whole days only, and resumed is as if undisturbed', async () => {
  const { url, client } = await shop('interrupted');
  const stop = new AbortController();
  const onProgress = (rows: number): void => (rows > 400_000 ? stop.abort() : undefined);
  const how = { resume: false, threads: 1, signal: stop.signal, onProgress };
  const failure = await failureOf(backfill(url, LARGE, how));
  expect(failure.code).toBe('INTERRUPTED');
  const days = await count(client, 'select from backfill_days');
  expect(days).toBeGreaterThan(0);
  expect(failure.message).toContain(`with ${days} of `);
  expect(failure.message).toContain('--resume');
  await until(async () => (await count(client, backends)) === 0);
  expect(await halfDays(client, 1)).toEqual([]);
  const again = { resume: true, threads: 1, signal: AbortSignal.abort() };
  expect((await failureOf(backfill(url, LARGE, again))).message).toContain(`with ${days} of `);
  const before = await count(client, 'select from orders');
  const resumed = await backfill(url, { ...YEAR, unit: 'carts' }, { resume: true, threads: 1 });
  await expectReference(client, resumed.checksum);
  expect(resumed).toMatchObject({ unit: 'rows', orders: 600_000, resumedDays: days, threads: 1 });
  const written = resumed.ordersPerSecond * resumed.seconds;
  expect(Math.abs(written - (600_000 - before))).toBeLessThan(resumed.seconds);
}, 60_000);

test('a pass of grades while a run stands still changes nothing of the rest of it', async () => {
  const { url, client } = await shop('graded');
  const stop = new AbortController();
  const onProgress = (rows: number): void => (rows > 300_000 ? stop.abort() : undefined);
  await failureOf(backfill(url, LARGE, { ...FRESH, signal: stop.signal, onProgress }));
  const pass = await passGrades(client, {
    asOfMs: seoulMidnight(2025, 3, 12),
    windowMonths: 6,
    preset: 'live',
    rules: gradePreset('live'),
    demotion: 'step',
  });
  expect(pass.promoted).toBeGreaterThan(500);
  const resumed = await backfill(url, YEAR, { resume: true, threads: 0 });
  await expectReference(client, resumed.checksum);
  const changes = `select user_id, changed_at, from_grade, to_grade, amount, order_count
    from grade_changes where run = 1 order by user_id, changed_at`;
  const expected = await reference.client.query(changes);
  expect((await client.query(changes)).rows).toEqual(expected.rows);
  const last = 'select distinct on (user_id) user_id, to_grade from grade_changes';
  expect(
    await count(
      client,
      `select from users join (${last} order by user_id, change_id desc) l using (user_id) where grade <> to_grade`,
    ),
  ).toBe(0);
}, 60_000);

test('a connection lost in the middle of a COPY is told in a line, and nothing half is kept', async () => {
  const { url, client } = await shop('lost');
  const failing = failureOf(backfill(url, LARGE, { resume: false, threads: 4 }));
  await until(async () => (await count(client, 'select from backfill_days')) > 0);
  await client.query(`select pg_terminate_backend(pid) from (${backends}) pids`);
  const failure = await failing;
  expect(failure).toMatchObject({ code: 'DATABASE_LOST', retryable: true });
  expect(failure.message).toContain('`bun run millrace up`');
  expect(failure.message).toContain('`bun run millrace backfill --resume`');
  expect(failure.message).not.toContain('Client has');
  await until(async () => (await count(client, backends)) === 0);
  expect(await halfDays(client, 1)).toEqual([]);
  const resumed = await backfill(url, LARGE, { resume: true, threads: 4 });
  expect(resumed.resumedDays).toBeGreaterThan(0);
  await expectReference(client, resumed.checksum);
}, 60_000);

test('a changed base is not resumed on; discarding removes the run’s rows and no others', async () => {
  const { url, client } = await shop('discard');
  await client.query("select setval('run_numbers', 70000)"); // all 20 bits of a run count
  await backfill(url, { ...YEAR, to: '2025-02' }, FRESH);
  const before = await md5(client);
  const standing = await standingOf(client);
  const stop = new AbortController();
  const failing = failureOf(
    backfill(
      url,
      { ...LARGE, orders: 2_000_000 }, // more than may wait, so days are stored long before the end
      { resume: false, threads: 0, signal: stop.signal },
    ),
  );
  await until(async () => (await count(client, 'select from backfill_days where run = 70002')) > 0);
  stop.abort();
  expect((await failing).code).toBe('INTERRUPTED');
  await until(async () => (await count(client, backends)) === 0);
  expect(await halfDays(client, 70_002)).toEqual([]);
  const stored = await count(client, "select from orders where created_at >= '2025-03-01'");
  expect(stored).toBeGreaterThan(0);
  await client.query("update users set age = age + 1 where user_id = 'U_00000001'");
  const conflict = await failureOf(backfill(url, LARGE, { resume: true, threads: 0 }));
  expect(conflict.code).toBe('RUN_CONFLICT');
  expect(conflict.message).toContain('--discard');
  expect(await withClient(url, (own) => discardRun(own, 70_002))).toBe(stored);
  expect(await md5(client)).toBe(before);
  expect(await count(client, 'select from backfill_days where run = 70002')).toBe(0);
  expect(await standingOf(client)).toEqual(standing);
  const finished = failureOf(withClient(url, (own) => discardRun(own, 70_001)));
  expect((await finished).code).toBe('RUN_CONFLICT');
  expect((await backfill(url, { ...YEAR, to: '2025-01' }, FRESH)).run).toBe(70_003);
}, 60_000);
