import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';

import { backfill } from '../jobs/backfill.ts';
import { seedShop } from '../jobs/seed.ts';
import type { PlanUnit } from '../model/calendar.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { testDatabase, type TestDatabase } from '../stack/testing.ts';
import { connect, type Client } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { reportHistory } from './history-report.ts';

setDefaultTimeout(60_000); // a backfill reads its base and every earlier order

let database: TestDatabase;
let client: Client;

async function makeRun(unit: PlanUnit, from: string, to: string): Promise<void> {
  const rules = {
    from,
    to,
    unit,
    orders: null,
    scenario: null,
    seed: 42,
    settings: DEFAULT_SETTINGS,
  };
  await backfill(database.url, rules, { resume: false, threads: 0 });
}

/** The sections that fail once `sql` has changed the shop, which is then put back. */
async function failing(sql: string): Promise<string[]> {
  await client.query('begin');
  try {
    const { rowCount } = await client.query(sql);
    expect(rowCount).toBeGreaterThan(0);
    const { checks } = await reportHistory(client, 1);
    return checks.filter(({ pass }) => !pass).map(({ section, item }) => `${section}: ${item}`);
  } finally {
    await client.query('rollback');
  }
}

async function refusal(run?: number): Promise<unknown> {
  return await reportHistory(client, run).catch((error: unknown) => error);
}

