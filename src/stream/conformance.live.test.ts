import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';

import { PipelineError } from '../base/errors.ts';
import { until as eventually } from '../base/testing.ts';
import type { StreamRecord } from '../model/event.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { testKafka } from '../stack/testing-kafka.ts';
import { connectAdmin, type StreamAdmin } from './admin.ts';
import { DRIVER_NAMES, streamDriver } from './drivers.ts';
import { Cluster } from './drivers/cluster.ts';
import type {
  ConnectionSettings,
  Consumer,
  ConsumerOptions,
  OutgoingRecord,
  Producer,
  ProducerOptions,
  SendOutcome,
  StreamDriver,
} from './port.ts';

/** What a driver cannot do is written here, and held to as well. */
const LOSES_HEADERS = new Set(['librdkafka']);
/** A static member should stay in its group while it is away; librdkafka's only does when it is killed. */
const LEAVES_ALWAYS = new Set(['librdkafka']);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | null): string | null =>
  data === null ? null : new TextDecoder().decode(data);

let settings: ConnectionSettings;
let admin: StreamAdmin;
let names = 0;
const closing: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  const { brokers } = await testKafka();
  settings = { brokers: brokers.split(','), clientId: 'conformance' };
  admin = await connectAdmin(settings);
}, 60_000);

afterEach(async () => {
  // Closing again is safe, so tests that have closed need not say so.
  await Promise.all(closing.splice(0).map((client) => client.close()));
}, 20_000);

afterAll(async () => {
  await admin.close();
});

async function newTopic(partitions = 3): Promise<string> {
  const name = `conformance-${process.pid}-${++names}`;
  await admin.ensureTopics([{ name, partitions, retentionDays: 1 }]);
  return name;
}

async function producerOf(
  driver: StreamDriver,
  options: Partial<ProducerOptions> = {},
  at = settings,
): Promise<Producer> {
  const producer = await driver.producer(at, {
    lingerMs: 2,
    compression: 'none',
    inFlightMax: 10_000,
    deliveryMsMax: 30_000,
    ...options,
  });
  closing.push(producer);
  return producer;
}

async function consumerOf(
  driver: StreamDriver,
  options: Pick<ConsumerOptions, 'topic' | 'group'> & Partial<ConsumerOptions>,
  at = settings,
): Promise<Consumer> {
  const consumer = await driver.consumer(at, {
    sessionMsMax: 10_000,
    fetchBytesMax: 4 * 1_048_576,
    ...options,
  });
  closing.push(consumer);
  return consumer;
}

function outgoing(topic: string, key: string | null, value: string | null): OutgoingRecord {
  return {
    topic,
    key: key === null ? null : bytes(key),
    value: value === null ? null : bytes(value),
    headers: [],
  };
}

function numbered(topic: string, from: number, to: number): OutgoingRecord[] {
  return Array.from({ length: to - from }, (_, i) =>
    outgoing(topic, `key-${(from + i) % 30}`, `${from + i}`),
  );
}

/** Receives until there are as many, or none come for five seconds. */
async function take(consumer: Consumer, count: number): Promise<StreamRecord[]> {
  const records: StreamRecord[] = [];
  const untilMs = performance.now() + 20_000;
  while (records.length < count && performance.now() < untilMs) {
    records.push(...(await consumer.receive(count - records.length, 500)));
  }
  return records;
}

const positionsAfter = (records: StreamRecord[]): { partition: number; next: number }[] =>
  [...new Map(records.map(({ partition, offset }) => [partition, offset + 1]))].map(
    ([partition, next]) => ({ partition, next }),
  );

/** What PostgreSQL is to the consumers: stores each offset once, and notices a hole. */
class Fence {
  readonly values: string[] = [];
  readonly holes: string[] = [];
  repeated = 0;
  #next = new Map<number, number>();

  store(records: readonly StreamRecord[]): void {
    for (const { partition, offset, value } of records) {
      const next = this.#next.get(partition) ?? 0;
      if (offset < next) {
        this.repeated++;
        continue;
      }
      if (offset > next) this.holes.push(`partition ${partition}: ${offset} after ${next - 1}`);
      this.#next.set(partition, offset + 1);
      this.values.push(text(value) ?? '');
    }
  }
}

const add = (sum: SendOutcome, more: SendOutcome): SendOutcome => ({
  acked: sum.acked + more.acked,
  failed: sum.failed + more.failed,
  unknown: sum.unknown + more.unknown,
});

