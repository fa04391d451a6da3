/**
 * Producing and receiving, each against Kafka's own performance tools, on the same three brokers with
 * the same bytes a record, acks, linger, batch and no compression, one after another in one run.
 */
import { join } from 'node:path';

import { monotonicMs } from '../src/base/clock.ts';
import { count } from '../src/base/terminal.ts';
import { kafkaPackage } from '../src/stack/kafka-package.ts';
import { madeOnce, PACKAGES_DIR } from '../src/stack/packages.ts';
import { temporaryKafka } from '../src/stack/temporary-kafka.ts';
import { connectAdmin, type StreamAdmin } from '../src/stream/admin.ts';
import { DRIVER_NAMES, streamDriver } from '../src/stream/drivers.ts';
import type { ConnectionSettings, OutgoingRecord } from '../src/stream/port.ts';
import { OrderSource } from './orders.ts';
import type { Line } from './run.ts';

export type ProduceSizes = { records: number; small: boolean };

const READY_RECORDS = 20_000; // made before the clock starts, and sent again and again
const SENDS = 16; // at a time
const LINGER_MS = 5;
const BATCH_BYTES = 900 * 1_024; // as the drivers have it
const IN_FLIGHT_MAX = 40_000;
const FETCH_BYTES_MAX = 8 << 20;
const GOAL = 0.7; // of what Kafka's own producer does with random bytes

/** How fast, and with how much of a core a record; the tools' own cost includes starting a JVM. */
type Rate = { perSecond: number; cpuMicros?: number };

export async function produceBench({ records, small }: ProduceSizes): Promise<Line[]> {
  const tools = await perfTools();
  const kafka = await temporaryKafka({ quick: small, heapMb: 512 });
  const settings = { brokers: kafka.kafkaBrokers.split(','), clientId: 'bench' };
  const admin = await connectAdmin(settings);
  try {
    const orders = new OrderSource();
    const ready = orders.take(READY_RECORDS);
    const bytes = Math.round(ready.reduce((sum, record) => sum + sizeOf(record), 0) / ready.length);
    if (!small) {
      await newTopic(admin, 'warm'); // the brokers have compiled what they need by then
      await theirProduce(tools, settings, 'warm', Math.ceil(records / 5), bytes);
    }
    await newTopic(admin, 'theirs');
    const theirs = await theirProduce(tools, settings, 'theirs', records, bytes);
    const lines: Line[] = [];
    for (const name of DRIVER_NAMES) {
      const topic = await newTopic(admin, name);
      const cycle = cycleOf(ready, topic);
      const rate = await ourProduce(name, settings, records, cycle);
      lines.push(
        against(
          `produce ${count(records)} ready-made records of ${bytes} B, ${name}`,
          rate,
          theirs,
        ),
      );
    }
    const rate = await ourProduce(undefined, settings, records, await realOrders(admin, orders));
    lines.push(
      against(
        `produce ${count(records)} real orders of ${bytes} B, made as they go`,
        rate,
        theirs,
        GOAL,
      ),
    );
    const theirReads = await theirConsume(tools, settings, 'theirs', records);
    for (const name of DRIVER_NAMES) {
      const reads = await ourConsume(name, settings, records);
      lines.push(against(`receive ${count(records)} records, ${name}`, reads, theirReads));
    }
    return lines;
  } finally {
    await admin.close();
    await kafka.stop();
  }
}

function against(bench: string, ours: Rate, theirs: Rate, goal?: number): Line {
  const cost =
    ours.cpuMicros === undefined ? '' : `, ${ours.cpuMicros.toFixed(1)} µs of a core each`;
  return {
    bench,
    stated: `${count(theirs.perSecond)}/s by Kafka's own tool`,
    ours: `${count(ours.perSecond)}/s${cost}`,
    ratio: (ours.perSecond / theirs.perSecond).toFixed(2),
    floor: goal === undefined ? '' : `goal ${goal}`,
  };
}

async function newTopic(admin: StreamAdmin, name: string): Promise<string> {
  await admin.ensureTopics([{ name, partitions: 3, retentionDays: 1 }]);
  return name;
}

const sizeOf = ({ key, value, headers }: OutgoingRecord): number =>
  headers.reduce((sum, [name, data]) => sum + name.length + (data?.length ?? 0), 0) +
  (key?.length ?? 0) +
  (value?.length ?? 0);

/** The same records over and over, in pieces of a usual size. */
function cycleOf(records: readonly OutgoingRecord[], topic: string): () => OutgoingRecord[] {
  const own = records.map((record) => ({ ...record, topic }));
  const piece = 1_000;
  let at = 0;
  return () => {
    const part = own.slice(at, at + piece);
    at = at + piece < own.length ? at + piece : 0;
    return part;
  };
}

async function realOrders(
  admin: StreamAdmin,
  orders: OrderSource,
): Promise<() => OutgoingRecord[]> {
  await newTopic(admin, 'orders');
  return () => orders.next();
}