beforeAll(async () => {
  database = await testDatabase('report');
  client = await connect(database.url);
  await migrate(client);
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

test('says what to run where there is no finished run', async () => {
  expect(await refusal()).toMatchObject({
    code: 'RUN_CONFLICT',
    message: expect.stringContaining('millrace backfill'),
  });
  const options = { users: 4_000, products: 4_000, seed: 42, append: false };
  await seedShop(database.url, { ...options, settings: DEFAULT_SETTINGS });
  await makeRun('rows', '2025-01', '2025-12');
  expect(await refusal(99)).toMatchObject({ code: 'RUN_CONFLICT' });
});

test('a right run passes every check, and the report is plain JSON', async () => {
  const report = await reportHistory(client);
  expect(report.checks.filter((check) => !check.pass)).toEqual([]);
  expect(report).toMatchObject({ run: 1, orders: 51_500, failed: 0, passed: report.checks.length });
  expect(report).toMatchObject({ buyersPlan: 'worked out' });
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  const decile = report.checks.filter(({ section }) => section.startsWith('propensity'));
  const carts = decile.reduce((sum, check) => sum + check.actual, 0);
  expect(carts).toBe(report.carts);
});

// Each tampering, and checks that must then fail.
const AN_ORDER = '(select order_id from orders where order_id <> cart_id limit 1)';
const A_PRODUCT = '(select product_id from orders limit 1)';
const A_BUYER = '(select user_id from orders limit 1)';
const TAMPERINGS: [what: string, sql: string, fails: string[]][] = [
  [
    'hours made uniform',
    `update orders set created_at = date_trunc('day', created_at)
       + (get_byte(uuid_send(cart_id), 14) % 24) * interval '1 hour'`,
    ['hour of day (carts): 03:00', 'hour of day (carts): 20:00'],
  ],
  [
    'a night hour filled from the evening',
    `update orders set created_at = created_at - interval '17 hours'
     where extract(hour from created_at) = 20 and get_byte(uuid_send(cart_id), 14) < 16`,
    ['hour of day (carts): 03:00'],
  ],
  [
    'an order deleted',
    `delete from orders where order_id = ${AN_ORDER}`,
    ['ledger: rows', 'day (rows): wrong among 365 days', 'products with a wrong'],
  ],
  [
    'an order moved to another day and month',
    `update orders set created_at = created_at + interval '40 days'
     where order_id = (select order_id from orders where created_at < '2025-02-01' limit 1)`,
    ['month (rows): 2025-01', 'month (rows): 2025-02', 'weekday', 'day (rows)'],
  ],
  [
    'a scenario changed',
    `update orders set scenario = 14 where order_id = ${AN_ORDER}`,
    ['scenario (rows): 14', 'day (rows)'],
  ],
  [
    'a status changed',
    `update orders set status = 'Returned'
     where order_id = (select order_id from orders where status = 'Success' limit 1)`,
    ['must not be: products with a wrong order_count'],
  ],
  [
    'returns doubled',
    `update orders set status = 'Returned' where get_byte(uuid_send(cart_id), 14) < 4`,
    ['order status (rows): Returned', 'order status (rows): Success'],
  ],
  [
    'a status nobody knows',
    `update orders set status = 'Lost' where order_id = ${AN_ORDER}`,
    ['must not be: rows with an unknown status'],
  ],
  [
    'everybody paying by bank',
    `update orders set payment_method = 'Bank' where get_byte(uuid_send(cart_id), 14) < 32`,
    ['payment method (carts): Bank', 'payment method (carts): Card'],
  ],
  [
    'a payment method nobody knows',
    `update orders set payment_method = 'Shells' where order_id = cart_id and order_id in
       (select cart_id from orders limit 1)`,
    ['must not be: carts with an unknown payment method'],
  ],
  [
    'genders swapped on the orders',
    "update orders set user_gender = case user_gender when 'M' then 'F' else 'M' end",
    ['gender (carts): M', 'gender (carts): F', "must not be: rows unlike the user's gender, age"],
  ],
  [
    'a buyer called by another name',
    `update orders set user_name = user_name || '님' where order_id = ${AN_ORDER}`,
    ["must not be: rows unlike the user's name, region"],
  ],
  [
    'a buyer moved elsewhere',
    `update orders set user_region = '울릉군' where order_id = ${AN_ORDER}`,
    ["must not be: rows unlike the user's name, region"],
  ],
  [
    'buyers of the twenties called teens',
    "update orders set user_age_group = '10대' where user_age_group = '20대'",
    ['age group (carts): 10대', 'age group (carts): 20대'],
  ],
  [
    'the orders of the keenest given to the dormant',
    `update orders set user_id = (select user_id from users where status = 'DORMANT' and gender = 'M'
       and not marketing_agree order by age limit 1)
     where user_id in (select user_id from users where marketing_agree and gender = 'F' and age between 30 and 39)`,
    ['propensity decile (carts): 1 lowest', 'propensity decile (carts): 10 highest'],
  ],
  [
    'long carts cut short',
    `delete from orders where get_byte(uuid_send(order_id), 15) & 15 > 4`,
    ['cart size (carts): 5 rows', 'cart size (carts): 6 rows', 'cart size (carts): 10 rows'],
  ],
  [
    'every cart a single row',
    'update orders set cart_id = order_id',
    ['ledger: carts', 'cart size (all): carts'],
  ],
  [
    'a last order forgotten',
    `update users set last_ordered_at = null where user_id =
       (select user_id from users where last_ordered_at is not null limit 1)`,
    ['must not be: users with a wrong last_ordered_at'],
  ],
  [
    'a sale counted twice',
    `update products set order_count = order_count + 1 where product_id = ${A_PRODUCT}`,
    ['must not be: products with a wrong order_count'],
  ],
  [
    'a grade given away',
    `update users set grade = case grade when 'VIP' then 'BRONZE' else 'VIP' end
     where user_id = (select user_id from grade_changes limit 1)`,
    ['must not be: users not of their last grade'],
  ],
  [
    'a total changed',
    `update orders set total_amount = total_amount + 1 where order_id = ${AN_ORDER}`,
    ['must not be: rows whose total does not add up'],
  ],
  [
    'a buyer signed up too late',
    `update users set created_at = '2026-01-01' where user_id = ${A_BUYER}`,
    ['must not be: buyers before their sign-up'],
  ],
  [
    'a product registered too late',
    `update products set created_at = '2026-01-01' where product_id = ${A_PRODUCT}`,
    ['must not be: products before their registration'],
  ],
  [
    'a buyer gone',
    `delete from users where user_id = ${A_BUYER}`,
    ['must not be: rows of unknown users'],
  ],
  [
    'a product gone',
    `delete from products where product_id = ${A_PRODUCT}`,
    ['must not be: rows of unknown products'],
  ],
  [
    'a buyer nobody expected',
    `delete from backfill_expected where user_id = ${A_BUYER}`,
    ['must not be: users the run itself weighed otherwise'],
  ],
  [
    'a buyer nobody expected, in a base that has changed since',
    `with forgotten as (delete from backfill_expected where user_id = ${A_BUYER})
     update users set marketing_agree = not marketing_agree where user_id = ${A_BUYER}`,
    ['must not be: carts of users no rule expected'],
  ],
  [
    'a customer weighed by a wrong score',
    `update backfill_expected set carts = carts * 1.0001 where user_id = ${A_BUYER}`,
    ['must not be: users the run itself weighed otherwise'],
  ],
  [
    'a cart given to somebody who was not in that day’s pool',
    `update orders set user_id = (
       select user_id from users where created_at > '2025-12-01' order by created_at limit 1)
     where cart_id = (select cart_id from orders where created_at < '2025-02-01' limit 1)`,
    ["must not be: carts of users not in the day's pool"],
  ],
];

test.each(TAMPERINGS)('%s: seen', async (_, sql, fails) => {
  const found = await failing(sql);
  for (const part of fails) expect(found.join('\n')).toContain(part);
});

test('plans buyers anew as long as the base is that of the run, and says so if not', async () => {
  const planOf = async (sql: string): Promise<unknown> => {
    await client.query('begin');
    try {
      expect((await client.query(sql)).rowCount).toBeGreaterThan(0);
      const { buyersPlan, passed, failed } = await reportHistory(client, 1);
      expect(passed + failed).toBe(buyersPlan === 'recorded' ? 111 : 113);
      return buyersPlan;
    } finally {
      await client.query('rollback');
    }
  };
  const grade = "update users set grade = 'VIP' where user_id = 'U_00000001'";
  expect(await planOf(grade)).toBe('worked out');
  expect(await planOf("update users set age = 20 where user_id = 'U_00000001'")).toBe('recorded');
  expect(await planOf("delete from users where user_id = 'U_00000001'")).toBe('recorded');
});

test('counts carts where carts are planned, and leaves the other run out', async () => {
  await makeRun('carts', '2025-03', '2025-03');
  const report = await reportHistory(client);
  expect(report.run).toBe(2);
  expect(report.checks.filter((check) => !check.pass)).toEqual([]);
  const first = await reportHistory(client, 1);
  expect(first).toMatchObject({ run: 1, orders: 51_500, failed: 0 });
});

test('allows for a base that is too young, as long as it is, and says so', async () => {
  const young = await testDatabase('report_young');
  const own = await connect(young.url);
  const failed = async (): Promise<unknown[]> =>
    (await reportHistory(own)).checks.filter((check) => !check.pass).map(({ item }) => item);
  try {
    await migrate(own);
    const settings = DEFAULT_SETTINGS;
    const options = { users: 1_000, products: 1_000, seed: 42, append: false, settings };
    await seedShop(young.url, options);
    const months = { from: '2025-01', to: '2025-12', unit: 'rows', orders: null } as const;
    const rules = { ...months, scenario: null, seed: 42, settings };
    const how = { resume: false, threads: 0 };
    expect((await backfill(young.url, rules, how)).earlyDays).toBe(365);
    const { checks } = await reportHistory(own);
    expect(checks.filter((check) => !check.pass)).toEqual([]);
    for (const item of ['buyers before their sign-up', 'products before their registration']) {
      const check = checks.find((one) => one.item === item);
      expect(check).toMatchObject({ pass: true, note: expect.stringContaining('too few') });
    }
    // A larger base is old enough for a second run, but for those whom the first one lent.
    await seedShop(young.url, { ...options, users: 4_000, products: 4_000, append: true });
    expect((await backfill(young.url, rules, how)).earlyDays).toBe(0);
    expect(await failed()).toEqual([]);
    await own.query(`update users set created_at = '2026-01-01' where user_id =
      (select user_id from orders where order_run(order_id) = 2 group by user_id
       having not exists (select from orders o where o.user_id = orders.user_id and order_run(o.order_id) = 1)
       limit 1)`);
    expect(await failed()).toContain('buyers before their sign-up');
  } finally {
    await own.end();
    await young.drop();
  }
});

const GRADES_RECORDED = 'users not of their last grade';

test('knows whose word on a grade is the last where runs overlap', async () => {
  const shop = await testDatabase('report_grades');
  const own = await connect(shop.url);
  const settings = DEFAULT_SETTINGS;
  const make = async (from: string, to: string): Promise<void> => {
    const rules = { from, to, unit: 'rows' as const, orders: null, scenario: null, seed: 42 };
    await backfill(shop.url, { ...rules, settings }, { resume: false, threads: 0 });
  };
  const wrong = async (run: number): Promise<number | undefined> =>
    (await reportHistory(own, run)).checks.find(({ item }) => item === GRADES_RECORDED)?.actual;
  try {
    await migrate(own);
    const seed = { users: 3_000, products: 3_000, seed: 42, append: false };
    await seedShop(shop.url, { ...seed, settings });
    await make('2025-01', '2025-08');
    expect(await wrong(1)).toBe(0);
    await make('2025-05', '2025-06'); // earlier than the last word of the first
    expect([await wrong(1), await wrong(2)]).toEqual([0, 0]);
    await make('2025-07', '2025-11'); // later, so it may leave one where he was on 1 July
    expect([await wrong(1), await wrong(2), await wrong(3)]).toEqual([0, 0, 0]);
    const { rowCount } = await own.query(`update users set grade = 'SILVER' where user_id =
      (select user_id from grade_changes join users using (user_id) where grade <> 'SILVER' limit 1)`);
    expect([rowCount, await wrong(3)]).toEqual([1, 1]);
  } finally {
    await own.end();
    await shop.drop();
  }
});
