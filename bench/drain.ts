/**
 * A backlog of orders, from three Kafka brokers into PostgreSQL, each once, by the order consumers as
 * `millrace workers order-consumer` runs them, packed as the producer packs them; users' and products'
 * derived columns folded in. The floor is a plain COPY of the same rows into the same table, in the
 * same run. With `connect`, Kafka Connect's JDBC sink stores the same backlog in the same run, at least
 * once and without derived columns. With kills, the workers' process is ended by SIGKILL on the way and
 * started again. The audit has the last word.
 */
import { join } from 'node:path';

import { audit } from '../src/analyse/audit.ts';
import { monotonicMs } from '../src/base/clock.ts';
import { childEnvironment, PROJECT_ROOT } from '../src/base/config.ts';
import { count, duration } from '../src/base/terminal.ts';
import { temporaryKafka } from '../src/stack/temporary-kafka.ts';
import { connect, withClient, type Client } from '../src/store/client.ts';
import { copyProducts, copyUsers } from '../src/store/shop.ts';
import { connectAdmin, type StreamAdmin } from '../src/stream/admin.ts';
import { streamDriver } from '../src/stream/drivers.ts';
import type { ConnectionSettings } from '../src/stream/port.ts';
import { connectDrain, connectJars, sameAsOrders, type Sunk } from './connect/sink.ts';
import { OrderSource } from './orders.ts';
import type { Line } from './run.ts';
import { freshDatabase, plainCopy, type Server } from './shop.ts';

export type DrainSizes = { orders: number; kills: number; small: boolean; connect: boolean };

const POLL_MS = 50;
const DRAIN_MS_MAX = 300_000;
const SENDS = 8; // at a time
/** The same sink, measured on the same two cores at another time; used where `connect` is not given. */
const CONNECT_PER_SECOND = 61_000;

type Drained = { wholeSeconds: number; flowSeconds: number; memoryMiB: number; kills: number };

export async function drainBench(server: Server, sizes: DrainSizes): Promise<Line[]> {
  const lines: Line[] = [];
  const jars = sizes.connect ? await connectJars() : null; // fetched before anything runs
  let sunk: Sunk | null = null;
  const kafka = await temporaryKafka({ quick: sizes.small, heapMb: 512 });
  const settings = { brokers: kafka.kafkaBrokers.split(','), clientId: 'bench' };
  const admin = await connectAdmin(settings);
  try {
    await admin.ensureTopics();
    const source = new OrderSource();
    await fill(settings, source, sizes.orders);
    for (const kills of sizes.kills === 0 ? [0] : [0, sizes.kills]) {
      const url = await freshDatabase(server, `bench_drain_${kills}`);
      await withClient(url, async (client) => {
        await copyUsers(client, source.pool.users);
        await copyProducts(client, source.pool.products);
      });
      const rows = await backlog(admin);
      await settle(url);
      const drained = await drain(url, kafka.kafkaBrokers, rows, kills);
      const verdict = await withClient(url, (client) => audit(client, admin));
      if (!verdict.clean || verdict.pending > 0) throw new Error(JSON.stringify(verdict));
      const floor = kills === 0 ? await plainCopy(url) : null;
      if (jars !== null && kills === 0) {
        await settle(url);
        const { kafkaBrokers: brokers } = kafka;
        sunk = await connectDrain(jars, { databaseUrl: url, brokers, rows });
        await withClient(url, sameAsOrders);
      }
      lines.push(line(rows, drained, floor, sunk));
    }
  } finally {
    await admin.close();
    await kafka.stop();
  }
  return lines;
}

/** What is still to be written, by the brokers or by PostgreSQL, is nobody's whose turn comes next. */
async function settle(url: string): Promise<void> {
  await withClient(url, (client) => client.query('checkpoint'));
  Bun.spawnSync(['sync']);
}

