import { afterAll, beforeEach, expect, test } from 'bun:test';

import { DAY_MS, seoulMidnight } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import { History } from '../generate/history.ts';
import { productRows } from '../generate/products.ts';
import { userRows } from '../generate/users.ts';
import type { DayPlan } from '../model/calendar.ts';
import { GRADE_PRESETS } from '../model/grade.ts';
import type { Product } from '../model/product.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import type { User } from '../model/user.ts';
import { testDatabase } from '../stack/testing.ts';
import { fragmentId, loadBase } from './base.ts';
import { connect } from './client.ts';
import { migrate } from './migrate.ts';
import { readPoolRows } from './pools.ts';
import { copyProducts, copyUsers } from './shop.ts';

const FROM = seoulMidnight(2021, 1, 1);
const TO = seoulMidnight(2026, 1, 1);
const SMALL = {
  users: { returning: 6, new: 4 },
  products: { popular: 7, fresh: 3 },
  randomDays: 0,
};
const database = await testDatabase('pools');
const client = await connect(database.url);
await migrate(client);
const random = new Random(5, 'live');

afterAll(async () => {
  await client.end();
  await database.drop();
});

beforeEach(async () => {
  await client.query('truncate users, products');
});

/** Few different moments and counts, so that ties are the rule. */
function someUsers(count: number, buyersShare: number, moments: number): User[] {
  return userRows({ seed: 1, count, firstNumber: 1, fromMs: FROM, toMs: TO }).map((user) =>
    Object.assign(user, {
      createdAtMs: FROM + random.below(moments) * DAY_MS,
      lastOrderedAtMs: random.next() < buyersShare ? TO - random.below(moments) * DAY_MS : null,
    }),
  );
}

function someProducts(count: number, soldShare: number, moments: number): Product[] {
  return productRows({ seed: 1, count, firstNumber: 1, fromMs: FROM, toMs: TO }).map((product) =>
    Object.assign(product, {
      createdAtMs: FROM + random.below(moments) * DAY_MS,
      orderCount: random.next() < soldShare ? 1 + random.below(moments) : 0,
    }),
  );
}

function by<Row>(rows: Row[], ...keys: ((row: Row) => number | string)[]): Row[] {
  return rows.toSorted((a, b) => {
    for (const key of keys) {
      if (key(a) < key(b)) return -1;
      if (key(a) > key(b)) return 1;
    }
    return 0;
  });
}

/** The rule as it is told: first everybody who has a place of their own, then places left over. */
function usersByDefinition(users: User[]): string[] {
  const { returning, new: fresh } = SMALL.users;
  const oldestFirst = by(
    users,
    (user) => user.createdAtMs,
    (user) => user.userId,
  );
  const buyers = by(
    oldestFirst.filter((user) => user.lastOrderedAtMs !== null),
    (user) => user.lastOrderedAtMs ?? 0,
  );
  const never = oldestFirst.filter((user) => user.lastOrderedAtMs === null).toReversed();
  const chosen = [buyers.splice(0, returning), never.splice(0, fresh)];
  const left = (): number => returning + fresh - chosen[0].length - chosen[1].length;
  chosen[0].push(...buyers.splice(0, left()));
  chosen[1].push(...never.splice(0, left()));
  return chosen.flat().map((user) => user.userId);
}

function productsByDefinition(products: Product[]): string[] {
  const { popular, fresh } = SMALL.products;
  const oldestFirst = by(
    products,
    (item) => item.createdAtMs,
    (item) => item.productId,
  );
  const sold = by(
    oldestFirst.filter((item) => item.orderCount > 0),
    (item) => -item.orderCount,
  );
  const most = new Set(sold.slice(0, popular));
  const chosen = [...most];
  const rest = oldestFirst.toReversed().filter((item) => !most.has(item));
  for (const unsold of [true, false]) {
    for (const item of rest) {
      if ((item.orderCount === 0) === unsold && chosen.length < popular + fresh) chosen.push(item);
    }
  }
  return chosen.map((item) => item.productId);
}

