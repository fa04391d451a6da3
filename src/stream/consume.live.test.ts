import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Log } from '../base/log.ts';
import { Random } from '../base/random.ts';
import { REAL_TIME } from '../base/time.ts';
import { orderBatch } from '../model/order-batch.ts';
import { testKafka } from '../stack/testing-kafka.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect, type Client } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { orderSink } from '../store/sink-orders.ts';
import { connectAdmin, type StreamAdmin } from './admin.ts';
import { consume } from './consume.ts';
import { DRIVER_NAMES, streamDriver } from './drivers.ts';
import { poisonKinds } from './poison-corpus.ts';
import type { ConnectionSettings, OutgoingRecord, StreamDriver } from './port.ts';
import { EventSender } from './produce.ts';
import { encodeOrders, orderParts } from './wire-orders.ts';

const ORDERS = 6_000;
const SLICE = 500;
const POISON_SHARE = 0.05;
const STORED_MS_MAX = 60_000;
const silent = (): void => undefined;
const LOG: Log = { debug: silent, info: silent, warn: silent, error: silent };
const BUYERS = 40;
const PARTS = orderParts(
  Array.from({ length: BUYERS }, (_, number) => ({
    userId: `U_${String(number).padStart(8, '0')}`,
    name: '김서준',
    addressDistrict: '경기도',
    gender: 'M' as const,
    age: 34,
  })),
  [{ productId: 'P00000007', category: '골프' }],
);

let settings: ConnectionSettings;
let admin: StreamAdmin;

beforeAll(async () => {
  const { brokers } = await testKafka();
  settings = { brokers: brokers.split(','), clientId: 'consume' };
  admin = await connectAdmin(settings);
}, 60_000);

afterAll(async () => {
  await admin.close();
});

function orders(from: number, count: number, nowMs: number): ReturnType<typeof orderBatch> {
  const batch = orderBatch(count);
  batch.count = count;
  for (let row = 0; row < count; row++) {
    batch.cart[row] = from + row;
    batch.createdAtMs[row] = nowMs;
    batch.user[row] = (from + row) % BUYERS;
    batch.quantity[row] = 1;
    batch.unitPrice[row] = batch.totalAmount[row] = 1_000 + row;
  }
  return batch;
}

/** A hash of what a dead letter must hold, byte for byte; a tombstone has no value at all. */
const print = (key: Uint8Array | null, value: Uint8Array | null): string =>
  [key, value].map((bytes) => (bytes === null ? 'null' : Bun.hash(bytes).toString(16))).join('/');

for (const name of DRIVER_NAMES) {
  describe(name, () => {
    test('a stream with poison in it, while consumers come and go: each order once', async () => {
      const driver = await streamDriver(name);
      const topic = `consume-${process.pid}-${name}`;
      await admin.ensureTopics([{ name: topic, partitions: 3, retentionDays: 1 }]);
      const database = await testDatabase(`consume ${name}`);
      const client = await connect(database.url);
      try {
        await migrate(client);
        const members = [member(driver, topic, database.url), member(driver, topic, database.url)];
        const letters = await produce(driver, topic, async (slice) => {
          if (slice === 4) await members[0].stop();
          if (slice === 6) members.push(member(driver, topic, database.url));
        });
        await stored(client, ORDERS + letters.length);
        await Promise.all(members.map(({ stop }) => stop()));
        await check(client, letters);
      } finally {
        await client.end();
        await database.drop();
      }
    }, 120_000);
  });
}

function member(driver: StreamDriver, topic: string, databaseUrl: string) {
  const abort = new AbortController();
  const sink = orderSink({ databaseUrl });
  const consuming = consume({
    topic: 'orders',
    group: 'orders_group',
    open: (onAssignment) =>
      driver.consumer(settings, {
        topic,
        group: `${topic}-group`,
        sessionMsMax: 6_000,
        fetchBytesMax: 4 << 20,
        onAssignment,
      }),
    sink,
    time: REAL_TIME,
    signal: abort.signal,
    log: LOG,
  });
  const stop = async (): Promise<void> => {
    abort.abort();
    await consuming;
    await sink.close();
  };
  return { stop };
}

/** Sends all orders, and after some of them a spoilt one; gives the prints of the spoilt. */
async function produce(
  driver: StreamDriver,
  topic: string,
  between: (slice: number) => Promise<void>,
): Promise<string[]> {
  const random = new Random(11, 'live');
  const kinds = poisonKinds(1_500_000).filter((kind) => !kind.needsHeaderList);
  const producer = await driver.producer(settings, {
    lingerMs: 2,
    compression: 'lz4',
    inFlightMax: 10_000,
    deliveryMsMax: 30_000,
  });
  const abort = new AbortController();
  const sender = new EventSender({
    producer,
    topic: 'orders',
    run: 1,
    seed: 42,
    time: REAL_TIME,
    signal: abort.signal,
    log: LOG,
  });
  const letters: string[] = [];
  for (let slice = 0; slice * SLICE < ORDERS; slice++) {
    await between(slice);
    const batch = orders(slice * SLICE, SLICE, Date.now());
    let good: OutgoingRecord[] = [];
    await sender.send(SLICE, (trace) => {
      good = encodeOrders(batch, PARTS, trace);
      for (const record of good) record.topic = topic;
      return good;
    });
    const spoilt = good
      .filter(() => random.next() < POISON_SHARE)
      .map((record) => random.pick(kinds).spoil(record));
    expect(await producer.send(spoilt)).toMatchObject({ acked: spoilt.length });
    letters.push(...spoilt.map(({ key, value }) => print(key, value)));
  }
  await producer.close();
  return letters;
}

async function stored(client: Client, records: number): Promise<void> {
  const untilMs = Date.now() + STORED_MS_MAX;
  let done = 0;
  while (done < records) {
    if (Date.now() > untilMs) throw new Error(`${done} of ${records} records are stored`);
    await Bun.sleep(50);
    const { rows } = await client.query(
      'select sum(next_offset)::int as done from consumer_offsets',
    );
    done = rows[0].done ?? 0;
  }
}

async function check(client: Client, letters: readonly string[]): Promise<void> {
  const offsets = await client.query(
    'select sum(inserted)::int as inserted, sum(duplicates)::int as duplicates, sum(rejected)::int as rejected from consumer_offsets',
  );
  expect(offsets.rows[0]).toEqual({ inserted: ORDERS, duplicates: 0, rejected: letters.length });
  const orderRows = await client.query('select count(*)::int as count from orders');
  expect(orderRows.rows[0].count).toBe(ORDERS);
  const kept = await client.query<{ key: Buffer | null; value: Buffer | null }>(
    'select key, value from dead_letters',
  );
  expect(kept.rows.map(({ key, value }) => print(key, value)).toSorted()).toEqual(
    letters.toSorted(),
  );
}