async function ourProduce(
  name: string | undefined,
  settings: ConnectionSettings,
  records: number,
  next: () => OutgoingRecord[],
): Promise<Rate> {
  const driver = await streamDriver(name);
  const producer = await driver.producer(settings, {
    lingerMs: LINGER_MS,
    compression: 'none',
    inFlightMax: IN_FLIGHT_MAX,
    deliveryMsMax: 60_000,
  });
  const started = monotonicMs();
  const cpu = process.cpuUsage();
  let begun = 0;
  let acked = 0;
  await Promise.all(
    Array.from({ length: SENDS }, async () => {
      while (begun < records) {
        const part = next();
        begun += part.length;
        const outcome = await producer.send(part);
        if (outcome.error) throw outcome.error;
        acked += outcome.acked;
      }
    }),
  );
  const rate = rateOf(acked, started, cpu);
  await producer.close();
  return rate;
}

async function ourConsume(
  name: string,
  settings: ConnectionSettings,
  records: number,
): Promise<Rate> {
  const driver = await streamDriver(name);
  const consumer = await driver.consumer(settings, {
    topic: 'theirs',
    group: `bench-${name}`,
    sessionMsMax: 10_000,
    fetchBytesMax: FETCH_BYTES_MAX,
  });
  let received = (await consumer.receive(1, 30_000)).length; // the group is joined
  const started = monotonicMs();
  const cpu = process.cpuUsage();
  let bytes = 0;
  while (received < records) {
    const part = await consumer.receive(5_000, 1_000);
    for (const { value } of part) bytes += value?.length ?? 0;
    received += part.length;
  }
  const rate = rateOf(received, started, cpu);
  await consumer.close();
  if (bytes === 0) throw new Error('nothing was received');
  return rate;
}

function rateOf(records: number, started: number, cpu: NodeJS.CpuUsage): Rate {
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: records / ((monotonicMs() - started) / 1_000),
    cpuMicros: (user + system) / records,
  };
}

type Tools = { java: string; classpath: string };

/** Kafka's performance tools, fetched once: a jar beside those the brokers run on. */
async function perfTools(): Promise<Tools> {
  const { java, classpath } = await kafkaPackage();
  const [, version = ''] = /kafka-clients-([\d.]+)\.jar/.exec(classpath) ?? [];
  const artifacts = [
    `org.apache.kafka:kafka-tools:${version}`,
    'net.sourceforge.argparse4j:argparse4j:0.7.0',
  ];
  const made = { name: 'kafka-tools', lock: 'maven', sources: artifacts };
  const folder = await madeOnce(made, async (target) => {
    for (const artifact of artifacts) {
      await run([
        'mvn',
        '--batch-mode',
        '--quiet',
        `-Dmaven.repo.local=${join(PACKAGES_DIR, 'm2')}`,
        'org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy',
        `-Dartifact=${artifact}`,
        `-DoutputDirectory=${target}`,
      ]);
    }
  });
  return { java: java.path, classpath: `${classpath}:${join(folder, '*')}` };
}

async function theirProduce(
  tools: Tools,
  { brokers }: ConnectionSettings,
  topic: string,
  records: number,
  bytes: number,
): Promise<Rate> {
  const properties = [
    `bootstrap.servers=${brokers.join(',')}`,
    'acks=all',
    `linger.ms=${LINGER_MS}`,
    `batch.size=${BATCH_BYTES}`,
    'compression.type=none',
  ];
  const said = await run([
    ...jvm(tools),
    'org.apache.kafka.tools.ProducerPerformance',
    ...words(`--topic ${topic} --num-records ${records} --record-size ${bytes} --throughput -1`),
    '--producer-props',
    ...properties,
  ]);
  const rates = [...said.matchAll(/^(\d+) records sent, ([\d.]+) records\/sec/gm)];
  const whole = rates.find(([, sent]) => Number(sent) === records);
  if (!whole) throw new Error(`the producer tool said: ${said}`);
  return { perSecond: Number(whole[2]) };
}

async function theirConsume(
  tools: Tools,
  { brokers }: ConnectionSettings,
  topic: string,
  records: number,
): Promise<Rate> {
  const said = await run([
    ...jvm(tools),
    'org.apache.kafka.tools.ConsumerPerformance',
    ...words(`--bootstrap-server ${brokers.join(',')} --topic ${topic} --group bench-theirs`),
    ...words(`--messages ${records} --timeout 60000`),
  ]);
  const rows = said.trim().split('\n');
  const names = rows.find((row) => row.startsWith('start.time'))?.split(', ') ?? [];
  const values = rows.at(-1)?.split(', ') ?? [];
  const perSecond = Number(values[names.indexOf('fetch.nMsg.sec')]); // without joining the group
  if (!(perSecond > 0)) throw new Error(`the consumer tool said: ${said}`);
  return { perSecond };
}

const words = (text: string): string[] => text.split(' ');

const jvm = ({ java, classpath }: Tools): string[] => [java, '-Xmx512m', '-cp', classpath];

async function run(argv: string[]): Promise<string> {
  const child = Bun.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 300_000 });
  const [output, complaints, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${argv[0]} ended with ${code}: ${output}\n${complaints}`);
  return output;
}
