import { afterAll, afterEach, beforeEach, expect, test } from 'bun:test';
import fc from 'fast-check';

import type { ProductEvent, Sink, UserEvent } from '../model/event.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from './client.ts';
import { migrate } from './migrate.ts';
import { storedOffsets } from './offsets.ts';
import { copyProducts, copyUsers } from './shop.ts';
import { productSink } from './sink-products.ts';
import { userSink } from './sink-users.ts';
import { batchAt, productEvent, userEvent } from './testing.ts';

const database = await testDatabase('sink users');
const admin = await connect(database.url);
await migrate(admin);
const session = { databaseUrl: database.url, settings: { role: 'millrace_ingest' } };
const open: { close(): Promise<void> }[] = [];

const users = (): Sink<UserEvent> => opened(userSink(session));
const products = (): Sink<ProductEvent> => opened(productSink(session));

function opened<Event>(sink: Sink<Event>): Sink<Event> {
  open.push(sink);
  return sink;
}

async function empty(): Promise<void> {
  await admin.query('truncate users, products, consumer_offsets, dead_letters');
}

beforeEach(empty);
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  await admin.end();
  await database.drop();
});

const CREATED_MS = userEvent(0).user.createdAtMs;
type Row = Record<string, unknown>;

async function userRows(): Promise<Row[]> {
  const { rows } = await admin.query<Row>(
    `select user_id as "userId", name, age, email, grade, last_ordered_at as "lastOrderedAt",
       extract(epoch from event_at)::float8 * 1000 as at
     from users order by user_id`,
  );
  return rows;
}

/** What one record after the other would leave: the newest event, of two of one moment the later. */
function newest(seeded: UserEvent[], events: UserEvent[]): Row[] {
  const rows = new Map<string, { event: UserEvent; at: number | null }>();
  for (const event of seeded) rows.set(event.user.userId, { event, at: null });
  for (const event of events) {
    const row = rows.get(event.user.userId);
    const since = row ? (row.at ?? row.event.user.createdAtMs) : -Infinity;
    if (event.eventTimeMs < since) continue;
    // A seeded row that the event repeats is not touched.
    if (row?.at === null && event.eventTimeMs === since && same(row.event, event)) continue;
    rows.set(event.user.userId, { event, at: event.eventTimeMs });
  }
  return [...rows.values()]
    .map(({ event: { user }, at }) => ({
      userId: user.userId,
      name: user.name,
      age: user.age,
      email: user.email,
      grade: 'BRONZE',
      lastOrderedAt: null,
      at,
    }))
    .toSorted((a, b) => (a.userId < b.userId ? -1 : 1));
}

const same = (a: UserEvent, b: UserEvent): boolean =>
  a.user.name === b.user.name && a.user.age === b.user.age;

test('the newest event wins, whatever the order, the batches and the repetitions', async () => {
  const change = fc.record({
    id: fc.nat(4),
    age: fc.nat(2),
    afterMs: fc.integer({ min: -2, max: 5 }),
  });
  const plan = fc.record({
    changes: fc.array(change, { minLength: 1, maxLength: 40 }),
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
    seeded: fc.uniqueArray(fc.nat(6), { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ changes, sizes, seeded }) => {
      await empty();
      const rows = seeded.map((id) => userEvent(id, { age: 1 }));
      await copyUsers(
        admin,
        rows.map(({ user }) => user),
      );
      const events = changes.map(({ id, age, afterMs }) =>
        userEvent(id, { age }, CREATED_MS + afterMs),
      );
      const expected = newest(rows, events);
      for (let pass = 0; pass < 2; pass++) {
        const sink = userSink(session);
        let records = 0;
        for (let from = 0, turn = 0; from < events.length; turn++) {
          const batch = batchAt(
            'users',
            0,
            from,
            events.slice(from, from + sizes[turn % sizes.length]),
          );
          const stored = await sink.write(batch);
          records += stored.inserted + stored.duplicates;
          from += batch.events.length;
        }
        expect(records).toBe(events.length);
        await sink.close();
        expect(await userRows()).toEqual(expected);
        await admin.query('delete from consumer_offsets'); // and all of it once more
      }
    }),
    { numRuns: 40, seed: 7 },
  );
}, 60_000);