describe.each(DRIVER_NAMES)('%s', (name) => {
  let driver: StreamDriver;
  beforeAll(async () => {
    driver = await streamDriver(name);
  });

  test('keys go where Java sends them, and keep their order', async () => {
    const topic = await newTopic();
    const producer = await producerOf(driver);
    // org.apache.kafka.common.utils.Utils.toPositive(murmur2(key)) % 3 of Kafka 4.1.1.
    const java = { a: 1, ab: 2, abc: 0, abcd: 2, 'USER-000001': 1, '고객-1': 1 };
    await producer.send(Object.keys(java).map((key) => outgoing(topic, key, 'java')));
    const sends = Array.from({ length: 30 }, (_, i) =>
      producer.send(numbered(topic, i * 100, i * 100 + 100)),
    );
    const outcome = (await Promise.all(sends)).reduce(add);
    expect(outcome).toEqual({ acked: 3_000, failed: 0, unknown: 0 });

    const consumer = await consumerOf(driver, { topic, group: `${topic}-order` });
    const records = await take(consumer, 3_006);
    const placed = records.filter(({ value }) => text(value) === 'java');
    expect(Object.fromEntries(placed.map(({ key, partition }) => [text(key), partition]))).toEqual(
      java,
    );
    const byKey = Map.groupBy(
      records.filter(({ value }) => text(value) !== 'java'),
      ({ key }) => text(key),
    );
    expect(byKey.size).toBe(30);
    for (const [key, ofKey] of byKey) {
      expect(new Set(ofKey.map(({ partition }) => partition)).size).toBe(1);
      const values = ofKey.map(({ value }) => Number(text(value)));
      const first = Number(key?.slice(4));
      expect(values).toEqual(Array.from({ length: 100 }, (_, i) => first + i * 30));
    }
  }, 30_000);

  test('big, empty and null payloads and keys come back byte for byte', async () => {
    const topic = await newTopic(1);
    const producer = await producerOf(driver);
    const big = new Uint8Array(900 * 1_024).map((_, i) => (i * 31) & 0xff);
    const sent: Pick<OutgoingRecord, 'key' | 'value'>[] = [
      { key: bytes('big'), value: big },
      { key: bytes('empty'), value: new Uint8Array() },
      { key: bytes('null'), value: null },
      { key: null, value: bytes('no key') },
      { key: new Uint8Array(), value: bytes('empty key') },
      { key: Uint8Array.of(0, 255, 128), value: Uint8Array.of(255, 0, 10) },
    ];
    const outcome = await producer.send(sent.map((part) => ({ topic, headers: [], ...part })));
    expect(outcome).toEqual({ acked: sent.length, failed: 0, unknown: 0 });
    const consumer = await consumerOf(driver, { topic, group: `${topic}-bytes` });
    const records = await take(consumer, sent.length);
    const plain = (data: Uint8Array | null): string | null =>
      data && Buffer.from(data).toString('hex');
    expect(records.map(({ key, value }) => [plain(key), plain(value)])).toEqual(
      sent.map(({ key, value }) => [plain(key), plain(value)]),
    );
    expect(records.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5]);
  }, 30_000);

  test('what a topic does not take has failed, and its neighbours are in', async () => {
    const topic = await newTopic(1);
    const producer = await producerOf(driver);
    const tooBig = { topic, key: null, value: new Uint8Array(3 * 1_048_576), headers: [] };
    const outcome = await producer.send([
      outgoing(topic, null, 'before'),
      tooBig,
      outgoing(topic, null, 'after'),
    ]);
    expect(outcome).toMatchObject({ acked: 2, failed: 1, unknown: 0 });
    expect(outcome.error?.message).toContain('large');
    const consumer = await consumerOf(driver, { topic, group: `${topic}-neighbours` });
    expect((await take(consumer, 2)).map(({ value }) => text(value))).toEqual(['before', 'after']);
  }, 30_000);

  test('headers come back', async () => {
    const topic = await newTopic(1);
    const writer = await producerOf(await streamDriver('platformatic'));
    await writer.send([
      {
        topic,
        key: null,
        value: null,
        headers: [
          ['twice', bytes('first')],
          ['이름', Uint8Array.of(0, 255, 128)],
          ['twice', bytes('second')],
          ['empty', new Uint8Array()],
          ['null', null],
        ],
      },
    ]);
    const own = await producerOf(driver);
    await own.send([
      { topic, key: null, value: null, headers: [['millrace-trace', bytes('1:42:7')]] },
    ]);
    const consumer = await consumerOf(driver, { topic, group: `${topic}-headers` });
    const [first, second] = await take(consumer, 2);
    const found = first.headers.map(([key, value]) => [key, value && [...value]]);
    const all = [
      ['twice', [...bytes('first')]],
      ['이름', [0, 255, 128]],
      ['twice', [...bytes('second')]],
      ['empty', []],
      ['null', null],
    ];
    const asMap = [all[2], all[1], all[3]];
    if (LOSES_HEADERS.has(name)) {
      expect(found).toHaveLength(asMap.length);
      expect(found).toEqual(expect.arrayContaining(asMap));
    } else expect(found).toEqual(all);
    expect(second.headers.map(([key, value]) => [key, text(value)])).toEqual([
      ['millrace-trace', '1:42:7'],
    ]);
  }, 30_000);

  test('compressed batches are read by either driver', async () => {
    const topic = await newTopic(1);
    const producer = await producerOf(driver, { compression: 'lz4' });
    await producer.send(numbered(topic, 0, 500));
    for (const reader of DRIVER_NAMES) {
      const consumer = await consumerOf(await streamDriver(reader), {
        topic,
        group: `${topic}-${reader}`,
      });
      const records = await take(consumer, 500);
      expect(records.map(({ value }) => Number(text(value)))).toEqual(
        Array.from({ length: 500 }, (_, i) => i),
      );
    }
  }, 30_000);

  test('a receive from an idle topic is empty, and in time', async () => {
    const topic = await newTopic();
    const consumer = await consumerOf(driver, { topic, group: `${topic}-idle` });
    const startedMs = performance.now();
    expect(await consumer.receive(100, 400)).toEqual([]);
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(350);
    expect(tookMs).toBeLessThan(1_500);
  }, 20_000);

  test('a new member reads on where the last one committed', async () => {
    const topic = await newTopic();
    const group = `${topic}-resume`;
    const producer = await producerOf(driver);
    await producer.send(numbered(topic, 0, 600));
    const first = await consumerOf(driver, { topic, group });
    const records = await take(first, 600);
    const kept = records.slice(0, 400);
    await first.commit(positionsAfter(kept));
    expect(await admin.committed(group, topic)).toEqual(
      new Map(positionsAfter(kept).map(({ partition, next }) => [partition, next])),
    );
    await first.close();

    const second = await consumerOf(driver, { topic, group });
    const rest = await take(second, 200);
    const at = ({ partition, offset }: StreamRecord): string => `${partition}:${offset}`;
    expect(rest.map(at).toSorted()).toEqual(records.slice(400).map(at).toSorted());
    expect(await second.receive(1, 300)).toEqual([]);
  }, 30_000);

  test('a seek goes back and forward', async () => {
    const topic = await newTopic(1);
    const producer = await producerOf(driver);
    await producer.send(numbered(topic, 0, 5_000));
    const consumer = await consumerOf(driver, { topic, group: `${topic}-seek` });
    expect((await take(consumer, 1_000)).at(-1)?.offset).toBe(999);
    await consumer.seek(0, 10);
    const back = await take(consumer, 100);
    expect(back.map(({ offset }) => offset)).toEqual(Array.from({ length: 100 }, (_, i) => 10 + i));
    await consumer.seek(0, 4_990);
    const forward = await take(consumer, 10);
    expect(forward.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 10 }, (_, i) => 4_990 + i),
    );
    expect(await consumer.receive(10, 200)).toEqual([]);
    await consumer.seek(0, 0);
    expect((await take(consumer, 1))[0]?.offset).toBe(0);
  }, 30_000);

  test('a seek made as soon as a partition comes is obeyed', async () => {
    const topic = await newTopic();
    const producer = await producerOf(driver);
    await producer.send(numbered(topic, 0, 3_000));
    const come: number[] = [];
    const consumer = await consumerOf(driver, {
      topic,
      group: `${topic}-place`,
      onAssignment: (kind, partitions) => kind === 'assigned' && come.push(...partitions),
    });
    for (let i = 0; i < 200 && come.length < 3; i++) await consumer.receive(1, 50);
    for (const partition of come) await consumer.seek(partition, 500);
    const records = await take(consumer, 30);
    expect(records).toHaveLength(30);
    const byPartition = Map.groupBy(records, ({ partition }) => partition);
    for (const [, [first]] of byPartition) expect(first?.offset).toBe(500);
  }, 30_000);

  test('a member joins and leaves, and nothing is lost or skipped', async () => {
    const topic = await newTopic();
    const group = `${topic}-rebalance`;
    const fence = new Fence();
    const producer = await producerOf(driver);
    let sent = 0;
    const sending = new AbortController();
    const limit = AbortSignal.timeout(40_000); // of every loop here, should another one fail
    const sends = (async () => {
      for (; !sending.signal.aborted && !limit.aborted; sent += 50) {
        expect((await producer.send(numbered(topic, sent, sent + 50))).acked).toBe(50);
        await Bun.sleep(5);
      }
    })();
    const seen: Record<'one' | 'two', Set<number>> = { one: new Set(), two: new Set() };
    const changes: string[] = [];
    const reader = async (who: 'one' | 'two', stop: () => boolean): Promise<void> => {
      const held = new Set<number>();
      const consumer = await consumerOf(driver, {
        topic,
        group,
        onAssignment: (kind, partitions) => {
          changes.push(`${who} ${kind}`);
          for (const partition of partitions) {
            if (kind === 'assigned') held.add(partition);
            else held.delete(partition);
          }
        },
      });
      while (!stop() && !limit.aborted) {
        const records = await consumer.receive(200, 100);
        for (const { partition } of records) {
          expect(held).toContain(partition); // it was told before
          seen[who].add(partition);
        }
        fence.store(records);
        // A commit may meet a rebalance; it is a hint, and the fence has the truth.
        await consumer.commit(positionsAfter(records)).catch(() => undefined);
      }
      await consumer.close();
      expect(held.size).toBe(0);
    };
    let complete = false;
    const one = reader('one', () => complete && fence.values.length === sent);
    await Bun.sleep(1_000);
    let twoStops = false;
    const two = reader('two', () => twoStops);
    for (let i = 0; i < 100 && seen.two.size === 0; i++) await Bun.sleep(100);
    expect(seen.two.size).toBeGreaterThan(0);
    await Bun.sleep(500);
    twoStops = true;
    await two;
    seen.one.clear();
    for (let i = 0; i < 100 && seen.one.size < 3; i++) await Bun.sleep(100);
    expect(seen.one.size).toBe(3); // all partitions are the first one's again
    sending.abort();
    await sends;
    complete = true;
    await one;
    expect(fence.holes).toEqual([]);
    expect(new Set(fence.values).size).toBe(sent);
    expect(fence.values).toHaveLength(sent);
    expect(changes.filter((change) => change === 'one assigned').length).toBeGreaterThan(1);
  }, 60_000);

  test('a member that the group has no partition for is told so, and gets one that comes free', async () => {
    const topic = await newTopic(1);
    const group = `${topic}-spare`;
    const told = [new Array<string>(), new Array<string>()];
    const members: Consumer[] = [];
    for (const heard of told) {
      const onAssignment: ConsumerOptions['onAssignment'] = (kind, partitions) =>
        heard.push(`${kind} ${partitions.join()}`);
      members.push(await consumerOf(driver, { topic, group, onAssignment }));
    }
    const poll = async (reached: () => boolean): Promise<void> => {
      for (let i = 0; i < 200 && !reached(); i++) {
        await Promise.all(members.map((consumer) => consumer.receive(10, 50)));
      }
    };
    const last = (): string[] => told.map((heard) => heard.at(-1) ?? '').toSorted();
    await poll(() => last().join(';') === 'assigned ;assigned 0');
    expect(last()).toEqual(['assigned ', 'assigned 0']);
    const holder = told.findIndex((heard) => heard.at(-1) === 'assigned 0');
    const [gone] = members.splice(holder, 1);
    await gone.close();
    const [left] = told.toSpliced(holder, 1);
    await poll(() => left.at(-1) === 'assigned 0');
    expect(left.at(-1)).toBe('assigned 0');
  }, 60_000);

  test('close ends a pending receive, leaves the group, and may be called again', async () => {
    const topic = await newTopic();
    const group = `${topic}-close`;
    const producer = await producerOf(driver);
    await producer.send(numbered(topic, 0, 3_000));
    const first = await consumerOf(driver, { topic, group, sessionMsMax: 30_000 });
    expect((await take(first, 100)).length).toBe(100); // more of the batch is fetched and waits
    await first.receive(3_000, 1_000);
    const pending = first.receive(100, 15_000);
    await Bun.sleep(50);
    const startedMs = performance.now();
    await Promise.all([first.close(), first.close()]);
    await pending;
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    await first.close();
    expect(await first.receive(10, 100)).toEqual([]);

    // The session has half a minute to go: the next member has to wait for it unless we have left.
    const second = await consumerOf(driver, { topic, group, sessionMsMax: 30_000 });
    const joinedMs = performance.now();
    expect(await take(second, 3_000)).toHaveLength(3_000);
    expect(performance.now() - joinedMs).toBeLessThan(8_000);
  }, 60_000);

  test('a member that never received leaves in order too', async () => {
    const topic = await newTopic();
    const group = `${topic}-silent`;
    const producer = await producerOf(driver);
    await producer.send(numbered(topic, 0, 30));
    const silent = await consumerOf(driver, { topic, group, sessionMsMax: 30_000 });
    await Bun.sleep(300);
    await silent.close();
    const second = await consumerOf(driver, { topic, group, sessionMsMax: 30_000 });
    const joinedMs = performance.now();
    expect(await take(second, 30)).toHaveLength(30);
    expect(performance.now() - joinedMs).toBeLessThan(8_000);
  }, 60_000);

  test('a static member that comes back causes no rebalance', async () => {
    const topic = await newTopic();
    const held = { other: new Set<number>(), one: new Set<number>() };
    let changes = 0;
    const member = (who: 'other' | 'one'): Promise<Consumer> =>
      consumerOf(driver, {
        topic,
        group: `${topic}-static`,
        sessionMsMax: 20_000,
        instanceId: who,
        onAssignment: (kind, partitions) => {
          if (who === 'other') changes++;
          for (const partition of partitions) {
            if (kind === 'assigned') held[who].add(partition);
            else held[who].delete(partition);
          }
        },
      });
    const members = [await member('other'), await member('one')];
    const poll = (): Promise<unknown> =>
      Promise.all(members.map((consumer) => consumer.receive(10, 50)));
    const share = (): boolean => held.one.size > 0 && held.one.size + held.other.size === 3;
    for (let i = 0; i < 200 && !share(); i++) await poll();
    expect(share()).toBe(true);
    changes = 0;
    await members.pop()?.close();
    expect(held.one.size).toBe(0);
    members.push(await member('one'));
    for (let i = 0; i < 200 && !share(); i++) await poll();
    expect(share()).toBe(true);
    if (!LEAVES_ALWAYS.has(name)) expect(changes).toBe(0);
  }, 40_000);

  test('nobody at the address, or no such topic, is said within ten seconds', async () => {
    const nowhere = { brokers: ['127.0.0.1:1'], clientId: 'conformance' };
    const attempts = [
      () => driver.consumer(nowhere, consumerOptions('any')),
      () => driver.producer(nowhere, producerOptions),
      () => driver.consumer(settings, consumerOptions('conformance-none')),
    ];
    const found = await Promise.all(
      attempts.map(async (attempt) => {
        const startedMs = performance.now();
        const error: unknown = await attempt().catch((cause: unknown) => cause);
        expect(performance.now() - startedMs).toBeLessThan(10_000);
        return error instanceof PipelineError ? error : undefined;
      }),
    );
    expect(found.map((error) => error?.code)).toEqual([
      'KAFKA_UNREACHABLE',
      'KAFKA_UNREACHABLE',
      'KAFKA_FAILED',
    ]);
    expect(found[0]?.message).toContain('127.0.0.1:1');
    expect(found[2]?.message).toContain('conformance-none');
    expect(found[2]?.message).toContain('millrace topics');

    const producer = await producerOf(driver);
    const startedMs = performance.now();
    const outcome = await producer.send([outgoing('conformance-none', null, 'x')]);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(outcome).toMatchObject({ acked: 0, failed: 1, unknown: 0 });
    expect(outcome.error?.message).toContain('millrace topics');
  }, 40_000);

  test('a thread that ends in order takes nothing with it', async () => {
    const topic = await newTopic();
    const producer = await producerOf(driver);
    await producer.send(numbered(topic, 0, 3_000));
    const ended = await inChild(THREAD_SCRIPT, { driver: name, topic, settings });
    expect(ended).toEqual({ exitCode: 0, lines: ['received', 'ended 0', 'received', 'ended 0'] });
  }, 60_000);
});

