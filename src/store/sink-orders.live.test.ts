import { afterAll, beforeEach, expect, test } from 'bun:test';
import fc from 'fast-check';

import type { OrderEvent, Sink } from '../model/event.ts';
import { ORDER_STATUSES } from '../model/order.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from './client.ts';
import { migrate } from './migrate.ts';
import { storedOffsets } from './offsets.ts';
import { ORDER_TABLE, orderSink } from './sink-orders.ts';
import { PostgresStore } from './sink-postgres.ts';
import type { SinkStore } from './sink-transaction.ts';
import { ExactlyOnceSink } from './sink.ts';
import { batchAt, orderEvent, together, withRejected } from './testing.ts';

const database = await testDatabase('sink orders');
const admin = await connect(database.url);
await migrate(admin);
const session = { databaseUrl: database.url, settings: { role: 'millrace_ingest' } };
const open: { close(): Promise<void> }[] = [];

function sink(): Sink<OrderEvent> {
  const made = orderSink(session);
  open.push(made);
  return made;
}

beforeEach(async () => {
  await admin.query(
    'truncate orders, consumer_offsets, dead_letters, order_effects, waiting_effects',
  );
});

afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  await admin.end();
  await database.drop();
});

const orders = (from: number, count: number): OrderEvent[] =>
  Array.from({ length: count }, (_, index) => orderEvent(from + index));

async function storedIds(): Promise<string[]> {
  const { rows } = await admin.query<{ order_id: string }>(
    'select order_id from orders order by order_id',
  );
  return rows.map(({ order_id }) => order_id);
}

const ids = (events: readonly OrderEvent[]): string[] => events.map(({ orderId }) => orderId);

test('every field of an event is what SQL gives back', async () => {
  const text = fc
    .oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constantFrom('', '\\N', '\t\n"', '가'))
    .filter((value) => value.isWellFormed() && !value.includes('\0'));
  const won = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const event = fc.record({
    orderId: fc.uuid(),
    cartId: fc.uuid().map((id) => id.toUpperCase()),
    createdAtMs: fc.integer({ min: Date.UTC(1900, 0), max: Date.UTC(2280, 0) }),
    unitPrice: won,
    totalAmount: won,
    shippingCost: won,
    discountAmount: fc.maxSafeInteger(),
    quantity: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    scenario: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
    paymentMethod: text,
    status: text,
    productId: text,
    category: text,
    userId: text,
    userName: text,
    userRegion: text,
    userGender: text,
    userAgeGroup: text,
  });
  const events = fc.sample(
    fc.uniqueArray(event, { selector: (one) => one.orderId, minLength: 50 }),
    {
      numRuns: 8,
      seed: 42,
    },
  );
  for (const [index, batch] of events.entries()) {
    await sink().write(batchAt('orders', index, 0, batch));
    const { rows } = await admin.query<Record<string, unknown>>(
      `select order_id as "orderId", upper(cart_id::text) as "cartId",
         extract(epoch from created_at) * 1000 as "createdAtMs", unit_price as "unitPrice",
         total_amount as "totalAmount", shipping_cost as "shippingCost",
         discount_amount as "discountAmount", quantity, scenario, payment_method as "paymentMethod",
         status, product_id as "productId", category, user_id as "userId", user_name as "userName",
         user_region as "userRegion", user_gender as "userGender", user_age_group as "userAgeGroup"
       from orders where order_id = any ($1) order by array_position($1::uuid[], order_id)`,
      [ids(batch)],
    );
    const numbers = ['createdAtMs', 'unitPrice', 'totalAmount', 'shippingCost', 'discountAmount'];
    for (const row of rows) for (const name of numbers) row[name] = Number(row[name]);
    expect(rows).toEqual(batch);
  }
}, 30_000);

test('a batch that comes again is skipped, by the same sink and by a new one', async () => {
  const batch = withRejected(batchAt('orders', 0, 5, orders(0, 4)), {
    reason: 'json',
    message: 'no JSON',
  });
  const first = sink();
  expect(await first.write(batch)).toMatchObject({ inserted: 4, rejected: 1, skipped: 0 });
  for (const again of [first, sink()]) {
    const stored = await again.write(batch);
    expect(stored).toMatchObject({ inserted: 0, duplicates: 0, rejected: 0, skipped: 5 });
    expect(await again.positions()).toEqual(new Map([[0, 10]]));
  }
  const overlapping = await sink().write(batchAt('orders', 0, 8, orders(3, 4)));
  expect(overlapping).toMatchObject({ inserted: 2, skipped: 2 });
  expect(await storedIds()).toEqual(ids([...orders(0, 4), ...orders(5, 2)]));
  expect(await storedOffsets(admin)).toMatchObject([
    {
      group: 'orders_group',
      partition: 0,
      first: 5,
      next: 12,
      inserted: 6,
      duplicates: 0,
      rejected: 1,
    },
  ]);
});