test('grade and last order of a customer who is there are left alone', async () => {
  const sink = users();
  await sink.write(batchAt('users', 0, 0, [userEvent(1, { grade: 'GOLD', lastOrderedAtMs: 5 })]));
  expect(await userRows()).toMatchObject([{ grade: 'GOLD', lastOrderedAt: null }]);
  await admin.query("update users set grade = 'VIP', last_ordered_at = '2026-02-03'");
  const change = userEvent(1, { grade: 'BRONZE', age: 77 }, CREATED_MS + 10);
  expect(await sink.write(batchAt('users', 0, 1, [change]))).toMatchObject({ inserted: 1 });
  expect(await userRows()).toMatchObject([
    { grade: 'VIP', lastOrderedAt: new Date('2026-02-03T00:00:00+09:00'), age: 77 },
  ]);
});

async function letters(): Promise<number[]> {
  const { rows } = await admin.query<{ at: number }>(
    `select record_offset::integer as at from dead_letters where reason = 'database' order by 1`,
  );
  return rows.map(({ at }) => at);
}

test('an e-mail that another customer has is a dead letter, and its neighbours land', async () => {
  const sink = users();
  await sink.write(batchAt('users', 0, 0, [userEvent(50)]));
  const events = Array.from({ length: 40 }, (_, index) => userEvent(index));
  events[7] = userEvent(7, { email: 'user.50@example.com' }); // of one who is there
  events[31] = userEvent(31, { email: 'user.12@example.com' }); // of one who comes with it
  events[5] = userEvent(5, { email: 'user.33@example.com' }); // first come, first served
  expect(await sink.write(batchAt('users', 0, 1, events))).toMatchObject({
    inserted: 37,
    rejected: 3,
    duplicates: 0,
  });
  expect(await letters()).toEqual([8, 32, 34]);
  const stored = await userRows();
  expect(stored.map(({ userId }) => userId)).toEqual(
    [...events.filter((_, index) => ![7, 31, 33].includes(index)), userEvent(50)].map(
      ({ user }) => user.userId,
    ),
  );
  const { rows } = await admin.query<{ message: string }>('select message from dead_letters');
  expect(rows[0].message).toContain('users_email_key');
});

test('an e-mail may pass from one customer to another within a batch', async () => {
  const sink = users();
  await sink.write(batchAt('users', 0, 0, [userEvent(9)]));
  // By id 3 would be first, while 9 still has the address: only one after the other do they fit.
  const passing = [
    userEvent(9, { email: 'new@example.com' }, CREATED_MS + 20),
    userEvent(3, { email: 'user.9@example.com' }),
  ];
  expect(await sink.write(batchAt('users', 0, 1, passing))).toMatchObject({
    inserted: 2,
    rejected: 0,
  });
  expect(await userRows()).toMatchObject([
    { email: 'user.9@example.com' },
    { email: 'new@example.com' },
  ]);
});

test('customers whom no row can hold are refused one by one', async () => {
  const events = Array.from({ length: 20 }, (_, index) => userEvent(index));
  events[2] = userEvent(2, { age: 151 });
  events[3] = userEvent(3, { age: 70_000 });
  events[11] = userEvent(11, { randomSeed: 1 });
  events[12] = userEvent(12, { email: `${'x'.repeat(9_000)}@example.com` });
  events[13] = userEvent(13, { name: 'nul\0' });
  const incompressible = Array.from({ length: 9_000 }, (_, i) =>
    String.fromCodePoint(0xac00 + ((i * 7919) % 11_000)),
  );
  events[14] = userEvent(14, { email: incompressible.join('') }); // larger than an index entry may be
  expect(await users().write(batchAt('users', 1, 0, events))).toMatchObject({
    inserted: 15,
    rejected: 5,
  });
  expect(await letters()).toEqual([2, 3, 11, 13, 14]);
});

