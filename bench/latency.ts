/**
 * The whole suite at a steady rate: how old an order is when its row is committed, and what the one
 * process that runs all fifteen parts takes. Three Kafka brokers, Redis and PostgreSQL on the same cores.
 */
import { join } from 'node:path';

import * as v from 'valibot';

import { audit } from '../src/analyse/audit.ts';
import { childEnvironment, PROJECT_ROOT } from '../src/base/config.ts';
import { count } from '../src/base/terminal.ts';
import { temporaryKafka } from '../src/stack/temporary-kafka.ts';
import { temporaryRedis } from '../src/stack/temporary-redis.ts';
import { withClient } from '../src/store/client.ts';
import { connectAdmin } from '../src/stream/admin.ts';
import type { Line } from './run.ts';
import { freshDatabase, type Server } from './shop.ts';

export type LatencySizes = { rate: number; seconds: number; small: boolean };

const Status = v.object({
  stored: v.object({ orders: v.number() }),
  orderAgeSeconds: v.object({ p50: v.number(), p99: v.number() }),
});

export async function latencyBench(server: Server, sizes: LatencySizes): Promise<Line[]> {
  const { rate, seconds, small } = sizes;
  const url = await freshDatabase(server, 'bench_latency');
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
          MILLRACE_HTTP_PORT: '0',
          MILLRACE_LOG: 'error',
        }),
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      },
    );
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    const code = await child.exited;
    if (code !== 0) throw new Error(`the suite ended with ${code}: ${stderr.slice(-2_000)}`);
    const status = v.parse(Status, JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
    await expectClean(url, kafka.kafkaBrokers);
    const { p50, p99 } = status.orderAgeSeconds;
    const memory = (child.resourceUsage()?.maxRSS ?? 0) / 2 ** 20;
    const goal = small ? '' : 'goal 50 ms, 300 ms, 1,024 MiB';
    return [
      {
        bench: `the suite at ${count(rate)} orders/s for ${seconds} s`,
        stated: '-',
        ours: `event to row p50 ${count(p50 * 1_000)} ms, p99 ${count(p99 * 1_000)} ms; ${count(memory)} MiB`,
        ratio: `${count(status.stored.orders)} orders, 0 lost, 0 doubled`,
        floor: goal,
      },
    ];
  } finally {
    await Promise.all([kafka.stop(), redis.stop()]);
  }
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
