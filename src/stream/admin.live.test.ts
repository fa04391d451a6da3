import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { describeConfigsV4, incrementalAlterConfigsV1, metadataV12 } from '@platformatic/kafka';

import { DAY_MS } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { metrics } from '../base/metrics.ts';
import { freePorts } from '../stack/ports.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { testKafka } from '../stack/testing-kafka.ts';
import { connectAdmin, TOPIC_PLANS, type StreamAdmin } from './admin.ts';
import { DRIVER_NAMES, streamDriver } from './drivers.ts';
import { Cluster } from './drivers/cluster.ts';
import { LagReader } from './lag.ts';
import type { ConnectionSettings } from './port.ts';

const RESOURCE = { topic: 2, broker: 4 } as const;

async function configOf(cluster: Cluster, topic: string): Promise<Record<string, unknown>> {
  const { results } = await describeConfigsV4.api.async(
    await cluster.any(),
    [{ resourceType: RESOURCE.topic, resourceName: topic, configurationKeys: [] }],
    false,
    false,
  );
  const configs = results[0]?.configs ?? [];
  return Object.fromEntries(configs.map(({ name, value }) => [name, value]));
}

const failureOf = async (attempt: Promise<unknown>): Promise<PipelineError | undefined> => {
  const startedMs = performance.now();
  const error: unknown = await attempt.catch((cause: unknown) => cause);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  return error instanceof PipelineError ? error : undefined;
};

