import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { audit, type Audit } from '../analyse/audit.ts';
import { readLedger } from '../analyse/ledger.ts';
import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { temporary, type Temporary } from '../stack/temporary.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { temporaryRedis, type TemporaryRedis } from '../stack/temporary-redis.ts';
import { withClient } from '../store/client.ts';
import { connectAdmin } from '../stream/admin.ts';

const RATE = 400;
const EVENTS_MIN = 2_000; // fewer would prove nothing
const TEST_MS_MAX = 240_000;

let postgres: Temporary;
let redis: TemporaryRedis;
let kafka: TemporaryKafka;
const folder = mkdtempSync(join(tmpdir(), 'millrace-faults-'));
const ledger = join(folder, 'ledger.ndjson');
const children: Bun.Subprocess[] = [];

beforeAll(async () => {
  [postgres, redis, kafka] = await Promise.all([temporary({}), temporaryRedis(), temporaryKafka()]);
}, TEST_MS_MAX);

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([postgres.stop(), redis.stop(), kafka.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** The suite as its user starts it: all of it, or some workers. */
function startSuite(...workers: string[]): Bun.Subprocess<'ignore', 'ignore', 'ignore'> {
  const words = ['workers', ...workers, '--rate', `${RATE}`];
  const child = Bun.spawn([process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words], {
    env: childEnvironment({
      DATABASE_URL: postgres.databaseUrl,
      REDIS_URL: redis.redisUrl,
      KAFKA_BROKERS: kafka.kafkaBrokers,
      MILLRACE_HTTP_PORT: '0',
      MILLRACE_LEDGER: ledger,
    }),
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  children.push(child);
  return child;
}

async function orders(): Promise<number> {
  return await withClient(postgres.databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: string }>('select count(*) from orders');
    return Number(rows[0].count);
  });
}

/** Waits until so many more orders are stored: the data flow. */
async function moreOrders(count: number): Promise<void> {
  const end = performance.now() + 60_000;
  const before = await orders().catch(() => 0);
  while ((await orders().catch(() => 0)) < before + count) {
    if (performance.now() > end) throw new Error(`no ${count} orders came within a minute`);
    await Bun.sleep(200);
  }
}

/** Audits until all that was sent is stored. */
async function auditWhenQuiet(): Promise<Audit> {
  const end = performance.now() + 60_000;
  for (;;) {
    const found = await auditNow();
    if (found.pending === 0 || performance.now() > end) return found;
    await Bun.sleep(500);
  }
}

async function auditNow(): Promise<Audit> {
  const admin = await connectAdmin({ brokers: kafka.kafkaBrokers.split(','), clientId: 'faults' });
  try {
    const acked = readLedger(ledger, await Bun.file(ledger).text());
    expect(acked.length).toBeGreaterThan(0);
    return await withClient(postgres.databaseUrl, (client) =>
      audit(client, admin, { ledger: acked }),
    );
  } finally {
    await admin.close();
  }
}

test(
  'a killed suite, broker, database and cache lose nothing and double nothing',
  async () => {
    let suite = startSuite();
    await moreOrders(300);

    suite.kill('SIGKILL');
    await suite.exited;
    suite = startSuite();
    await moreOrders(300);

    await kafka.brokers[1]?.kill();
    await Bun.sleep(2_000);
    await kafka.brokers[1]?.restart();
    await moreOrders(300);

    await postgres.kill();
    await Bun.sleep(2_000);
    await postgres.restart();
    await moreOrders(300);

    await redis.kill();
    await moreOrders(300); // the shop goes on with its last pool
    await redis.restart();
    await moreOrders(500);

    suite.kill('SIGTERM');
    expect(await suite.exited).toBe(0);
    // What the stop left in Kafka is stored by whoever consumes next.
    const consumers = startSuite('user-consumer', 'product-consumer', 'order-consumer');
    const found = await auditWhenQuiet();
    consumers.kill('SIGTERM');
    expect([0, 143]).toContain(await consumers.exited); // 143: nothing was left, so it had not begun
    expect(found.firstDifference).toBeNull();
    expect(found).toMatchObject({
      pending: 0,
      lost: 0,
      duplicated: 0,
      derivedWrong: 0,
      clean: true,
    });
    expect(found.stored).toBeGreaterThan(EVENTS_MIN);
  },
  TEST_MS_MAX,
);
