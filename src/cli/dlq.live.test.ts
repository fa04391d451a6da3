import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { EXIT_CODES } from '../base/errors.ts';
import { logger } from '../base/log.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { testDatabase, type TestDatabase } from '../stack/testing.ts';
import { testRedis, type TestRedis } from '../stack/testing-redis.ts';
import { withClient } from '../store/client.ts';
import { userEvent } from '../store/testing.ts';
import { connectAdmin } from '../stream/admin.ts';
import { streamDriver } from '../stream/drivers.ts';
import type { OutgoingRecord } from '../stream/port.ts';
import { encodeUser } from '../stream/wire-encode.ts';
import { configFromEnvironment } from '../suite/config.ts';
import { runPart } from '../suite/part.ts';
import { consumer } from '../suite/parts/consumer.ts';
import { Vitals } from '../suite/vitals.ts';

const USERS = 40;
const RUNS_MAX = 3;
const START_MS_MAX = 60_000;
const TEST_MS_MAX = 60_000;
const ZONED = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+09:00/;

let kafka: TemporaryKafka;
let database: TestDatabase;
let redis: TestRedis;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const BROKEN: OutgoingRecord = {
  topic: 'users',
  key: bytes('U_1'),
  value: Uint8Array.of(0x7b, 0xff, 0x00, 0x0a),
  headers: [
    ['twice', bytes('하나')],
    ['twice', null],
  ],
};
const BAD: readonly OutgoingRecord[] = [
  BROKEN,
  { topic: 'users', key: null, value: null, headers: [] },
  { topic: 'users', key: bytes('U_2'), value: bytes('{"version":1'), headers: [] },
  { topic: 'users', key: bytes('U_3'), value: bytes('[]'), headers: [] },
];

beforeAll(async () => {
  [kafka, database, redis] = await Promise.all([
    temporaryKafka({ brokers: 1 }),
    testDatabase('dlq'),
    testRedis(),
  ]);
  const settings = { brokers: [kafka.kafkaBrokers], clientId: 'dlq' };
  const admin = await connectAdmin(settings);
  await admin.ensureTopics();
  await admin.close();
  const driver = await streamDriver('platformatic');
  const options = { lingerMs: 0, inFlightMax: 1_000, deliveryMsMax: 30_000 };
  const producer = await driver.producer(settings, { ...options, compression: 'none' });
  const users = Array.from({ length: USERS }, (_, i) =>
    encodeUser('user_created', userEvent(i), { run: 1, seed: 1, sequence: i }),
  );
  expect((await producer.send([...users, ...BAD])).acked).toBe(USERS + BAD.length);
  await producer.close();
  await consumeAll();
}, 2 * START_MS_MAX);

afterAll(async () => {
  await Promise.all([kafka.stop(), redis.stop(), database.drop()]);
}, START_MS_MAX);