describe('on three brokers', () => {
  let settings: ConnectionSettings;
  let admin: StreamAdmin;
  let cluster: Cluster;
  const topic = `admin-${process.pid}`;

  beforeAll(async () => {
    settings = { brokers: (await testKafka()).brokers.split(','), clientId: 'admin' };
    admin = await connectAdmin(settings);
    cluster = new Cluster(settings);
  }, 60_000);

  afterAll(async () => {
    await admin.close();
    await cluster.close();
  });

  test('a topic is made once, replicated thrice, two of which must have a record', async () => {
    const plan = { name: topic, partitions: 3, retentionDays: 7 };
    const partitions = [0, 1, 2].map((partition) => ({ partition, first: 0, end: 0 }));
    const racing = await Promise.all([admin.ensureTopics([plan]), admin.ensureTopics([plan])]);
    for (const [state] of racing) expect(state.partitions).toEqual(partitions);
    const again = await admin.ensureTopics([{ ...plan, partitions: 5 }]);
    expect(again).toEqual([{ name: topic, partitions, made: false }]);
    const { topics } = await metadataV12.api.async(await cluster.any(), [topic], false, false);
    const replicas = topics[0]?.partitions.map(({ replicaNodes }) =>
      replicaNodes.toSorted((a, b) => a - b),
    );
    expect(replicas).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(await configOf(cluster, topic)).toMatchObject({
      'min.insync.replicas': '2',
      'retention.ms': `${7 * DAY_MS}`,
      'compression.type': 'producer',
    });
  }, 30_000);

  test('offsets of partitions and groups, and the lag behind what is stored', async () => {
    const driver = await streamDriver();
    const producer = await driver.producer(settings, {
      lingerMs: 0,
      compression: 'none',
      inFlightMax: 100,
      deliveryMsMax: 30_000,
    });
    const beforeMs = Date.now();
    const send = (count: number) =>
      producer.send(
        Array.from({ length: count }, () => ({
          topic,
          key: new TextEncoder().encode('a'), // goes to partition 1
          value: new Uint8Array(1),
          headers: [],
        })),
      );
    await send(4);
    await Bun.sleep(300);
    await send(3);
    await producer.close();
    expect((await admin.edges(topic)).map(({ end }) => end)).toEqual([0, 7, 0]);
    expect(await admin.committed('admin-nobody', topic)).toEqual(new Map());
    const [first, later] = [
      await admin.timestampMs(topic, 1, 0),
      await admin.timestampMs(topic, 1, 4),
    ];
    expect(first).toBeGreaterThanOrEqual(beforeMs);
    expect((later ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(300);

    let stored = new Map([[1, 4]]);
    const reader = new LagReader(
      admin,
      [{ group: 'g', topic, positions: async () => stored }],
      () => (later ?? 0) + 2_500,
    );
    const values = async (): Promise<number[][]> =>
      await Promise.all(
        [metrics.currentOffset, metrics.lag, metrics.lagSeconds].map(async (metric) =>
          (await metric.get()).values
            .filter(({ labels }) => labels['topic'] === topic)
            .toSorted((a, b) => Number(a.labels['partition']) - Number(b.labels['partition']))
            .map(({ value }) => value),
        ),
      );
    const collected = async (): Promise<number | undefined> =>
      (await metrics.lagCollected.get()).values[0]?.value;
    expect(await collected()).toBe(0);
    for (let i = 0; i < 50 && (await collected()) === 0; i++) await Bun.sleep(50);
    expect(await collected()).toBe(1);
    expect(await values()).toEqual([
      [0, 4, 0],
      [0, 3, 0],
      [0, 2.5, 0],
    ]);
    stored = new Map([[1, 7]]);
    await reader.stop();
    expect(await values()).toEqual([
      [0, 4, 0],
      [0, 3, 0],
      [0, 2.5, 0],
    ]); // a stopped reader reads no more
  }, 30_000);

  test('a missing topic and an absent Kafka are said in one line', async () => {
    const missing = await failureOf(admin.edges('admin-none'));
    expect(missing?.code).toBe('KAFKA_FAILED');
    expect(missing?.message).toMatch(/^[^\n]*admin-none[^\n]*millrace topics[^\n]*$/);
    const nowhere = { brokers: ['127.0.0.1:1', '127.0.0.1:2'], clientId: 'admin' };
    const absent = await failureOf(connectAdmin(nowhere));
    expect(absent?.code).toBe('KAFKA_UNREACHABLE');
    expect(absent?.message).toMatch(/^[^\n]*127.0.0.1:1[^\n]*millrace up[^\n]*$/);
  }, 30_000);
});

test('a broker that hangs up in the middle of a question may be asked again', async () => {
  const brokers = createServer((socket) => socket.once('data', () => socket.destroy()));
  await new Promise<void>((resolve) => void brokers.listen(0, '127.0.0.1', resolve));
  const address = brokers.address();
  const port = address instanceof Object ? address.port : 0;
  const settings = { brokers: [`127.0.0.1:${port}`], clientId: 'admin' };
  const admin = await connectAdmin(settings);
  const driver = await streamDriver('platformatic');
  const consumer = {
    topic: 'orders',
    group: 'hung-up',
    sessionMsMax: 6_000,
    fetchBytesMax: 1 << 20,
  };
  const questions = [
    () => admin.edges('orders'),
    () => admin.topicId('orders'),
    () => admin.committed('hung-up', 'orders'),
    () => driver.consumer(settings, consumer),
  ];
  for (const question of questions) {
    const failure = await failureOf(question());
    expect(failure).toMatchObject({ code: 'KAFKA_UNREACHABLE', retryable: true });
  }
  await admin.close();
  brokers.close();
}, 60_000);

describe('on a single broker that asks for a password', () => {
  let kafka: TemporaryKafka;
  let guarded: string;

  beforeAll(async () => {
    kafka = await temporaryKafka({
      brokers: 1,
      settings: {
        'listener.security.protocol.map':
          'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT',
        'sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.sasl.plain.sasl.jaas.config':
          'org.apache.kafka.common.security.plain.PlainLoginModule required user_shop="right";',
      },
    });
    guarded = await addListener(kafka);
  }, 60_000);

  afterAll(async () => {
    await kafka.stop();
  }, 30_000);

  test('the topics of the shop are made with what one broker can give', async () => {
    const settings = { brokers: [kafka.kafkaBrokers], clientId: 'admin' };
    const admin = await connectAdmin(settings);
    const cluster = new Cluster(settings);
    const states = await admin.ensureTopics();
    expect(states.map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ['users', 3],
      ['users.dlq', 1],
      ['products', 3],
      ['products.dlq', 1],
      ['orders', 3],
      ['orders.dlq', 1],
    ]);
    expect(states.every(({ made }) => made)).toBe(true);
    expect(TOPIC_PLANS).toHaveLength(6);
    const ofOrders = await configOf(cluster, 'orders');
    expect(ofOrders).toMatchObject({
      'min.insync.replicas': '1',
      'retention.ms': `${30 * DAY_MS}`,
    });
    await admin.close();
    await cluster.close();
  }, 30_000);

  test('a wrong password is said in one line, by the drivers too', async () => {
    const withPassword = (password: string): ConnectionSettings => ({
      brokers: [guarded],
      clientId: 'admin',
      sasl: { mechanism: 'PLAIN', username: 'shop', password },
    });
    await (await connectAdmin(withPassword('right'))).close();
    const attempts = [connectAdmin(withPassword('wrong'))] as Promise<unknown>[];
    for (const name of DRIVER_NAMES) {
      const driver = await streamDriver(name);
      const options = { topic: 'orders', group: 'g', sessionMsMax: 10_000, fetchBytesMax: 1 << 20 };
      attempts.push(driver.consumer(withPassword('wrong'), options));
    }
    for (const error of await Promise.all(attempts.map(failureOf))) {
      expect(error?.code).toBe('KAFKA_DENIED');
      expect(error?.message).toMatch(/^[^\n]*KAFKA_SASL_[^\n]*$/);
      expect(error?.message).not.toContain('wrong');
    }
  }, 30_000);
});

/** Another door to the broker, on a port of its own, with a lock. */
async function addListener({ brokers, kafkaBrokers }: TemporaryKafka): Promise<string> {
  const [broker] = brokers;
  const properties = readFileSync(join(dirname(broker?.log ?? ''), 'server.properties'), 'utf8');
  const [, listeners] = /^listeners=(.*)$/m.exec(properties) ?? [];
  const address = `127.0.0.1:${freePorts(1)[0]}`;
  const cluster = new Cluster({ brokers: [kafkaBrokers], clientId: 'admin' });
  const change = {
    name: 'listeners',
    configOperation: 0 as const,
    value: `${listeners},SASL://${address}`,
  };
  await incrementalAlterConfigsV1.api.async(
    await cluster.any(),
    [{ resourceType: RESOURCE.broker, resourceName: `${broker?.id}`, configs: [change] }],
    false,
  );
  await cluster.close();
  return address;
}
