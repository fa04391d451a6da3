import { afterAll, beforeAll, expect, test } from 'bun:test';

import { logger } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { connectAdmin, type StreamAdmin } from '../stream/admin.ts';
import { watchBrokers } from './brokers.ts';

const START_MS_MAX = 60_000;
const FENCE_MS_MAX = 40_000; // brokers miss one of theirs after 9 s

type Line = { level: string; msg: string; up: number; of: number };

let kafka: TemporaryKafka;
let admin: StreamAdmin;

beforeAll(async () => {
  kafka = await temporaryKafka();
  admin = await connectAdmin({ brokers: kafka.kafkaBrokers.split(','), clientId: 'brokers' });
  await admin.ensureTopics();
}, START_MS_MAX);

afterAll(async () => {
  await admin.close();
  await kafka.stop();
}, START_MS_MAX);

async function up(): Promise<Record<string, number>> {
  const { values } = await metrics.brokerUp.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels['broker'], value]));
}

test(
  'a broker that is killed, or falls mute, is told once, by line, check and metric; and so is its return',
  async () => {
    const lines: Line[] = [];
    const checks = new Map<number, string | null>();
    const stop = new AbortController();
    const log = logger('brokers', {
      level: 'info',
      people: false,
      write: (text) => lines.push(JSON.parse(text)),
    });
    const check = (broker: number, failure: string | null): void =>
      void checks.set(broker, failure);
    const watching = watchBrokers({ admin, signal: stop.signal, log, check, everyMs: 200 });
    const until = async (reached: () => boolean): Promise<void> => {
      const end = performance.now() + FENCE_MS_MAX;
      while (!reached() && performance.now() < end) await Bun.sleep(50);
      await Bun.sleep(1_000); // whatever is told twice
    };
    await until(() => true);
    expect(await up()).toEqual({ '1': 1, '2': 1, '3': 1 });

    await kafka.brokers[1].kill();
    await until(() => lines.length > 0);
    expect(await up()).toEqual({ '1': 1, '2': 0, '3': 1 });
    expect(checks).toEqual(new Map([[2, 'away']]));
    await kafka.brokers[1].restart();
    await until(() => lines.length > 1);
    expect(await up()).toEqual({ '1': 1, '2': 1, '3': 1 });

    kafka.brokers[0].pause(); // the first one asked
    await until(() => lines.length > 2);
    expect(await up()).toEqual({ '1': 0, '2': 1, '3': 1 });
    expect(checks).toEqual(
      new Map([
        [2, null],
        [1, 'away'],
      ]),
    );
    kafka.brokers[0].resume();
    await until(() => lines.length > 3);

    stop.abort();
    await watching;
    expect(lines.map(({ level, msg, up: now, of }) => `${level} ${msg} ${now}/${of}`)).toEqual([
      'warn broker 2 is away; the stream goes on with the others 2/3',
      'info broker 2 is back 3/3',
      'warn broker 1 is away; the stream goes on with the others 2/3',
      'info broker 1 is back 3/3',
    ]);
  },
  4 * FENCE_MS_MAX,
);

test(
  'a broker that was away before anybody looked is known by the replicas it keeps',
  async () => {
    await kafka.brokers[2].kill();
    const fresh = await connectAdmin({ brokers: [kafka.brokers[0].address], clientId: 'brokers' });
    const end = performance.now() + FENCE_MS_MAX;
    let states = await fresh.brokers(['orders']);
    while (states.every((broker) => broker.up) && performance.now() < end) {
      await Bun.sleep(200);
      states = await fresh.brokers(['orders']);
    }
    await fresh.close();
    expect(states.map(({ id, up: isUp }) => [id, isUp])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
  },
  FENCE_MS_MAX + 20_000,
);
