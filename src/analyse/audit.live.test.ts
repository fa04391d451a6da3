import { afterAll, beforeAll, expect, test } from 'bun:test';

import { logger } from '../base/log.ts';
import { withRedis } from '../cache/client.ts';
import { loadPools } from '../cache/pools.ts';
import {
  GROUPS,
  TOPICS,
  type EventOf,
  type Rejected,
  type Sink,
  type StreamRecord,
  type Topic,
} from '../model/event.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { testRedis } from '../stack/testing-redis.ts';
import { testDatabase, type TestDatabase } from '../stack/testing.ts';
import { connect, type Client } from '../store/client.ts';
import { foldEffects } from '../store/effects.ts';
import { migrate } from '../store/migrate.ts';
import { orderSink } from '../store/sink-orders.ts';
import { readPoolRows } from '../store/pools.ts';
import { productSink } from '../store/sink-products.ts';
import { userSink } from '../store/sink-users.ts';
import { orderEvent, productEvent, userEvent } from '../store/testing.ts';
import { connectAdmin, type StreamAdmin } from '../stream/admin.ts';
import { streamDriver } from '../stream/drivers.ts';
import { poisonKinds } from '../stream/poison-corpus.ts';
import type { OutgoingRecord } from '../stream/port.ts';
import { readPartition } from '../stream/read-topic.ts';
import { Refusal } from '../stream/refusal.ts';
import { decode } from '../stream/wire-decode.ts';
import { encodeProduct, encodeUser } from '../stream/wire-encode.ts';
import { formatTime } from '../stream/wire-time.ts';
import { Database } from '../suite/database.ts';
import { publishLetters } from '../suite/publisher.ts';
import { audit, type Audit } from './audit.ts';
import { renderAudit } from './audit-text.ts';

const ORDERS = 400;
const START_MS_MAX = 60_000;
const TRACE = { run: 3, seed: 42 };

let kafka: TemporaryKafka;
let database: TestDatabase;
let client: Client;
let admin: StreamAdmin;
let poison: number;

/** An order as JSON.stringify writes it: not as our own encoder does. */
function orderRecord(number: number): OutgoingRecord {
  const order = orderEvent(number, { status: number % 10 === 0 ? 'Cancelled' : 'Success' });
  const text = JSON.stringify({
    version: 1,
    event_type: 'order_created',
    event_id: order.orderId,
    event_time: formatTime(order.createdAtMs),
    order: {
      order_id: order.orderId,
      cart_id: order.cartId,
      created_at: formatTime(order.createdAtMs),
      user_id: order.userId,
      user_name: order.userName,
      product_id: order.productId,
      quantity: order.quantity,
      unit_price: order.unitPrice,
      total_amount: order.totalAmount,
      shipping_cost: order.shippingCost,
      discount_amount: order.discountAmount,
      payment_method: order.paymentMethod,
      status: order.status,
      category: order.category,
      user_region: order.userRegion,
      user_gender: order.userGender,
      user_age_group: order.userAgeGroup,
      scenario: order.scenario,
    },
  });
  const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
  return {
    topic: 'orders',
    key: bytes(order.userId),
    value: bytes(text),
    headers: [['millrace-trace', bytes(`${TRACE.run}:${TRACE.seed}:${number}`)]],
  };
}

beforeAll(async () => {
  [kafka, database] = await Promise.all([temporaryKafka({ brokers: 1 }), testDatabase('audit')]);
  client = await connect(database.url);
  await migrate(client);
  const settings = { brokers: kafka.kafkaBrokers.split(','), clientId: 'audit' };
  admin = await connectAdmin(settings);
  await admin.ensureTopics();
  const driver = await streamDriver('platformatic');
  const producer = await driver.producer(settings, {
    lingerMs: 2,
    compression: 'none',
    inFlightMax: 10_000,
    deliveryMsMax: 30_000,
  });
  const users = Array.from({ length: 5 }, (_, i) =>
    encodeUser('user_created', userEvent(i), { ...TRACE, sequence: i }),
  );
  const changed = encodeUser(
    'user_changed',
    userEvent(2, { name: '이바다' }, userEvent(9).eventTimeMs),
    { ...TRACE, sequence: 5 },
  );
  const products = Array.from({ length: 7 }, (_, i) =>
    encodeProduct('product_created', productEvent(i), { ...TRACE, sequence: i }),
  );
  const orders = Array.from({ length: ORDERS }, (_, i) => orderRecord(i));
  // What is too large for a message would not get this far.
  const bad = poisonKinds(1).filter(({ reason }) => reason !== 'too_large');
  poison = bad.length;
  const spoilt = bad.map(({ spoil }, i) => spoil({ ...orderRecord(i), headers: [] }));
  const all = [...users, changed, ...products, ...orders, ...spoilt, ...orders.slice(5, 25)];
  const { acked } = await producer.send(all);
  expect(acked).toBe(all.length);
  await producer.close();
}, START_MS_MAX);

