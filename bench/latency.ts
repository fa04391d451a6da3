/**
 * The whole suite at a steady rate: how old an order is when its row is committed, in the steady part
 * and from the very start (threads that warm up, the first 30,000 users and products), and what the
 * one process that runs all fifteen parts takes. Three Kafka brokers, Redis and PostgreSQL on the same cores.
 */
import { join } from 'node:path';

import * as v from 'valibot';

import { audit } from '../src/analyse/audit.ts';
import { childEnvironment, PROJECT_ROOT } from '../src/base/config.ts';
import { count } from '../src/base/terminal.ts';
import { parseExposition } from '../src/show/testing.ts';
import { freePort } from '../src/stack/ports.ts';
import { temporaryKafka } from '../src/stack/temporary-kafka.ts';
import { temporaryRedis } from '../src/stack/temporary-redis.ts';
import { withClient } from '../src/store/client.ts';
import { connectAdmin } from '../src/stream/admin.ts';
import { quantiles } from '../src/suite/status.ts';
import type { Line } from './run.ts';
import { freshDatabase, type Server } from './shop.ts';

export type LatencySizes = { rate: number; seconds: number; small: boolean };

const LOOK_MS = 500;

const Status = v.object({
  stored: v.object({ orders: v.number() }),
  orderAgeSeconds: v.object({ p50: v.number(), p99: v.number() }),
});

export async function latencyBench(server: Server, sizes: LatencySizes): Promise<Line[]> {
  const { rate, seconds, small } = sizes;
  const url = await freshDatabase(server, 'bench_latency');
  const port = freePort();
  const [kafka, redis] = await Promise.all([
    temporaryKafka({ quick: small, heapMb: 384 }),
    temporaryRedis(),
  ]);
  try {
    const words = ['workers', '--rate', `${rate}`, '--ramp', '5', '--seconds', `${seconds}`];
    const child = Bun.spawn(
      [process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words, '--json'],
      {
        env: childEnvironment({
          DATABASE_URL: url,
          KAFKA_BROKERS: kafka.kafkaBrokers,
          REDIS_URL: redis.redisUrl,
          MILLRACE_HTTP_PORT: `${port}`,
          MILLRACE_LOG: 'error',
        }),
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      },
    );
    const [stdout, stderr, steady] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      steadyAges(port, seconds / 3, child.exited),
    ]);
    const code = await child.exited;
    if (code !== 0) throw new Error(`the suite ended with ${code}: ${stderr.slice(-2_000)}`);
    const status = v.parse(Status, JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
    await expectClean(url, kafka.kafkaBrokers);
    if (!steady) throw new Error(`no order was stored in the last two thirds of ${seconds} s`);
    const { p50, p99 } = status.orderAgeSeconds;
    const memory = (child.resourceUsage()?.maxRSS ?? 0) / 2 ** 20;
    const goal = small ? '' : 'goal 50 ms, 300 ms, 1,024 MiB';
    return [
      {
        bench: `the suite at ${count(rate)} orders/s for ${seconds} s`,
        stated: '-',
        ours:
          `event to row p50 ${ms(steady.p50)}, p99 ${ms(steady.p99)}` +
          ` (with the start ${ms(p50)}, ${ms(p99)}); ${count(memory)} MiB`,
        ratio: `${count(status.stored.orders)} orders, 0 lost, 0 doubled`,
        floor: goal,
      },
    ];
  } finally {
    await Promise.all([kafka.stop(), redis.stop()]);
  }
}

const ms = (seconds: number): string => `${count(seconds * 1_000)} ms`;

type Ages = Parameters<typeof quantiles>[0];

/** Of the orders stored from `startSeconds` after the suite was ready until it ended. */
async function steadyAges(
  port: number,
  startSeconds: number,
  exited: Promise<number>,
): Promise<ReturnType<typeof quantiles>> {
  const ended = new AbortController();
  void exited.then(() => ended.abort());
  const ask = async (path: string): Promise<Response | null> =>
    await fetch(`http://127.0.0.1:${port}/${path}`).catch(() => null);
  while (!ended.signal.aborted && !(await ask('readyz'))?.ok) await Bun.sleep(LOOK_MS);
  await Promise.race([exited, Bun.sleep(startSeconds * 1_000)]);
  let first: Ages | null = null;
  let last: Ages = [];
  while (!ended.signal.aborted) {
    const text = await (await ask('metrics'))?.text().catch(() => undefined);
    if (text !== undefined) last = agesIn(text);
    first ??= text === undefined ? null : last;
    await Bun.sleep(LOOK_MS);
  }
  return first && quantiles(last, first);
}

function agesIn(text: string): Ages {
  const family = parseExposition(text, false).get('millrace_event_age_seconds');
  const samples = family?.samples.filter(({ labels }) => labels['topic'] === 'orders') ?? [];
  return samples.map(({ name, labels, value }) => ({ metricName: name, labels, value }));
}

async function expectClean(url: string, brokers: string): Promise<void> {
  const admin = await connectAdmin({ brokers: brokers.split(','), clientId: 'bench' });
  try {
    const verdict = await withClient(url, (client) => audit(client, admin));
    if (!verdict.clean || verdict.pending > 0) throw new Error(JSON.stringify(verdict));
  } finally {
    await admin.close();
  }
}
