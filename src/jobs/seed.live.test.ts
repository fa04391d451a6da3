import { afterAll, expect, test } from 'bun:test';
import { seoulMidnight } from '../base/clock.ts';
import { productRows } from '../generate/products.ts';
import { userRows } from '../generate/users.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect, type Client } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { shopStatus } from '../store/shop.ts';
import { seedShop, type SeedOptions } from './seed.ts';

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});

async function empty(name: string): Promise<{ url: string; client: Client }> {
  const { url, drop } = await testDatabase(`seed ${name}`);
  const client = await connect(url);
  closing.push(async () => {
    await client.end();
    await drop();
  });
  await migrate(client);
  return { url, client };
}

const OPTIONS: SeedOptions = {
  users: 1_200,
  products: 1_500,
  seed: 42,
  append: false,
  settings: DEFAULT_SETTINGS,
};
const WINDOW = {
  seed: 42,
  firstNumber: 1,
  fromMs: seoulMidnight(2021, 1, 1),
  toMs: seoulMidnight(2026, 1, 1),
};

/** Of all that the seed decides, which the two time stamps of the row itself are not part of. */
async function md5(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ md5: string }>(`
    select md5(string_agg((to_jsonb(users) - 'created_datetime' - 'updated_datetime')::text, '' order by user_id))
      from users
    union all
    select md5(string_agg((to_jsonb(products) - 'created_datetime' - 'updated_datetime')::text, '' order by product_id))
      from products`);
  return rows.map((row) => row.md5);
}

const first = await empty('first');

test('as many rows as asked for, each as the generator made it', async () => {
  const seen: number[] = [];
  const result = await seedShop(first.url, { ...OPTIONS, onProgress: (rows) => seen.push(rows) });
  expect(result).toMatchObject({ users: 1_200, products: 1_500 });
  expect(await shopStatus(first.client)).toEqual({ users: 1_200, products: 1_500, orders: 0 });
  const users = await first.client.query(`
    select user_id as "userId", name, gender, age, birth_year as "birthYear", address,
      address_district as "addressDistrict", email, grade, status,
      (extract(epoch from last_login_at) * 1000)::float8 as "lastLoginAtMs",
      extract(epoch from last_ordered_at)::float8 * 1000 as "lastOrderedAtMs",
      marketing_agree as "marketingAgree", random_seed as "randomSeed",
      (extract(epoch from created_at) * 1000)::float8 as "createdAtMs"
    from users order by user_id`);
  expect(users.rows).toEqual(userRows({ ...WINDOW, count: 1_200 }));
  const products = await first.client.query(`
    select product_id as "productId", category, name, org_price::float8 as "orgPrice",
      price::float8 as price, discount_rate as "discountRate", description, brand, stock, rating,
      review_count as "reviewCount", is_best as "isBest", order_count::float8 as "orderCount",
      (extract(epoch from created_at) * 1000)::float8 as "createdAtMs"
    from products order by product_id`);
  expect(products.rows).toEqual(productRows({ ...WINDOW, count: 1_500 }));
});

test('the same seed makes the same shop, another seed another', async () => {
  const [same, other] = [await empty('same'), await empty('other')];
  await seedShop(same.url, OPTIONS);
  await seedShop(other.url, { ...OPTIONS, seed: 43 });
  const sums = await md5(first.client);
  expect(await md5(same.client)).toEqual(sums);
  const others = await md5(other.client);
  expect(others[0]).not.toBe(sums[0]);
  expect(others[1]).not.toBe(sums[1]);
});

test('a shop that is not empty is left alone', async () => {
  const sums = await md5(first.client);
  const failure = await seedShop(first.url, OPTIONS).catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'RUN_CONFLICT' });
  expect(String(failure)).toContain('1200 users and 1500 products');
  expect(await md5(first.client)).toEqual(sums);
});

test('appended rows continue the numbers and repeat nobody', async () => {
  const { url, client } = await empty('append');
  await seedShop(url, OPTIONS);
  await seedShop(url, { ...OPTIONS, users: 300, products: 0, append: true });
  await seedShop(url, { ...OPTIONS, users: 0, products: 200, append: true });
  const { rows } = await client.query(`
    select (select max(user_id) from users) as "lastUser", (select count(*) from users) as users,
      (select max(product_id) from products) as "lastProduct", (select count(*) from products) as products,
      (select count(distinct random_seed) from users) as seeds`);
  expect(rows).toEqual([
    {
      lastUser: 'U_00001500',
      users: '1500',
      lastProduct: 'P00001700',
      products: '1700',
      seeds: '1500',
    },
  ]);
});

test('a shop with an unfinished run takes nobody new until it is ended', async () => {
  const { url, client } = await empty('unfinished');
  await seedShop(url, OPTIONS);
  await client.query(
    `insert into backfill_runs (run, options, base_checksum) values (7, '{}', '')`,
  );
  const add = { ...OPTIONS, append: true };
  const failure = await seedShop(url, add).catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'RUN_CONFLICT' });
  expect(String(failure)).toMatch(/run 7 is unfinished.*--resume.*--discard/);
  expect(await shopStatus(client)).toMatchObject({ users: 1_200, products: 1_500 });
  await client.query("update backfill_runs set state = 'discarded'");
  expect(await seedShop(url, add)).toMatchObject({ users: 1_200, products: 1_500 });
});

test('of two seeds at once, one fills the shop and the other finds it full', async () => {
  const { url, client } = await empty('twice');
  const both = await Promise.allSettled([seedShop(url, OPTIONS), seedShop(url, OPTIONS)]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(await shopStatus(client)).toEqual({ users: 1_200, products: 1_500, orders: 0 });
});

test('interrupted, nothing is stored and no number taken', async () => {
  const { url, client } = await empty('interrupted');
  const stop = new AbortController();
  const seeding = seedShop(url, {
    ...OPTIONS,
    users: 20_000,
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  const failure = await seeding.catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'INTERRUPTED' });
  expect(await shopStatus(client)).toEqual({ users: 0, products: 0, orders: 0 });
  await seedShop(url, OPTIONS);
  expect(await md5(client)).toEqual(await md5(first.client));
}, 10_000);