afterAll(async () => {
  await admin.close();
  await client.end();
  await Promise.all([kafka.stop(), database.drop()]);
}, START_MS_MAX);

/** Stores a topic as a consumer would, up to a share of each partition. */
async function store<T extends Topic>(topic: T, sink: Sink<EventOf[T]>, share = 1): Promise<void> {
  const positions = await sink.positions();
  for (const { partition, first: begin, end } of await admin.edges(topic)) {
    const first = positions.get(partition) ?? begin;
    const until = Math.ceil(first + (end - first) * share);
    for await (const records of readPartition(admin, topic, { partition, first, end: until })) {
      const events: EventOf[T][] = [];
      const good: StreamRecord[] = [];
      const rejected: Rejected[] = [];
      for (const record of records) {
        const event = decode(topic, record);
        if (event instanceof Refusal) {
          rejected.push({ record, reason: event.reason, message: event.message });
        } else {
          events.push(event);
          good.push(record);
        }
      }
      await sink.write({
        topic,
        group: GROUPS[topic],
        ranges: [{ partition, from: records[0].offset, next: (records.at(-1)?.offset ?? 0) + 1 }],
        events,
        records: good,
        rejected,
      });
    }
  }
  await sink.close();
}

/** Sends the dead letters to their topics, as the suite would. */
async function publish(): Promise<void> {
  const stop = new AbortController();
  const settings = { brokers: kafka.kafkaBrokers.split(','), clientId: 'publisher' };
  const publishing = publishLetters({
    database: new Database(database.url, 'publisher'),
    kafka: settings,
    topics: TOPICS,
    signal: stop.signal,
    log: logger('publisher', { level: 'off' }),
    check: (failure) => {
      expect(failure).toBeNull();
      stop.abort();
    },
  });
  await publishing;
}

test('before anything is stored, everything is on its way and nothing is lost', async () => {
  const found = await audit(client, admin);
  expect(found).toMatchObject({ produced: 0, stored: 0, lost: 0, clean: false });
  expect(found.firstDifference).toBeNull();
  expect(found.pending).toBe(6 + 7 + ORDERS + poison + 20);
  expect(renderAudit(found)).toContain('NOT YET');
});

test('half stored is half judged', async () => {
  const options = { databaseUrl: database.url };
  await store('users', userSink(options));
  await store('products', productSink(options));
  await store('orders', orderSink(options), 0.5);
  const found = await audit(client, admin);
  expect(found).toMatchObject({ lost: 0, duplicated: 0, firstDifference: null });
  expect(found.pending).toBeGreaterThan(100);
  expect(found.stored).toBeGreaterThan(100);
});

test('dead letters that are not in their topics yet are on their way, and no difference', async () => {
  await store('orders', orderSink({ databaseUrl: database.url }));
  const found = await audit(client, admin);
  expect(found).toMatchObject({ pending: 0, unpublished: poison, firstDifference: null });
  expect(found.clean).toBe(false);
  expect(renderAudit(found)).toContain(`${poison} dead letters on their way to their topics`);
  await publish();
});

test('all stored is clean, with repeats and poison among it, before and after the fold', async () => {
  for (const fold of [false, true]) {
    if (fold) await foldEffects(client);
    const found = await audit(client, admin);
    expect(found.firstDifference).toBeNull();
    expect(found).toMatchObject({
      produced: 5 + 7 + ORDERS,
      stored: 5 + 7 + ORDERS,
      lost: 0,
      duplicated: 0,
      deadLetters: poison,
      unpublished: 0,
      pending: 0,
      inDoubt: 0,
      derivedWrong: 0,
      clean: true,
    });
    expect(found.letters.find(({ topic }) => topic === 'orders')).toEqual({
      topic: 'orders',
      places: poison,
      unpublished: 0,
      missing: 0,
      unknown: 0,
      expired: 0,
    });
    expect(found.topics.find(({ topic }) => topic === 'orders')).toMatchObject({
      records: ORDERS + poison + 20,
      repeated: 20,
      refused: poison,
    });
  }
});

test('Redis is held against the rows too', async () => {
  const { url } = await testRedis();
  await withRedis(url, async (redis) => {
    const { rows } = await client.query<{ now: Date }>(
      "select clock_timestamp() + interval '61 s' as now",
    );
    const pool = await readPoolRows(client);
    await loadPools(redis, pool, rows[0].now.getTime());
    const found = await audit(client, admin, { redis });
    expect(found).toMatchObject({ clean: true, cache: { entries: 12, wrong: 0 } });
    const [user, ...others] = pool.users;
    const users = [{ ...user, grade: 'VIP' as const }, ...others];
    await loadPools(redis, { ...pool, users }, rows[0].now.getTime());
    const changed = await audit(client, admin, { redis });
    expect(changed.firstDifference).toContain(`Redis has ${user.userId} otherwise`);
    expect(changed.cache?.wrong).toBe(1);
  });
});