const producerOptions: ProducerOptions = {
  lingerMs: 2,
  compression: 'none',
  inFlightMax: 1_000,
  deliveryMsMax: 30_000,
};

const consumerOptions = (topic: string): ConsumerOptions => ({
  topic,
  group: 'conformance',
  sessionMsMax: 10_000,
  fetchBytesMax: 1_048_576,
});

const GROUP = 'conformance-killed';

describe('with brokers that die', () => {
  let kafka: TemporaryKafka;
  let brokers: ConnectionSettings;
  let own: StreamAdmin;

  beforeAll(async () => {
    kafka = await temporaryKafka();
    brokers = { brokers: kafka.kafkaBrokers.split(','), clientId: 'conformance' };
    own = await connectAdmin(brokers);
  }, 60_000);

  afterAll(async () => {
    await own.close();
    await kafka.stop();
  }, 30_000);

  test('a killed coordinator that comes back costs no driver a record, and doubles none', async () => {
    const coordinators = new Cluster(brokers);
    const streams = await Promise.all(DRIVER_NAMES.map((name) => startStream(name)));
    await until(() => streams.every(({ fence }) => fence.values.length > 300));
    const address = await coordinators.coordinator(GROUP);
    await coordinators.close();
    const victim = kafka.brokers.find((broker) => broker.address === address);
    expect(victim).toBeDefined();
    await victim?.kill();
    await Bun.sleep(1_500);
    await allGetOn(streams); // two brokers are enough
    await victim?.restart();
    await allGetOn(streams);
    for (const stream of streams) {
      const { holes, values, acked, unsure } = await stream.stop();
      const stored = new Set(values);
      expect(holes).toEqual([]);
      expect([...acked.difference(stored)]).toEqual([]);
      expect(values).toHaveLength(stored.size);
      expect([...stored.difference(acked).difference(unsure)]).toEqual([]);
      expect(acked.size).toBeGreaterThan(1_000);
    }
  }, 120_000);

  type Stream = {
    fence: Fence;
    stop(): Promise<{
      holes: string[];
      values: string[];
      acked: Set<string>;
      unsure: Set<string>;
    }>;
  };

  async function allGetOn(streams: Stream[]): Promise<void> {
    const goals = streams.map(({ fence }) => fence.values.length + 300);
    await until(() => streams.every(({ fence }, i) => fence.values.length > goals[i]));
  }

  /** Sends and receives without a pause, and keeps the books. */
  async function startStream(name: string): Promise<Stream> {
    const driver = await streamDriver(name);
    const topic = `killed-${name}`;
    await own.ensureTopics([{ name: topic, partitions: 3, retentionDays: 1 }]);
    const producer = await producerOf(driver, {}, brokers);
    // One group for both, a topic each: so they have the same coordinator to miss.
    const consumer = await consumerOf(driver, { topic, group: GROUP }, brokers);
    const sending = new AbortController();
    const reading = new AbortController();
    const limit = AbortSignal.timeout(90_000); // of both loops, should the test fail between
    const acked = new Set<string>();
    const unsure = new Set<string>();
    const sends = (async () => {
      for (let n = 0; !sending.signal.aborted && !limit.aborted; n++) {
        // One key a send, so that a send has one fate.
        const records = Array.from({ length: 20 }, (_, i) =>
          outgoing(topic, `key-${n % 30}`, `${n}-${i}`),
        );
        const outcome = await producer.send(records);
        const into = outcome.acked === records.length ? acked : unsure;
        for (const { value } of records) into.add(text(value) ?? '');
        await Bun.sleep(5);
      }
    })();
    const fence = new Fence();
    const reads = (async () => {
      while (!reading.signal.aborted && !limit.aborted) {
        const records = await consumer.receive(500, 100);
        fence.store(records);
        await consumer.commit(positionsAfter(records)).catch(() => undefined);
      }
    })();
    return {
      fence,
      async stop() {
        sending.abort();
        await sends;
        await until(() => acked.isSubsetOf(new Set(fence.values)));
        reading.abort();
        await reads;
        await Promise.all([producer.close(), consumer.close()]);
        return { holes: fence.holes, values: fence.values, acked, unsure };
      },
    };
  }

  // The last test here: nobody is left afterwards.
  test('with all brokers dead, each driver closes and its process ends well', async () => {
    const topic = 'all-dead';
    await own.ensureTopics([{ name: topic, partitions: 3, retentionDays: 1 }]);
    const children = DRIVER_NAMES.map((driver) =>
      startChild(CLOSE_SCRIPT, { driver, topic, settings: brokers }),
    );
    for (const child of children) await child.line('ready');
    await Promise.all(kafka.brokers.map((broker) => broker.kill()));
    for (const child of children) child.tell('close');
    const ended = await Promise.all(children.map((child) => child.ended));
    expect(ended).toEqual(DRIVER_NAMES.map(() => ({ exitCode: 0, lines: ['ready', 'closed'] })));
  }, 60_000);
});