test('of articles too the newest event wins; what they sold and what no row holds is left alone', async () => {
  await copyProducts(admin, [{ ...productEvent(1).product, orderCount: 12 }]);
  const events = [
    productEvent(1, { price: 9_000, orderCount: 99 }, CREATED_MS + 30),
    productEvent(1, { price: 8_000 }, CREATED_MS + 20),
    productEvent(2, { orderCount: 5 }),
    productEvent(3, { price: 0 }),
    productEvent(4, { name: '가'.repeat(201) }),
    productEvent(5, { stock: 2 ** 31 }),
    productEvent(6),
    productEvent(6, {}, productEvent(6).eventTimeMs),
  ];
  const sink = products();
  expect(await sink.write(batchAt('products', 2, 0, events))).toMatchObject({
    inserted: 3,
    rejected: 3,
    duplicates: 2,
  });
  const later = productEvent(2, { isBest: true, description: '더 촉촉합니다' }, CREATED_MS + 50);
  expect(await sink.write(batchAt('products', 2, 8, [later, productEvent(2)]))).toMatchObject({
    inserted: 1,
    duplicates: 1,
  });
  const { rows } = await admin.query<Row>(
    'select product_id, price, order_count, is_best, description from products order by product_id',
  );
  expect(rows).toEqual([
    {
      product_id: 'P00000001',
      price: '9000',
      order_count: '12',
      is_best: false,
      description: '촉촉합니다',
    },
    {
      product_id: 'P00000002',
      price: '12000',
      order_count: '0',
      is_best: true,
      description: '더 촉촉합니다',
    },
    {
      product_id: 'P00000006',
      price: '12000',
      order_count: '0',
      is_best: false,
      description: '촉촉합니다',
    },
  ]);
  expect(await letters()).toEqual([3, 4, 5]);
  expect(await storedOffsets(admin)).toMatchObject([
    { group: 'products_group', next: 10, inserted: 4, duplicates: 3, rejected: 3 },
  ]);
});

test('every column is what the event says', async () => {
  const { user, eventTimeMs } = userEvent(3, {
    name: '이\t"름',
    gender: 'M',
    status: 'DORMANT',
    marketingAgree: false,
    randomSeed: 0.123_456_789_012_345_6,
  });
  await users().write(batchAt('users', 0, 0, [{ user, eventTimeMs }]));
  const { rows } = await admin.query<Row>('select * from users');
  expect(rows[0]).toMatchObject({
    user_id: user.userId,
    name: user.name,
    gender: user.gender,
    age: user.age,
    birth_year: user.birthYear,
    address: user.address,
    address_district: user.addressDistrict,
    email: user.email,
    grade: user.grade,
    status: user.status,
    last_login_at: new Date(user.lastLoginAtMs),
    last_ordered_at: null,
    marketing_agree: user.marketingAgree,
    random_seed: user.randomSeed,
    created_at: new Date(user.createdAtMs),
    event_at: new Date(eventTimeMs),
  });
  const { product, eventTimeMs: at } = productEvent(3, { isBest: true, rating: 4.75 });
  await products().write(batchAt('products', 0, 0, [{ product, eventTimeMs: at }]));
  const stored = await admin.query<Row>('select * from products');
  expect(stored.rows[0]).toMatchObject({
    product_id: product.productId,
    category: product.category,
    name: product.name,
    org_price: String(product.orgPrice),
    price: String(product.price),
    discount_rate: product.discountRate,
    description: product.description,
    brand: product.brand,
    stock: product.stock,
    rating: product.rating,
    review_count: product.reviewCount,
    is_best: product.isBest,
    order_count: '0',
    created_at: new Date(product.createdAtMs),
    event_at: new Date(at),
  });
});
