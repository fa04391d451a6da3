/**
 * Kafka Connect with Debezium's JDBC sink on the backlog of the drain, to compare with: the same
 * topic, the same PostgreSQL, a table with the same columns and no index but the key.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { monotonicMs } from '../../src/base/clock.ts';
import { childEnvironment, STATE_DIR } from '../../src/base/config.ts';
import { findJava } from '../../src/stack/java.ts';
import { mavenPackages } from '../../src/stack/maven.ts';
import { freePort } from '../../src/stack/ports.ts';
import { boundTo, lastLines } from '../../src/stack/processes.ts';
import { withClient, type Client } from '../../src/store/client.ts';
import { ORDER_COLUMNS } from '../../src/store/order-copy.ts';
import {
  CONNECT_TABLE,
  propertiesFile,
  sinkSettings,
  type Settings,
  workerSettings,
} from './settings.ts';

const POLL_MS = 50;
const STILL_MS_MAX = 180_000; // without a new row, start of the JVM included
const STOP_MS_MAX = 20_000;
const COMPLAINT_LENGTH_MAX = 4_000;

export type Sunk = {
  wholeSeconds: number;
  flowSeconds: number;
  memoryMiB: number;
};

/** The jars, fetched once. */
export async function connectJars(): Promise<string> {
  return mavenPackages('connect', join(import.meta.dir, '..'));
}

/**
 * Stores so many orders of the topic, measured from the first row seen to the last row stored, as the
 * drain is.
 */
export async function connectDrain(
  jars: string,
  backlog: { databaseUrl: string; brokers: string; rows: number },
): Promise<Sunk> {
  const folder = mkdtempSync(join(STATE_DIR, 'bench-connect-'));
  try {
    return await withClient(backlog.databaseUrl, async (client) => {
      await newTable(client);
      return drain(client, folder, jars, backlog);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function newTable(client: Client): Promise<void> {
  await client.query(
    `create table ${CONNECT_TABLE} as select ${ORDER_COLUMNS.join(', ')} from orders with no data`,
  );
  await client.query(`alter table ${CONNECT_TABLE} add primary key (order_id)`);
}

async function drain(
  client: Client,
  folder: string,
  jars: string,
  { databaseUrl, brokers, rows }: { databaseUrl: string; brokers: string; rows: number },
): Promise<Sunk> {
  const started = monotonicMs();
  const worker = workerSettings(brokers, folder, freePort());
  const { child, log } = start(folder, jars, worker, sinkSettings(databaseUrl));
  try {
    const { firstAt, lastAt } = await watch(client, rows, () => complaintOf(child, log));
    child.kill('SIGTERM');
    await Promise.race([child.exited, Bun.sleep(STOP_MS_MAX)]);
    child.kill('SIGKILL');
    await child.exited;
    return {
      wholeSeconds: (lastAt - started) / 1_000,
      flowSeconds: (lastAt - firstAt) / 1_000,
      memoryMiB: (child.resourceUsage()?.maxRSS ?? 0) / 2 ** 20,
    };
  } finally {
    child.kill('SIGKILL');
  }
}

function start(
  folder: string,
  jars: string,
  worker: Settings,
  sink: Settings,
): { child: Bun.Subprocess; log: string } {
  const files = [join(folder, 'worker.properties'), join(folder, 'sink.properties')];
  [worker, sink].forEach((settings, i) => {
    writeFileSync(files[i], propertiesFile(settings), { mode: 0o600 }); // with a password
  });
  const log = join(folder, 'log');
  const descriptor = openSync(log, 'a', 0o600);
  const argv = [
    findJava().path,
    '-Xmx2g',
    '-XX:+UseParallelGC',
    '-XX:-UsePerfData',
    `-Djava.io.tmpdir=${folder}`,
    '-Duser.timezone=Asia/Seoul', // its arrays lose the +09:00 of a time; the session's zone mends it
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-cp',
    join(jars, '*'),
    'org.apache.kafka.connect.cli.ConnectStandalone',
    ...files,
  ];
  const child = Bun.spawn(boundTo('process', 'KILL', argv), {
    cwd: folder,
    env: childEnvironment(),
    stdio: ['ignore', descriptor, descriptor],
  });
  closeSync(descriptor);
  return { child, log };
}

/** What is wrong with it, if anything; a task that has ended leaves the process running. */
function complaintOf(child: Bun.Subprocess, log: string): string | undefined {
  const said = readFileSync(log, 'utf8');
  if (child.exitCode !== null) return `Kafka Connect ended:\n${lastLines(said)}`;
  const at = said.indexOf('Task is being killed');
  return at < 0
    ? undefined
    : `Kafka Connect's sink failed:\n${said.slice(at, at + COMPLAINT_LENGTH_MAX)}`;
}

/**
 * Waits until so many rows are there. While the table grows nothing is counted, since that costs a
 * scan, which would be at Connect's expense; the moment of the last row is that of the last growth.
 */
async function watch(
  client: Client,
  rows: number,
  complaint: () => string | undefined,
): Promise<{ firstAt: number; lastAt: number }> {
  let firstAt = 0;
  let bytes = 0;
  let grownAt = monotonicMs();
  for (;;) {
    const now = monotonicMs();
    if (firstAt === 0 && (await someRow(client))) firstAt = now;
    const size = await sizeOf(client);
    if (size > bytes) {
      bytes = size;
      grownAt = now;
    } else {
      const wrong = complaint();
      if (wrong) throw new Error(wrong);
      if (firstAt > 0 && firstAt < now && (await countOf(client)) === rows)
        return { firstAt, lastAt: now };
      if (now - grownAt > STILL_MS_MAX) {
        throw new Error(
          `Kafka Connect stored ${await countOf(client)} of ${rows} orders and stopped`,
        );
      }
    }
    await Bun.sleep(POLL_MS);
  }
}

async function someRow(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ some: boolean }>(
    `select exists (select from ${CONNECT_TABLE}) as some`,
  );
  return rows[0].some;
}

async function sizeOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `select pg_relation_size('${CONNECT_TABLE}') as bytes`,
  );
  return Number(rows[0].bytes);
}

async function countOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ stored: string }>(
    `select count(*) as stored from ${CONNECT_TABLE}`,
  );
  return Number(rows[0].stored);
}

/** Holds its rows against those of orders: another sum of hashes means another value in some row. */
export async function sameAsOrders(client: Client): Promise<void> {
  const sum = (table: string): string =>
    `(select sum(hash_record_extended(row(${ORDER_COLUMNS.join(', ')}), 0)) from ${table})`;
  const { rows } = await client.query<{ same: boolean }>(
    `select ${sum(CONNECT_TABLE)} = ${sum('orders')} as same`,
  );
  if (!rows[0].same) throw new Error(`${CONNECT_TABLE} is not what orders is`);
}