test('a dead letter that was sent again is no fault, whatever its record has become', async () => {
  await client.query(`update dead_letters set state = 'redriven', redriven_at = now()`);
  expect(await audit(client, admin)).toMatchObject({ clean: true, deadLetters: poison });
  await client.query(`update dead_letters set state = 'open', redriven_at = null`);
});

/** What the audit says while `sabotage` has been done; it is undone again. */
async function auditAfter(sabotage: string): Promise<Audit> {
  const undo = await connect(database.url);
  const saved = [
    'orders',
    'users',
    'products',
    'dead_letters',
    'consumer_offsets',
    'consumer_topics',
  ];
  for (const table of saved) await undo.query(`create table saved_${table} as table ${table}`);
  try {
    await undo.query(sabotage);
    return await audit(client, admin);
  } finally {
    for (const table of saved) {
      await undo.query(`truncate ${table}`);
      await undo.query(`insert into ${table} select * from saved_${table}`);
      await undo.query(`drop table saved_${table}`);
    }
    await undo.end();
  }
}

const SECOND = orderEvent(1).orderId;

test.each([
  ['a lost order', `delete from orders where order_id = '${SECOND}'`, { lost: 1 }, SECOND],
  [
    'a changed amount',
    `update orders set total_amount = total_amount + 1 where order_id = '${SECOND}'`,
    { lost: 0, stored: 412 },
    'stored otherwise',
  ],
  [
    'an order that nobody sent',
    `insert into orders select (gen_random_uuid()), cart_id, created_at, unit_price, total_amount,
       shipping_cost, discount_amount, quantity, scenario, payment_method, 'Cancelled', product_id,
       category, user_id, user_name, user_region, user_gender, user_age_group
     from orders where order_id = '${SECOND}'`,
    { lost: 0 },
    'no record brought it',
  ],
  [
    'a sale counted twice',
    `update products set order_count = order_count + 1 where product_id = 'P00000003'`,
    { derivedWrong: 1 },
    'products.order_count of P00000003',
  ],
  [
    'a last order that moved back',
    `update users set last_ordered_at = last_ordered_at - interval '1 ms' where user_id = 'U_00000004'`,
    { derivedWrong: 1 },
    'users.last_ordered_at of U_00000004',
  ],
  [
    'an old name of a customer',
    `update users set name = '김하늘' where user_id = 'U_00000002'`,
    {},
    'users: U_00000002 is stored otherwise',
  ],
  [
    'a dead letter that vanished',
    `delete from dead_letters where record_offset = (select max(record_offset) from dead_letters)`,
    { lost: 1 },
    'no dead letter either',
  ],
  [
    'records that a consumer passed over',
    `update consumer_offsets set inserted = inserted - 2 where topic = 'orders' and partition = (
       select min(partition) from consumer_offsets where topic = 'orders' and inserted > 2)`,
    { lost: 2 },
    '2 records of 0 to',
  ],
  [
    'a Kafka that ends before what is stored',
    `update consumer_offsets set next_offset = next_offset + 5, duplicates = duplicates + 5
     where topic = 'users' and partition = (
       select min(partition) from consumer_offsets where topic = 'users')`,
    {},
    'another Kafka?',
  ],
  [
    'a topic made anew since it was stored',
    `insert into consumer_topics values ('users_group', 'users', '0195d7a0-4b1c-7000-8000-0123456789ab')`,
    { lost: 0 },
    'the offsets of users count in the topic of id 0195d7a0',
  ],
  [
    'a dead letter that is said to be in its topic',
    `insert into dead_letters (topic, partition, record_offset, headers, reason, message, published_at)
     values ('orders', 2, 1000000, '[]', 'json', 'no JSON', now())`,
    { lost: 0 },
    'the dead letter orders:2:1000000 is not in orders.dlq',
  ],
  [
    'a dead letter with another byte',
    `update dead_letters set value = value || '\\x00'
     where (topic, partition, record_offset) in (
       select topic, partition, record_offset from dead_letters where length(value) > 0 limit 1)`,
    {},
    'is not what Kafka has there',
  ],
])('%s is found and named', async (_, sabotage, figures, difference) => {
  const found = await auditAfter(sabotage);
  expect(found).toMatchObject({ ...figures, clean: false });
  expect(found.firstDifference).toContain(difference);
  expect(renderAudit(found)).toContain('FAIL');
});
