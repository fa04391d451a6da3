import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  Admin,
  Consumer,
  Producer,
  ProduceAcks,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';

import { kafkaPackage } from './kafka-package.ts';
import { embeddedKafkaUp, kafkaDown, kafkaStatus } from './kafka.ts';
import { processesOf, waitUntil } from './processes.ts';
import { temporaryKafka } from './temporary-kafka.ts';
import { testKafka } from './testing-kafka.ts';
import { failure, firstLine, spawnScript } from './testing-child.ts';

const TEST_MS_MAX = 90_000;
const FETCH_MS_MAX = 600_000;
const TOPIC = 'kept';
const onLinux = process.platform === 'linux';
const root = mkdtempSync(join(tmpdir(), 'millrace-kafka-'));
const stateDir = join(root, 'state');
const dir = join(root, 'daemon');

// The first run of all fetches Kafka.
beforeAll(kafkaPackage, FETCH_MS_MAX);

afterAll(async () => {
  await kafkaDown(dir);
  const left = brokerPids(dir);
  rmSync(root, { recursive: true, force: true });
  expect(left).toEqual([]);
}, TEST_MS_MAX);

function brokerPids(folder: string): number[] {
  return [1, 2, 3].flatMap((id) =>
    processesOf('java', join(folder, `broker${id}`, 'server.properties')),
  );
}

/** Makes the topic, with a copy on every broker. */
async function makeTopic(brokers: string, replicas: number): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: brokers.split(',') });
  await admin.createTopics({ topics: [TOPIC], partitions: 3, replicas });
  await admin.close();
}

/** Writes the values from one number to another, each acknowledged by all copies in sync. */
async function write(brokers: string, from: number, to: number): Promise<void> {
  const producer = new Producer({
    clientId: 'test',
    bootstrapBrokers: brokers.split(','),
    serializers: stringSerializers,
    retries: 20,
    retryDelay: 250,
  });
  const messages = Array.from({ length: to - from }, (_, i) => ({
    topic: TOPIC,
    key: String(from + i),
    value: String(from + i),
  }));
  await producer.send({ messages, acks: ProduceAcks.ALL });
  await producer.close();
}

/** Reads from the start until it has so many values; the writer may have repeated some. */
async function read(brokers: string, count: number): Promise<number[]> {
  const consumer = new Consumer({
    clientId: 'test',
    groupId: `reader-${crypto.randomUUID()}`,
    bootstrapBrokers: brokers.split(','),
    deserializers: stringDeserializers,
    autocommit: false,
    retries: 20,
    retryDelay: 250,
  });
  const stream = await consumer.consume({ topics: [TOPIC], mode: 'earliest' });
  const values = new Set<number>();
  for await (const { value } of stream) if (values.add(Number(value)).size === count) break;
  await consumer.close(true);
  return [...values].toSorted((a, b) => a - b);
}

function range(to: number): number[] {
  return Array.from({ length: to }, (_, i) => i);
}

/** Runs a script in another Bun, with what these tests start at hand. */
const spawnBun = (script: string, environment: Record<string, string> = {}) =>
  spawnScript(
    { 'kafka.ts': ['embeddedKafkaUp', 'kafkaUp'], 'temporary-kafka.ts': ['temporaryKafka'] },
    script,
    environment,
    'pipe',
  );

describe('the Kafka of a state folder', () => {
  test(
    'is one cluster of three when two processes start it at once, and is found again',
    async () => {
      expect(await kafkaStatus(dir)).toMatchObject({ running: false, brokers: [] });
      expect(await kafkaDown(dir)).toEqual({ wasRunning: false });
      const script = `console.log(JSON.stringify(await embeddedKafkaUp('${dir}')))`;
      const starters = [spawnBun(script), spawnBun(script)];
      const lines = await Promise.all(starters.map((starter) => starter.stdout.text()));
      expect(await Promise.all(starters.map((starter) => starter.exited))).toEqual([0, 0]);
      const answers = lines.map((line) => JSON.parse(line));
      expect(answers[0].kafkaBrokers).toBe(answers[1].kafkaBrokers);
      expect(answers.filter((answer) => answer.startedHere)).toHaveLength(1);
      expect(brokerPids(dir)).toHaveLength(3);
      const found = await embeddedKafkaUp(dir);
      expect(found).toMatchObject({ how: 'embedded', startedHere: false, revived: [] });
      expect(found.kafkaBrokers.split(',')).toHaveLength(3);
      expect(await kafkaStatus(dir)).toMatchObject({ running: true, accepting: true });
    },
    TEST_MS_MAX,
  );

  test(
    'gets a killed broker back, and no other, with all that was acknowledged meanwhile',
    async () => {
      const { kafkaBrokers } = await embeddedKafkaUp(dir);
      await makeTopic(kafkaBrokers, 3);
      await write(kafkaBrokers, 0, 100);
      const before = await kafkaStatus(dir);
      process.kill(before.brokers[1]?.pid ?? 0, 'SIGKILL');
      await waitUntil(
        () => brokerPids(dir).length === 2,
        5_000,
        () => 'it lives on',
      );
      const short = { running: true, accepting: false, slow: false };
      expect(await kafkaStatus(dir)).toMatchObject(short);
      await write(kafkaBrokers, 100, 200);
      const revived = await embeddedKafkaUp(dir);
      expect(revived).toEqual({ kafkaBrokers, how: 'embedded', startedHere: false, revived: [2] });
      const after = await kafkaStatus(dir);
      expect(after.accepting).toBe(true);
      const pids = after.brokers.map(({ pid }) => pid);
      expect(pids[0]).toBe(before.brokers[0]?.pid ?? 0);
      expect(pids[1]).not.toBe(before.brokers[1]?.pid ?? 0);
      expect(pids[2]).toBe(before.brokers[2]?.pid ?? 0);
      expect(await read(kafkaBrokers, 200)).toEqual(range(200));
    },
    TEST_MS_MAX,
  );

  test(
    'stops in order and soon, and moves with its data when somebody else has a port of its',
    async () => {
      const { kafkaBrokers } = await embeddedKafkaUp(dir);
      expect(await kafkaDown(dir)).toEqual({ wasRunning: true });
      expect(brokerPids(dir)).toEqual([]);
      for (const id of [1, 2, 3]) {
        const data = readdirSync(join(dir, `broker${id}`, 'data'));
        expect(data).toContain('.kafka_cleanshutdown');
      }
      const port = Number(kafkaBrokers.split(',')[0]?.split(':')[1]);
      const other = Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } });
      try {
        // Its starter is killed as soon as there are brokers, and they are joined all the same.
        const starter = spawnBun(`await embeddedKafkaUp('${dir}')`);
        await waitUntil(
          () => brokerPids(dir).length === 3,
          20_000,
          () => 'it has not begun',
        );
        const pids = brokerPids(dir);
        starter.kill('SIGKILL');
        await starter.exited;
        const moved = await embeddedKafkaUp(dir);
        expect(moved.startedHere).toBe(false);
        expect(brokerPids(dir)).toEqual(pids);
        expect(moved.kafkaBrokers).not.toContain(`:${port}`);
        expect(await read(moved.kafkaBrokers, 200)).toEqual(range(200));
      } finally {
        other.stop(true);
      }
    },
    TEST_MS_MAX,
  );
});