test('duplicates within a batch, across batches and across partitions go in once', async () => {
  const one = sink();
  const [a, b, c, d] = orders(0, 4);
  const shouting = { ...a, orderId: a.orderId.toUpperCase(), userName: 'later' };
  expect(await one.write(batchAt('orders', 0, 0, [a, b, a, shouting]))).toMatchObject({
    inserted: 2,
    duplicates: 2,
  });
  expect(await one.write(batchAt('orders', 0, 4, [b, c]))).toMatchObject({
    inserted: 1,
    duplicates: 1,
  });
  const both = together(
    batchAt('orders', 1, 0, [c, d]),
    batchAt('orders', 2, 7, [d, a, orderEvent(4)]),
  );
  expect(await one.write(both)).toMatchObject({ inserted: 2, duplicates: 3 });
  expect(await storedIds()).toEqual(ids(orders(0, 5)));
  const counts = await storedOffsets(admin);
  expect(counts.map(({ next, inserted, duplicates }) => [next, inserted, duplicates])).toEqual([
    [6, 3, 3],
    [2, 1, 1],
    [10, 1, 2],
  ]);
  const { rows } = await admin.query("select from orders where user_name = 'later'");
  expect(rows).toEqual([]); // the first one stays
});

test('a topic that is read again after its offsets were lost changes nothing', async () => {
  const events = orders(0, 300);
  const first = sink();
  for (let from = 0; from < 300; from += 50) {
    await first.write(batchAt('orders', 0, from, events.slice(from, from + 50)));
  }
  const before = await admin.query('select * from orders order by order_id');
  await admin.query('delete from consumer_offsets; delete from order_effects');
  const second = sink();
  for (let from = 0; from < 300; from += 60) {
    const stored = await second.write(batchAt('orders', 0, from, events.slice(from, from + 60)));
    expect(stored).toMatchObject({ inserted: 0, duplicates: 60 });
  }
  expect((await admin.query('select * from orders order by order_id')).rows).toEqual(before.rows);
  expect((await admin.query('select from order_effects')).rowCount).toBe(0);
});

test('of two sinks on a partition one stores and the other is told', async () => {
  for (let round = 0; round < 10; round++) {
    const both = [sink(), sink()];
    await Promise.all(both.map((one) => one.positions()));
    const from = round * 10;
    const outcomes = await Promise.allSettled([
      both[0].write(batchAt('orders', 0, from, orders(from, 10))),
      both[1].write(batchAt('orders', 0, from, orders(from, 7))),
    ]);
    const long = outcomes[0].status === 'fulfilled' ? outcomes[0].value.inserted : 0;
    if (long === 10) {
      expect(outcomes[1]).toMatchObject({ value: { inserted: 0, skipped: 7 } });
    } else {
      expect(outcomes[1]).toMatchObject({ value: { inserted: 7 } });
      expect(outcomes[0]).toMatchObject({ reason: { code: 'OFFSET_TAKEN', retryable: false } });
      expect(await both[0].positions()).toEqual(new Map([[0, from + 7]]));
      const again = await both[0].write(batchAt('orders', 0, from, orders(from, 10)));
      expect(again).toMatchObject({ inserted: 3, skipped: 7 });
    }
    expect(await storedIds()).toEqual(ids(orders(0, from + 10)));
  }
});

test('records missing in front of a batch are a gap; a partition never seen may begin anywhere', async () => {
  const one = sink();
  expect(await one.write(batchAt('orders', 0, 1_000_000, orders(0, 2)))).toMatchObject({
    inserted: 2,
  });
  const gap = await one
    .write(batchAt('orders', 0, 1_000_003, orders(3, 1)))
    .catch((cause) => cause);
  expect(gap).toMatchObject({ code: 'OFFSET_GAP', retryable: false });
  expect(await one.positions()).toEqual(new Map([[0, 1_000_002]]));
  expect(await one.write(batchAt('orders', 0, 1_000_002, orders(2, 2)))).toMatchObject({
    inserted: 2,
  });
});

/** What PostgreSQL refuses, and what would be cut to fit before it saw it. */
const BAD: readonly Partial<OrderEvent>[] = [
  { quantity: 0 },
  { quantity: 2 ** 31 },
  { unitPrice: -1 },
  { totalAmount: -1 },
  { unitPrice: 2 ** 53 },
  { totalAmount: Number.NaN },
  { scenario: 2 ** 15 },
  { createdAtMs: Date.UTC(2290, 0) },
  { orderId: 'no-uuid' },
  { cartId: '0197f0a0-0000-7abc-8000-04000000000g' },
  { userName: 'nul \0' },
  { userName: 'half \ud83d a pair' },
];