async function millrace(...words: string[]) {
  const child = Bun.spawn([process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words], {
    env: childEnvironment({
      DATABASE_URL: database.url,
      KAFKA_BROKERS: kafka.kafkaBrokers,
      REDIS_URL: redis.url,
      MILLRACE_HTTP_PORT: '0',
      MILLRACE_LOG: 'error',
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
  const text = new TextDecoder().decode(stdout);
  return { code: await child.exited, stdout, text, stderr };
}

/** What a command answers with --json. */
async function answerOf(...words: string[]) {
  const { code, text, stderr } = await millrace(...words, '--json');
  expect(`${code} ${code === 0 ? '' : stderr}`).toBe('0 ');
  return JSON.parse(text.trim().split('\n').at(-1) ?? '');
}

/** Lets the suite's consumers store what is in Kafka, dead letters included, and publish these. */
async function consumeAll(): Promise<void> {
  for (let run = 0; run < RUNS_MAX; run++) {
    const { code, stderr } = await millrace('workers', 'user-consumer', '--seconds', '2');
    expect(`${code} ${code === 0 ? '' : stderr}`).toBe('0 ');
    const { pending, unpublished } = JSON.parse((await millrace('audit', '--json')).text);
    if (pending + unpublished === 0) return; // else the machine is busy
  }
}

type Listed = {
  topic: string;
  partition: number;
  offset: number;
  reason: string;
  state: string;
  redriveOf: string | null;
  publishedAtMs: number | null;
};

async function lettersOf(...words: string[]): Promise<Listed[]> {
  return (await answerOf('dlq', 'list', ...words)).letters;
}

const placeOf = ({ topic, partition, offset }: Listed): string => `${topic}:${partition}:${offset}`;

test(
  'list has every dead letter with its reason, its time in its zone, and the sums',
  async () => {
    const letters = await lettersOf();
    expect(letters.map(({ reason }) => reason).toSorted()).toEqual([
      'empty',
      'encoding',
      'field',
      'json',
    ]);
    for (const { publishedAtMs } of letters) expect(publishedAtMs).toBeGreaterThan(0);
    expect(await lettersOf('--reason', 'json')).toHaveLength(1);
    expect(await lettersOf('--topic', 'orders')).toEqual([]);
    expect(await lettersOf('--limit', '2')).toHaveLength(2);
    const { text } = await millrace('dlq', 'list');
    const rows = text.split('\n').filter((line) => line.startsWith('users:'));
    expect(rows).toHaveLength(BAD.length);
    for (const row of rows) expect(row).toMatch(ZONED);
    expect(text).toMatch(/^users +json +open +1$/m);
  },
  TEST_MS_MAX,
);

test(
  'show prints one as text, as JSON and raw, byte for byte',
  async () => {
    const [letter] = await lettersOf('--reason', 'encoding');
    const place = placeOf(letter);
    expect((await millrace('dlq', 'show', place, '--raw')).stdout).toEqual(
      new Uint8Array(BROKEN.value ?? []),
    );
    expect(await answerOf('dlq', 'show', place)).toMatchObject({
      key: bytes('U_1').toBase64(),
      value: BROKEN.value?.toBase64(),
      headers: [
        ['twice', bytes('하나').toBase64()],
        ['twice', null],
      ],
      state: 'open',
      cameBackAs: [],
    });
    const { text } = await millrace('dlq', 'show', place);
    expect(text).toContain('hex 7bff000a');
    expect(text).toMatch(new RegExp(`^first seen +${ZONED.source}, open$`, 'm'));
    expect(text).toMatch(new RegExp(`^published +at ${ZONED.source}$`, 'm'));
  },
  TEST_MS_MAX,
);

test(
  'audit is clean with them, and in their topic each has its place',
  async () => {
    const found = await answerOf('audit');
    expect(found).toMatchObject({ clean: true, stored: USERS, deadLetters: 4, unpublished: 0 });
    expect(found.letters[0]).toMatchObject({ topic: 'users', places: 4, missing: 0, unknown: 0 });
  },
  TEST_MS_MAX,
);

test(
  'one that is sent again and cannot be stored again names the one it was',
  async () => {
    const [letter] = await lettersOf('--reason', 'encoding');
    const place = placeOf(letter);
    expect(await answerOf('dlq', 'redrive', place)).toEqual({ redriven: 1 });
    expect((await millrace('dlq', 'redrive', place)).code).toBe(EXIT_CODES.USAGE); // it is not open any more
    await consumeAll();
    const [again, ...others] = (await lettersOf()).filter(({ redriveOf }) => redriveOf !== null);
    expect(others).toEqual([]);
    expect(again).toMatchObject({ redriveOf: place, reason: 'encoding', state: 'open' });
    const list = (await millrace('dlq', 'list')).text.split('\n');
    expect(list.find((line) => line.startsWith(placeOf(again)))).toContain(`again, of ${place}`);
    expect(list.find((line) => line.startsWith(`${place} `))).toContain('redriven');
    expect(await answerOf('dlq', 'show', place)).toMatchObject({ cameBackAs: [placeOf(again)] });
    expect((await millrace('dlq', 'show', place)).text).toMatch(
      new RegExp(`^came back as +${placeOf(again)}$`, 'm'),
    );
    expect((await millrace('dlq', 'show', placeOf(again))).text).toMatch(
      new RegExp(`^sent again of +${place}$`, 'm'),
    );
    // Sent once more, it is the last place that it names.
    await answerOf('dlq', 'redrive', placeOf(again));
    await consumeAll();
    const last = (await lettersOf('--state', 'open')).filter(({ redriveOf }) => redriveOf !== null);
    expect(last.map(({ redriveOf }) => redriveOf)).toEqual([placeOf(again)]);
    expect(await answerOf('audit')).toMatchObject({ clean: true, deadLetters: 6 });
  },
  2 * TEST_MS_MAX,
);

test(
  'dismiss closes one, or all that match, and nothing that is not there',
  async () => {
    const [empty] = await lettersOf('--reason', 'empty');
    expect(await answerOf('dlq', 'dismiss', placeOf(empty))).toEqual({ dismissed: 1 });
    expect(await answerOf('dlq', 'dismiss', '--all', '--reason', 'json')).toEqual({ dismissed: 1 });
    expect(await lettersOf('--state', 'dismissed')).toHaveLength(2);
    expect(await answerOf('dlq', 'redrive', '--all', '--reason', 'json')).toEqual({ redriven: 0 });
    for (const words of [['dismiss', placeOf(empty)], ['dismiss'], ['show', 'users:0:999999']]) {
      const { code, stderr } = await millrace('dlq', ...words);
      expect(`${words.join(' ')} ${code}`).toBe(`${words.join(' ')} ${EXIT_CODES.USAGE}`);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  },
  TEST_MS_MAX,
);

test(
  'audit ends with its own code once a row is gone, and names it',
  async () => {
    await withClient(database.url, (client) =>
      client.query("delete from users where user_id = 'U_00000007'"),
    );
    const { code, text } = await millrace('audit');
    expect(code).toBe(EXIT_CODES.CHECK_FAILED);
    expect(text).toContain('FAIL');
    expect(text).toContain('first difference: users: U_00000007 is in Kafka and not in PostgreSQL');
    const found = await millrace('audit', '--json');
    expect(found.code).toBe(EXIT_CODES.CHECK_FAILED);
    expect(JSON.parse(found.text)).toMatchObject({ clean: false, lost: 1, stored: USERS - 1 });
  },
  TEST_MS_MAX,
);

test('with a fourth member in the group, one of which has no partition, --seconds counts', async () => {
  const stop = new AbortController();
  const kafkaSettings = { brokers: [kafka.kafkaBrokers], clientId: 'fourth' };
  const config = configFromEnvironment({ databaseUrl: database.url, kafka: kafkaSettings });
  const log = logger('fourth', { level: 'off' });
  const wiring = { name: 'fourth', vitals: Vitals.forParts(1), slot: 0, log };
  const onCheck = (): void => undefined;
  const fourth = runPart(
    consumer('users'),
    { ...wiring, onCheck, config: { ...config, memberId: null } },
    stop,
  );
  const started = performance.now();
  const { code } = await millrace('workers', 'user-consumer', '--seconds', '2');
  expect(code).toBe(0);
  expect(performance.now() - started).toBeLessThan(40_000); // never ready, it would be 62 s
  stop.abort();
  expect(await fourth).toBeNull();
}, 90_000);