describe('what Kafka needs', () => {
  test('is said in one line where there is no Java', async () => {
    const script = 'await kafkaUp().catch((cause) => console.log(cause.code, cause.message))';
    const child = spawnBun(script, { PATH: root, JAVA_HOME: '', KAFKA_BROKERS: '' });
    const said = await firstLine(child);
    expect(said).toBe(
      'STACK_FAILED Kafka is not available: it needs Java 17 or newer, ' +
        'and there is none in JAVA_HOME or on PATH; install a JDK, or set KAFKA_BROKERS',
    );
  });

  test('is not asked for when the environment names one', async () => {
    const child = spawnBun('console.log(JSON.stringify(await kafkaUp()))', {
      PATH: root,
      KAFKA_BROKERS: 'kafka.example:9092',
    });
    expect(JSON.parse(await firstLine(child))).toMatchObject({
      kafkaBrokers: 'kafka.example:9092',
      how: 'environment',
    });
  });
});

/** Has a cluster whose owner is killed, and returns its folder once the broker has ended. */
async function killedOwner(): Promise<string | undefined> {
  if (!onLinux) return undefined;
  const owner = spawnBun(`
    const { brokers } = await temporaryKafka({ brokers: 1, stateDir: '${stateDir}' });
    console.log(brokers[0].log);
    await Bun.sleep(60_000);`);
  const base = join(await firstLine(owner), '..', '..');
  expect(brokerPids(base)).toHaveLength(1);
  owner.kill('SIGKILL');
  await owner.exited;
  await waitUntil(
    () => brokerPids(base).length === 0,
    5_000,
    () => 'the broker lives on',
  );
  expect(existsSync(base)).toBe(true);
  return base;
}

describe('a temporary Kafka', () => {
  test(
    'ends when its owner is killed, and the next one removes its folder; ' +
      'has its records after a crash, is mute when paused, and leaves nothing once stopped',
    async () => {
      const left = await killedOwner();
      const cluster = await temporaryKafka({ brokers: 1, stateDir });
      if (left !== undefined) expect(existsSync(left)).toBe(false);
      const [broker] = cluster.brokers;
      const { kafkaBrokers } = cluster;
      await makeTopic(kafkaBrokers, 1);
      await write(kafkaBrokers, 0, 50);
      const pid = broker?.pid;
      await broker?.kill();
      expect(broker?.pid).toBeUndefined();
      await broker?.restart();
      expect(broker?.pid).not.toBe(pid);
      expect(cluster.kafkaBrokers).toBe(kafkaBrokers);
      expect(await read(kafkaBrokers, 50)).toEqual(range(50));
      broker?.pause();
      const admin = {
        clientId: 'test',
        bootstrapBrokers: [kafkaBrokers],
        retries: 0,
        requestTimeout: 500,
      };
      const paused = new Admin(admin);
      expect(await failure(paused.metadata({ topics: [] }))).not.toBe('it worked');
      await paused.close();
      broker?.resume();
      const resumed = new Admin(admin);
      expect(await failure(resumed.metadata({ topics: [] }))).toBe('it worked');
      await resumed.close();
      await cluster.stop();
      expect(broker?.pid).toBeUndefined();
      expect(readdirSync(join(stateDir, 'tmp-kafka'))).toEqual([]);
      expect(readdirSync(join(stateDir, 'tmp-data'))).toEqual([]);
    },
    TEST_MS_MAX,
  );
});

test(
  'the cluster that tests share is one, with three brokers',
  async () => {
    const { brokers } = await testKafka();
    expect(await testKafka()).toEqual({ brokers });
    expect(brokers.split(',')).toHaveLength(3);
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: brokers.split(',') });
    expect((await admin.metadata({ topics: [] })).brokers.size).toBe(3);
    await admin.close();
  },
  TEST_MS_MAX,
);