const until = (holds: () => boolean): Promise<void> => eventually(holds, 40_000);

const DRIVERS_FILE = join(import.meta.dir, 'drivers.ts');

/** A thread receives and ends, twice, once with more waiting for it than it takes. */
const THREAD_SCRIPT = `
import { streamDriver } from ${JSON.stringify(DRIVERS_FILE)};
const { driver, topic, settings } = JSON.parse(process.argv[2] ?? process.env.CHILD_INPUT);
if (Bun.isMainThread) {
  for (let turn = 0; turn < 2; turn++) {
    const worker = new Worker(import.meta.path, { env: { ...process.env, CHILD_INPUT: process.argv[2], TURN: String(turn) } });
    worker.onmessage = ({ data }) => console.log(data);
    const code = await new Promise((resolve) => worker.addEventListener('close', ({ code }) => resolve(code)));
    console.log('ended ' + code);
  }
  process.exit(0);
} else {
  const used = await streamDriver(driver);
  const producer = await used.producer(settings, {
    lingerMs: 2, compression: 'none', inFlightMax: 100, deliveryMsMax: 30_000,
  });
  await producer.send([{ topic, key: null, value: new Uint8Array(1), headers: [] }]);
  const consumer = await used.consumer(settings, {
    topic, group: topic + '-thread-' + process.env.TURN, sessionMsMax: 10_000, fetchBytesMax: 1_048_576,
  });
  for (let n = 0; n < 100; n += (await consumer.receive(100, 500)).length);
  const pending = consumer.receive(10, 60_000);
  postMessage('received');
  await consumer.close();
  await pending;
  await producer.close();
  process.exit(0);
}
`;

