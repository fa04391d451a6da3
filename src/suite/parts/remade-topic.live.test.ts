import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Admin } from '@platformatic/kafka';

import { logger } from '../../base/log.ts';
import { temporaryKafka, type TemporaryKafka } from '../../stack/temporary-kafka.ts';
import { testDatabase, type TestDatabase } from '../../stack/testing.ts';
import { connect, type Client } from '../../store/client.ts';
import { migrate } from '../../store/migrate.ts';
import { userEvent } from '../../store/testing.ts';
import { connectAdmin, type StreamAdmin } from '../../stream/admin.ts';
import { streamDriver } from '../../stream/drivers.ts';
import { encodeUser } from '../../stream/wire-encode.ts';
import { configFromEnvironment, type SuiteConfig } from '../config.ts';
import { runPart, type PartFailure } from '../part.ts';
import { Vitals } from '../vitals.ts';
import { consumer } from './consumer.ts';

const FEW = 30;
const MANY = 300; // beyond FEW in every partition
const START_MS_MAX = 60_000;

let kafka: TemporaryKafka;
let database: TestDatabase;
let client: Client;
let admin: StreamAdmin;
let config: SuiteConfig;

beforeAll(async () => {
  [kafka, database] = await Promise.all([temporaryKafka({ brokers: 1 }), testDatabase('remade')]);
  client = await connect(database.url);
  await migrate(client);
  const settings = { brokers: kafka.kafkaBrokers.split(','), clientId: 'remade' };
  admin = await connectAdmin(settings);
  config = configFromEnvironment({ databaseUrl: database.url, kafka: settings, memberId: null });
}, START_MS_MAX);

afterAll(async () => {
  await admin.close();
  await client.end();
  await Promise.all([kafka.stop(), database.drop()]);
}, START_MS_MAX);

async function send(count: number): Promise<void> {
  const settings = { brokers: kafka.kafkaBrokers.split(','), clientId: 'remade' };
  const driver = await streamDriver('platformatic');
  const options = { lingerMs: 0, inFlightMax: 1_000, deliveryMsMax: 30_000 };
  const producer = await driver.producer(settings, { ...options, compression: 'none' });
  const users = Array.from({ length: count }, (_, i) =>
    encodeUser('user_created', userEvent(i), { run: 1, seed: 1, sequence: i }),
  );
  expect((await producer.send(users)).acked).toBe(count);
  await producer.close();
}

/** Deletes the topic, makes it anew and fills it beyond what was stored of the one before. */
async function remake(): Promise<void> {
  const own = new Admin({ clientId: 'remade', bootstrapBrokers: [kafka.kafkaBrokers] });
  await own.deleteTopics({ topics: ['users'] });
  await own.close();
  await admin.ensureTopics();
  await send(MANY);
}

/** Runs a consumer until `enough`, or until it fails. */
async function consumeUntil(enough: () => Promise<boolean>): Promise<PartFailure | null> {
  const stop = new AbortController();
  const wiring = { name: 'user-consumer', config, vitals: Vitals.forParts(1), slot: 0 };
  const log = logger('user-consumer', { level: 'off' });
  const running = runPart(consumer('users'), { ...wiring, log, onCheck: () => undefined }, stop);
  while (!stop.signal.aborted && !(await enough())) await Bun.sleep(50);
  stop.abort();
  return await running;
}

const never = async (): Promise<boolean> => false;

async function stored(): Promise<number> {
  const { rows } = await client.query<{ sum: string }>(
    'select coalesce(sum(inserted + duplicates), 0) as sum from consumer_offsets',
  );
  return Number(rows[0].sum);
}

test('a topic deleted, made anew and filled beyond the stored offsets stops its consumer', async () => {
  await admin.ensureTopics();
  await send(FEW);
  expect(await consumeUntil(async () => (await stored()) === FEW)).toBeNull();
  await remake();
  const failure = await consumeUntil(never);
  expect(failure?.code).toBe('KAFKA_FAILED');
  expect(failure?.message).toContain('the topic users was deleted and made anew');
  expect(failure?.message).toContain("delete from consumer_offsets where group_id = 'users_group'");
  expect(await stored()).toBe(FEW);
}, 60_000);

test('what the message says to do makes it go on; a topic made anew while it reads stops it too', async () => {
  await client.query(`delete from consumer_offsets where group_id = 'users_group'`);
  const remaking: Promise<void>[] = [];
  const failure = await consumeUntil(async () => {
    if (remaking.length === 0 && (await stored()) === MANY) remaking.push(remake());
    return false;
  });
  await Promise.all(remaking);
  expect(failure?.code).toBe('KAFKA_FAILED');
  expect(failure?.message).toContain('the topic users was deleted and made anew');
  expect(await stored()).toBe(MANY);
}, 60_000);