test.each([
  [1, 2_000],
  [BAD.length, 2_000],
  [40, 41],
])(
  'of %p bad orders among %p each is found, and its neighbours land',
  async (bad, count) => {
    let merges = 0;
    const postgres = new PostgresStore(ORDER_TABLE, { ...session, group: 'orders_group' });
    const store: SinkStore<OrderEvent> = {
      topic: 'orders',
      group: 'orders_group',
      copies: postgres.copies,
      positions: () => postgres.positions(),
      close: () => postgres.close(),
      begin: async () => {
        const transaction = await postgres.begin();
        const merge = transaction.merge.bind(transaction);
        transaction.merge = async (events) => {
          merges++;
          return await merge(events);
        };
        return transaction;
      },
    };
    const one = new ExactlyOnceSink(store);
    open.push(one);
    const events = orders(0, count);
    const places = new Set<number>();
    for (let i = 0; i < bad; i++) {
      const at = (i * Math.floor(count / bad) + 13 * i) % count;
      places.add(at);
      events[at] = { ...events[at], ...BAD[i % BAD.length] };
    }
    expect(await one.write(batchAt('orders', 0, 0, events))).toMatchObject({
      inserted: count - places.size,
      rejected: places.size,
      duplicates: 0,
    });
    const good = events.filter((_, index) => !places.has(index));
    expect(await storedIds()).toEqual(ids(good).toSorted());
    const { rows } = await admin.query<{ at: number; reason: string }>(
      'select record_offset::integer as at, reason from dead_letters order by record_offset',
    );
    expect(rows.map(({ at }) => at)).toEqual([...places].toSorted((a, b) => a - b));
    expect(rows.every(({ reason }) => reason === 'database')).toBe(true);
    expect(merges).toBeLessThanOrEqual(2 * places.size * Math.ceil(Math.log2(count)) + 1);
    const counts = { next: count, inserted: count - places.size, rejected: places.size };
    expect(await storedOffsets(admin)).toMatchObject([counts]);
  },
  30_000,
);

test('an order that PostgreSQL alone refuses is told apart from one that is there already', async () => {
  await admin.query("alter table orders add constraint no_bikes check (category <> '자전거')");
  try {
    const one = sink();
    const [a, b, c] = orders(0, 3);
    await one.write(batchAt('orders', 0, 0, [a]));
    const odd = { ...b, category: '자전거' };
    expect(await one.write(batchAt('orders', 0, 1, [a, odd, c, c]))).toMatchObject({
      inserted: 1,
      duplicates: 2,
      rejected: 1,
    });
    const { rows } = await admin.query<{ message: string }>('select message from dead_letters');
    expect(rows[0].message).toContain('no_bikes');
    expect(rows[0].message).toContain('(23514)');
  } finally {
    await admin.query('alter table orders drop constraint no_bikes');
  }
});

test('effects are those of the rows that went in, and of successful ones alone', async () => {
  const one = sink();
  const events = Array.from({ length: 40 }, (_, index) =>
    orderEvent(index, { status: ORDER_STATUSES[index % 4] }),
  );
  await one.write(batchAt('orders', 0, 0, events.slice(0, 25)));
  await one.write(batchAt('orders', 0, 25, events.slice(15, 40)));
  await one.write(batchAt('orders', 0, 50, events)); // all there: no effect at all
  const { rows } = await admin.query<{
    user_id: string;
    at: Date;
    product_id: string;
    sold: string;
  }>(
    `select user_id, max(at) as at from order_effects, unnest(user_ids, ordered_at) as u (user_id, at)
     group by user_id order by user_id`,
  );
  const expected = await admin.query(
    `select user_id, max(created_at) as at from orders where status = 'Success' group by 1 order by 1`,
  );
  expect(rows).toEqual(expected.rows);
  const sold = await admin.query(
    `select product_id, sum(rows) from order_effects, unnest(product_ids, sold) as p (product_id, rows)
     group by 1 order by 1`,
  );
  const counted = await admin.query(
    `select product_id, count(*) as sum from orders where status = 'Success' group by 1 order by 1`,
  );
  expect(sold.rows).toEqual(counted.rows);
  expect((await admin.query('select from order_effects')).rowCount).toBe(2);
});

test('a missing right is one clear error, and not the fault of the rows', async () => {
  await admin.query('revoke insert on orders from millrace_ingest');
  try {
    const failure = await sink()
      .write(batchAt('orders', 0, 0, orders(0, 3)))
      .catch((cause: unknown) => cause);
    expect(failure).toMatchObject({ code: 'DATABASE_DENIED', retryable: false });
  } finally {
    await admin.query('grant insert on orders to millrace_ingest');
  }
  expect((await admin.query('select from dead_letters')).rowCount).toBe(0);
});