test('pools are those of a search by definition, whichever half is short', async () => {
  const sizes = new Set<string>();
  for (let turn = 0; turn < 60; turn++) {
    await client.query('truncate users, products');
    const users = someUsers(random.below(24), [0, 0.2, 0.6, 0.9, 1][turn % 5], 1 + (turn % 7));
    const products = someProducts(
      random.below(24),
      [1, 0.9, 0.6, 0.2, 0][turn % 5],
      1 + (turn % 7),
    );
    await copyUsers(client, users);
    await copyProducts(client, products);
    const pool = await readPoolRows(client, SMALL);
    expect(pool.users.map((user) => user.userId)).toEqual(usersByDefinition(users));
    expect(pool.products.map((item) => item.productId)).toEqual(productsByDefinition(products));
    expect(pool.users.length).toBe(Math.min(10, users.length));
    expect(pool.products.length).toBe(Math.min(10, products.length));
    sizes.add(`${users.filter((user) => user.lastOrderedAtMs === null).length > 3}`);
  }
  expect(sizes.size).toBe(2); // halves that were short, and halves that were not
});

test('every field comes as the generator made it', async () => {
  const users = someUsers(40, 0.5, 900);
  const products = someProducts(40, 0.5, 900);
  await copyUsers(client, users);
  await copyProducts(client, products);
  await client.query('update products set description = null where product_id = $1', [
    products[0].productId,
  ]);
  const pool = await readPoolRows(client);
  expect(pool.users).toHaveLength(40);
  for (const user of pool.users) {
    const { lastLoginAtMs: _, ...kept } = users.find((made) => made.userId === user.userId)!;
    expect(user).toEqual(kept);
  }
  for (const product of pool.products) {
    const made = products.find((item) => item.productId === product.productId)!;
    const { rating: _, reviewCount: __, isBest: ___, ...kept } = made;
    expect(product).toEqual(made === products[0] ? { ...kept, description: '' } : kept);
  }
  const dormant = (status: string): boolean => status === 'DORMANT';
  expect(pool.users.some((user) => dormant(user.status))).toBe(true);
  expect(users.some((user) => dormant(user.status))).toBe(true);
});

const PLAN: DayPlan = {
  date: '2026-01-01',
  startMs: TO,
  dayIndex: 0,
  month: '2026-01',
  weekday: 3,
  scenario: 0,
  label: '',
  count: 0,
};

// Where unsold products are fewer than 300 the history takes more of the most ordered, the live shop the newest.
const KINDS: [name: string, buyers: number, sold: number][] = [
  ['both halves are there', 0.6, 0.7],
  ['nobody has bought', 0, 0],
  ['few have bought', 0.05, 0.05],
  ['nearly everybody has bought', 0.97, 0.8],
];

test.each(KINDS)(
  'the history of a year chooses the same pools when %s',
  async (_, buyers, sold) => {
    const users = someUsers(3_000, buyers, 500);
    const products = someProducts(3_000, sold, 500);
    await copyUsers(client, users);
    await copyProducts(client, products);
    const { base, fragments } = await loadBase(client);
    const pools = { ...DEFAULT_SETTINGS.pools, randomDays: 0 };
    const history = new History(
      base,
      { ...DEFAULT_SETTINGS, pools },
      { seed: 1, run: 0 },
      GRADE_PRESETS.history,
    );
    const userOf = new Map(users.map((user) => [user.userId, user]));
    const productOf = new Map(products.map((item) => [item.productId, item]));
    const userIds = users.map((__, index) => fragmentId(fragments.users, index));
    const productIds = products.map((__, index) => fragmentId(fragments.products, index));
    const bought = members(userIds, (id) => userOf.get(id)?.lastOrderedAtMs ?? 0);
    const ordered = members(productIds, (id) => productOf.get(id)?.orderCount ?? 0);
    history.absorb(TO - DAY_MS, {
      users: bought.index,
      amount: new Float64Array(bought.index.length),
      orders: new Int32Array(bought.index.length),
      lastOrderedMs: bought.value,
      products: ordered.index,
      sold: Int32Array.from(ordered.value),
    });
    const day = history.open(PLAN);
    const pool = await readPoolRows(client);
    expect(pool.users.map((user) => user.userId)).toEqual([...day.users].map((at) => userIds[at]));
    expect(pool.products.map((item) => item.productId)).toEqual(
      [...day.products].map((at) => productIds[at]),
    );
  },
);

/** Those with a value above 0, by index. */
function members(
  ids: string[],
  value: (id: string) => number,
): { index: Int32Array; value: Float64Array } {
  const index = ids.flatMap((id, at) => (value(id) > 0 ? [at] : []));
  return {
    index: Int32Array.from(index),
    value: Float64Array.from(index, (at) => value(ids[at])),
  };
}
