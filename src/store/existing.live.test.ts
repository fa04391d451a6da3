import { afterAll, expect, test } from 'bun:test';
import { DAY_MS, seoulMidnight } from '../base/clock.ts';
import { orderId } from '../model/order.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from './client.ts';
import { anyExisting, ExistingDays, existingUntil } from './existing.ts';
import { migrate } from './migrate.ts';

const database = await testDatabase('existing');
const client = await connect(database.url);
await migrate(client);

afterAll(async () => {
  await client.end();
  await database.drop();
});

const START = seoulMidnight(2025, 3, 1);
const USERS = 10_500; // more than are read at a time
const PRODUCTS = 200;
const HALF_DAY_MS = DAY_MS / 2;

/** One order of every user of a run, half a day before or after the moment, one in ten cancelled. */
async function enter(run: number, side: -1 | 1, users: number): Promise<void> {
  const carts = [...Array(users).keys()];
  const timeMs = START + side * HALF_DAY_MS;
  await client.query(
    `insert into orders (order_id, cart_id, created_at, unit_price, total_amount, payment_method, status,
       product_id, category, user_id, user_name, user_region, user_gender, user_age_group)
     select id, id, $2, 1, 1 + cart, 'Card', case cart % 10 when 0 then 'Cancelled' else 'Success' end,
       'P' || cart % ${PRODUCTS}, 'c', 'U' || cart, 'n', 'r', 'F', '20대'
     from unnest($1::uuid[]) with ordinality as row (id, at), lateral (select at::integer - 1 as cart) of_row`,
    [carts.map((cart) => orderId({ timeMs, seed: 1, run, cart, item: 0 })), new Date(timeMs)],
  );
}

test('nobody has ordered before anybody does, and a run is not another to itself', async () => {
  expect(await anyExisting(client, 1)).toBe(false);
  await enter(1, -1, USERS);
  await enter(1, 1, 50);
  expect(await anyExisting(client, 1)).toBe(false);
  expect(await anyExisting(client, 2)).toBe(true);
});

test('how things stood comes in pages, every user and product once', async () => {
  await enter(3, -1, 50); // the run's own, which do not count
  const lasts = new Map<string, number>();
  const sold = new Map<string, number>();
  let pages = 0;
  for await (const { users, products } of existingUntil(client, 3, START)) {
    pages++;
    expect(users.length + products.length).toBeLessThanOrEqual(10_000);
    for (const user of users) {
      expect(lasts.has(user.userId)).toBe(false);
      lasts.set(user.userId, user.lastOrderedMs);
    }
    for (const product of products) {
      expect(sold.has(product.productId)).toBe(false);
      sold.set(product.productId, product.sold);
    }
  }
  expect(pages).toBe(1 + Math.floor((USERS * 0.9 + PRODUCTS * 0.9) / 10_000));
  const success = [...Array(USERS).keys()].filter((cart) => cart % 10 !== 0);
  expect(new Set(lasts.keys())).toEqual(new Set(success.map((cart) => `U${cart}`)));
  expect(new Set(lasts.values())).toEqual(new Set([START - HALF_DAY_MS]));
  const counts = Map.groupBy(success, (cart) => `P${cart % PRODUCTS}`);
  expect(sold).toEqual(new Map([...counts].map(([product, carts]) => [product, carts.length])));
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]); // free again
});

test('the days of a window come in order, without the run and without failures', async () => {
  const days = await ExistingDays.open(database.url, 3, START - DAY_MS, START + DAY_MS);
  try {
    const [before, after] = [await days.day(START - DAY_MS), await days.day(START)];
    expect(before.users).toHaveLength(USERS * 0.9);
    expect(after.users).toHaveLength(45);
    const user = { userId: 'U41', amount: 42, orders: 1, lastOrderedMs: START + HALF_DAY_MS };
    expect(after.users).toContainEqual(user);
    expect(after.products).toContainEqual({ productId: 'P41', sold: 1 });
    expect(await days.day(START + DAY_MS)).toEqual({ users: [], products: [] });
  } finally {
    await days.close();
  }
});
