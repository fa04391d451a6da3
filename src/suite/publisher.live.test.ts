import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';

import { logger } from '../base/log.ts';
import { deadLetterTopic, type Rejected, type StreamRecord } from '../model/event.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { testDatabase, type TestDatabase } from '../stack/testing.ts';
import { connect, transaction, type Client } from '../store/client.ts';
import { buryLetters, countDeadLetters } from '../store/dead-letters.ts';
import { migrate } from '../store/migrate.ts';
import { recordAt } from '../store/testing.ts';
import { connectAdmin, TOPIC_PLANS, type StreamAdmin } from '../stream/admin.ts';
import { readPartition } from '../stream/read-topic.ts';
import { Database } from './database.ts';
import { publishLetters } from './publisher.ts';

const START_MS_MAX = 60_000;
const LARGE_BYTES = 2 * 1_048_576 + 40_000; // below the topic's limit, above an ordinary topic's

let kafka: TemporaryKafka;
let database: TestDatabase;
let client: Client;
let admin: StreamAdmin;

beforeAll(async () => {
  [kafka, database] = await Promise.all([temporaryKafka({ brokers: 1 }), testDatabase('publish')]);
  client = await connect(database.url);
  await migrate(client);
  admin = await connectAdmin(settings());
  // Those of the orders are made by a test.
  await admin.ensureTopics(TOPIC_PLANS.filter(({ name }) => !name.startsWith('orders')));
}, START_MS_MAX);

beforeEach(async () => {
  await client.query('truncate dead_letters');
});

afterAll(async () => {
  await admin.close();
  await client.end();
  await Promise.all([kafka.stop(), database.drop()]);
}, START_MS_MAX);

const settings = () => ({ brokers: kafka.kafkaBrokers.split(','), clientId: 'publisher' });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const bury = (letters: Rejected[]): Promise<void> =>
  transaction(client, 'burying', () => buryLetters(client, letters));

const letter = (record: StreamRecord, message = 'no JSON'): Rejected => ({
  record,
  reason: 'json',
  message,
});

/** Publishes until `enough` of what it says of itself; returns all of that. */
async function publish(enough: (told: (string | null)[]) => boolean): Promise<(string | null)[]> {
  const stop = new AbortController();
  const told: (string | null)[] = [];
  await publishLetters({
    database: new Database(database.url, 'publisher'),
    kafka: settings(),
    topics: ['users', 'products', 'orders'],
    signal: stop.signal,
    log: logger('publisher', { level: 'off' }),
    check: (failure) => {
      told.push(failure);
      if (enough(told)) stop.abort();
    },
  });
  return told;
}

const once = (told: (string | null)[]): boolean => told.length === 1;

async function recordsOf(topic: 'users' | 'products' | 'orders'): Promise<StreamRecord[]> {
  const name = deadLetterTopic(topic);
  const found: StreamRecord[] = [];
  for (const edge of await admin.edges(name)) {
    for await (const records of readPartition(admin, name, edge)) found.push(...records);
  }
  return found;
}

const unpublished = async (): Promise<number> =>
  (await countDeadLetters(client)).reduce((sum, group) => sum + group.unpublished, 0);

test('a dead letter comes to its topic byte for byte, with its place and reason behind its headers', async () => {
  const record: StreamRecord = {
    ...recordAt('users', 2, 1_041),
    key: Uint8Array.of(0, 255),
    value: Uint8Array.of(123, 0, 254),
    headers: [
      ['twice', bytes('one')],
      ['null', null],
      ['twice', new Uint8Array()],
      ['millrace-dlq-place', bytes('orders:0:7')], // it was a dead letter of another's
    ],
  };
  await bury([letter(record, '금액이 없다')]);
  expect(await publish(once)).toEqual([null]);
  const [found, ...others] = await recordsOf('users');
  expect(others).toEqual([]);
  expect(Bun.deepEquals([found.key?.toHex(), found.value?.toHex()], ['00ff', '7b00fe'])).toBe(true);
  expect(
    found.headers.map(([name, value]) => [name, value && new TextDecoder().decode(value)]),
  ).toEqual([
    ['twice', 'one'],
    ['null', null],
    ['twice', ''],
    ['millrace-dlq-place', 'orders:0:7'],
    ['millrace-dlq-place', 'users:2:1041'],
    ['millrace-dlq-reason', 'json'],
    ['millrace-dlq-message', '금액이 없다'],
  ]);
  expect(await unpublished()).toBe(0);
  expect(await publish(once)).toEqual([null]);
  expect(await recordsOf('users')).toHaveLength(1);
}, 30_000);

test('tombstones, letters of no bytes and more than a page of them come too, and the largest there can be', async () => {
  const many = Array.from({ length: 100 }, (_, offset) => letter(recordAt('products', 1, offset)));
  const bare = letter({ ...recordAt('products', 0, 0), value: null });
  const empty = letter({ ...recordAt('products', 0, 1), value: new Uint8Array() });
  const large = letter({ ...recordAt('products', 0, 2), value: new Uint8Array(LARGE_BYTES) });
  await bury([...many, bare, empty, large]);
  expect(await publish(once)).toEqual([null]);
  const found = await recordsOf('products');
  expect(found).toHaveLength(103);
  expect(found.find(({ value }) => value === null)).toBeDefined();
  expect(found.find(({ value }) => value?.length === 0)).toBeDefined();
  expect(found.find(({ value }) => value?.length === LARGE_BYTES)).toBeDefined();
  expect(await unpublished()).toBe(0);
}, 30_000);

test('one that no topic takes keeps no other one waiting', async () => {
  const before = (await recordsOf('users')).length;
  const huge = letter({ ...recordAt('users', 0, 0), value: new Uint8Array(5 << 20) });
  const behind = Array.from({ length: 40 }, (_, i) => letter(recordAt('users', 0, 1 + i)));
  await bury([huge, ...behind]);
  const told = await publish(once);
  expect(told[0]).toContain('users:0:0');
  expect(await recordsOf('users')).toHaveLength(before + behind.length);
  expect(await unpublished()).toBe(1);
}, 30_000);

test('a topic that is missing is told, and what waited comes once it is there', async () => {
  await bury([letter(recordAt('orders', 0, 5)), letter(recordAt('users', 1, 5))]);
  expect((await publish(once))[0]).toContain("no topic 'orders.dlq'");
  expect(await unpublished()).toBe(1); // the users' one went
  await admin.ensureTopics();
  expect(await publish(once)).toEqual([null]);
  expect(await recordsOf('orders')).toHaveLength(1);
  expect(await unpublished()).toBe(0);
}, 30_000);

test('while another one publishes nothing is sent twice', async () => {
  const before = (await recordsOf('users')).length;
  await bury(Array.from({ length: 200 }, (_, i) => letter(recordAt('users', 2, i))));
  await Promise.all([publish(once), publish(once), publish(once)]);
  expect(await recordsOf('users')).toHaveLength(before + 200);
  expect(await unpublished()).toBe(0);
}, 30_000);