const CLOSE_SCRIPT = `
import { streamDriver } from ${JSON.stringify(DRIVERS_FILE)};
const { driver: name, topic, settings } = JSON.parse(process.argv[2]);
const driver = await streamDriver(name);
const producer = await driver.producer(settings, { lingerMs: 2, compression: 'none', inFlightMax: 100, deliveryMsMax: 4_000 });
const consumer = await driver.consumer(settings, { topic, group: topic + name, sessionMsMax: 10_000, fetchBytesMax: 1_048_576 });
const record = { topic, key: null, value: new Uint8Array(10), headers: [] };
await producer.send([record]);
while ((await consumer.receive(1, 500)).length === 0);
console.log('ready');
const told = Promise.withResolvers();
process.stdin.once('data', told.resolve);
await told.promise;
const pending = consumer.receive(10, 60_000);
const sending = producer.send([record]);
await Bun.sleep(500);
await consumer.close();
await producer.close();
await Promise.all([pending, sending]);
console.log('closed');
process.exit(0);
`;

type Ended = { exitCode: number | null; lines: string[] };
type Child = { ended: Promise<Ended>; line(text: string): Promise<void>; tell(text: string): void };

function startChild(script: string, input: unknown): Child {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  const file = join(folder, 'child.ts');
  writeFileSync(file, script);
  const child = Bun.spawn([process.execPath, file, JSON.stringify(input)], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    timeout: 40_000,
  });
  const lines: string[] = [];
  const read = (async () => {
    let rest = '';
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts.filter((line) => !line.startsWith('{'))); // librdkafka's own remarks
    }
  })();
  const ended = (async () => {
    const exitCode = await child.exited;
    await read;
    rmSync(folder, { recursive: true });
    return { exitCode: child.signalCode ? null : exitCode, lines };
  })();
  return {
    ended,
    line: (wanted) => until(() => lines.includes(wanted)),
    tell: (line) => {
      void child.stdin.write(`${line}\n`);
      void child.stdin.flush();
    },
  };
}

async function inChild(script: string, input: unknown): Promise<Ended> {
  return await startChild(script, input).ended;
}