function line(
  rows: number,
  { wholeSeconds, flowSeconds, memoryMiB, kills }: Drained,
  floor: { rows: number; seconds: number } | null,
  sunk: Sunk | null,
): Line {
  const rate = rows / flowSeconds;
  const connectRate = sunk === null ? CONNECT_PER_SECOND : rows / sunk.flowSeconds;
  const plain = floor && floor.rows / floor.seconds;
  const killed = kills > 0 ? `, ${kills} kills` : '';
  return {
    bench: `drain ${count(rows)} orders from Kafka, each once${killed}`,
    stated: `${count(connectRate)}/s by Connect${sunk === null ? ' (stated)' : `, ${costOf(sunk)}`}`,
    ours: `${count(rate)}/s, ${costOf({ wholeSeconds, memoryMiB })}`,
    ratio: `${(rate / connectRate).toFixed(1)}x${plain === null ? '' : `, ${(rate / plain).toFixed(2)} of a plain COPY`}`,
    floor: plain === null ? '0 lost, 0 doubled' : `${count(plain)}/s`,
    factor: rate / connectRate,
    figures: {
      rows,
      seconds: flowSeconds,
      memoryMiB,
      connect: sunk && { seconds: sunk.flowSeconds, memoryMiB: sunk.memoryMiB },
      plainSeconds: floor && floor.seconds,
    },
  };
}

function costOf({ wholeSeconds, memoryMiB }: { wholeSeconds: number; memoryMiB: number }): string {
  return `${duration(wholeSeconds)} with start, ${count(memoryMiB)} MiB`;
}

async function fill(
  settings: ConnectionSettings,
  source: OrderSource,
  orders: number,
): Promise<void> {
  const driver = await streamDriver();
  const producer = await driver.producer(settings, {
    lingerMs: 5,
    compression: 'lz4',
    inFlightMax: 40_000,
    deliveryMsMax: 60_000,
  });
  let sent = 0;
  await Promise.all(
    Array.from({ length: SENDS }, async () => {
      while (sent < orders) {
        const records = source.next();
        sent += records.length;
        const { error } = await producer.send(records);
        if (error) throw error;
      }
    }),
  );
  await producer.close();
}

async function backlog(admin: StreamAdmin): Promise<number> {
  const edges = await admin.edges('orders');
  return edges.reduce((sum, { first, end }) => sum + end - first, 0);
}

async function drain(url: string, brokers: string, rows: number, kills: number): Promise<Drained> {
  const client = await connect(url, 'bench drain');
  const started = monotonicMs();
  let workers = startWorkers(url, brokers);
  let firstAt = 0;
  let killed = 0;
  let memoryMiB = 0;
  try {
    for (;;) {
      const { stored, folded } = await progressOf(client);
      if (stored > 0 && firstAt === 0) firstAt = monotonicMs();
      if (stored === rows && folded) break;
      if (killed < kills && stored > ((killed + 1) * rows) / (kills + 1)) {
        killed++;
        workers.kill('SIGKILL');
        await workers.exited;
        workers = startWorkers(url, brokers);
      }
      if (monotonicMs() - started > DRAIN_MS_MAX) {
        throw new Error(`only ${stored} of ${rows} were stored in ${DRAIN_MS_MAX / 1_000} s`);
      }
      await Bun.sleep(POLL_MS);
    }
    const ended = monotonicMs();
    workers.kill('SIGTERM');
    const code = await workers.exited;
    if (code !== 0) throw new Error(`the workers ended with ${code}`);
    memoryMiB = (workers.resourceUsage()?.maxRSS ?? 0) / 2 ** 20;
    // Until the first rows show, threads start and the group forms.
    return {
      wholeSeconds: (ended - started) / 1_000,
      flowSeconds: (ended - firstAt) / 1_000,
      memoryMiB,
      kills,
    };
  } finally {
    workers.kill('SIGKILL');
    await client.end();
  }
}

function startWorkers(url: string, brokers: string): Bun.Subprocess<'ignore', 'ignore', 'inherit'> {
  return Bun.spawn(
    [process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), 'workers', 'order-consumer'],
    {
      env: childEnvironment({
        DATABASE_URL: url,
        KAFKA_BROKERS: brokers,
        MILLRACE_HTTP_PORT: '0',
        MILLRACE_LOG: 'error',
      }),
      stdio: ['ignore', 'ignore', process.env['BENCH_LOUD'] ? 'inherit' : 'ignore'],
    },
  ) as Bun.Subprocess<'ignore', 'ignore', 'inherit'>;
}

async function progressOf(client: Client): Promise<{ stored: number; folded: boolean }> {
  const { rows } = await client.query<{ stored: string; folded: boolean }>(
    `select coalesce(sum(next_offset), 0) as stored, not exists (select from order_effects) as folded
     from consumer_offsets where topic = 'orders'`,
  );
  return { stored: Number(rows[0].stored), folded: rows[0].folded };
}
