import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';

import { PROJECT_ROOT } from '../base/config.ts';
import { logger } from '../base/log.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { testDatabase, type TestDatabase } from '../stack/testing.ts';
import { testRedis, type TestRedis } from '../stack/testing-redis.ts';
import { connect, withClient, type Client } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { connectAdmin } from '../stream/admin.ts';
import { configFromEnvironment, type SuiteConfig } from './config.ts';
import { runPart, type Part, type PartFailure } from './part.ts';
import { cacheWorker } from './parts/cache-worker.ts';
import { consumer } from './parts/consumer.ts';
import { gradeUpdater } from './parts/grade-updater.ts';
import { initialSeeder } from './parts/initial-seeder.ts';
import { producer } from './parts/producer.ts';
import { userSeeder } from './parts/user-seeder.ts';
import { Vitals } from './vitals.ts';
import { StreamWatch } from './watch.ts';

const PASSWORDS = { ingest_password: "it's secret", batch_password: 'letmein' };
const START_MS_MAX = 60_000;
const WAIT_MS_MAX = 40_000;

let kafka: TemporaryKafka;
let database: TestDatabase;
let redis: TestRedis;
let client: Client; // the superuser's
let known: SuiteConfig;

/** What psql makes of sql/accounts.sql, as far as it goes there. */
async function makeAccounts(): Promise<void> {
  const text = await Bun.file(join(PROJECT_ROOT, 'sql', 'accounts.sql')).text();
  const rows = text.split('\n').filter((line) => !/^(--|\\set|\\getenv)/.test(line));
  for (const statement of rows.join('\n').split(/;\n|(?=\\gexec\n)/)) {
    const [, executed] = /^\\gexec\n([^]*)/.exec(statement) ?? [];
    const sql = Object.entries(PASSWORDS).reduce(
      (done, [name, value]) => done.replaceAll(`:'${name}'`, client.escapeLiteral(value)),
      executed ?? statement,
    );
    if (sql.trim() === '') continue;
    const { rows: made } = await client.query<Record<string, string>>(sql);
    if (/^\s*select format/.test(sql)) {
      for (const { format } of made) await client.query(format);
    }
  }
}

beforeAll(async () => {
  [kafka, database, redis] = await Promise.all([
    temporaryKafka({ brokers: 1 }),
    testDatabase('accounts'),
    testRedis(),
  ]);
  client = await connect(database.url);
  await makeAccounts();
  await makeAccounts(); // it may be run again
  await migrate(client);
  const settings = { brokers: kafka.kafkaBrokers.split(','), clientId: 'accounts' };
  const admin = await connectAdmin(settings);
  await admin.ensureTopics();
  await admin.close();
  const services = { redisUrl: redis.url, kafka: settings, memberId: null };
  known = configFromEnvironment({ ...services, rate: 200 });
}, START_MS_MAX);

afterAll(async () => {
  await client.end();
  await Promise.all([kafka.stop(), redis.stop(), database.drop()]);
}, START_MS_MAX);

function as(role: 'ingest' | 'batch'): SuiteConfig {
  const url = new URL(database.url);
  url.username = `millrace_${role}_app`;
  url.password = encodeURIComponent(PASSWORDS[`${role}_password`]);
  return { ...known, databaseUrl: url.href };
}

/** Runs parts until `enough`, or until one fails. */
async function run(
  parts: readonly Part[],
  config: SuiteConfig,
  enough: (said: string) => boolean | Promise<boolean>,
): Promise<(PartFailure | null)[]> {
  const stop = new AbortController();
  let said = '';
  const running = parts.map((part, slot) => {
    const log = logger(part.name, {
      level: 'info',
      people: false,
      write: (line) => (said += line),
    });
    const wiring = { name: part.name, config, vitals: Vitals.forParts(parts.length), slot, log };
    return runPart(part, { ...wiring, onCheck: () => undefined }, stop);
  });
  const end = performance.now() + WAIT_MS_MAX;
  while (!stop.signal.aborted && !(await enough(said)) && performance.now() < end) {
    await Bun.sleep(50);
  }
  expect(await enough(said)).toBe(true);
  expect(said).not.toMatch(/"level":"(warn|error)"/);
  stop.abort();
  return await Promise.all(running);
}

test('the account of the batches may seed and grade', async () => {
  const seeded = await run([initialSeeder], as('batch'), (said) =>
    said.includes('filled the shop'),
  );
  expect(seeded).toEqual([null]);
  const graded = await run([gradeUpdater], as('batch'), (said) => said.includes('"graded"'));
  expect(graded).toEqual([null]);
}, 60_000);

test('the account of the stream may do all that the live parts do', async () => {
  await client.query(
    `insert into dead_letters (topic, partition, record_offset, headers, reason, message)
     values ('orders', 0, 99999999, '[]', 'json', 'no JSON')`,
  );
  const warnings: string[] = [];
  const log = logger('watch', {
    level: 'warn',
    people: false,
    write: (line) => warnings.push(line),
  });
  const watched = { topics: ['users', 'products', 'orders'], kafka: true } as const;
  const watch = new StreamWatch(as('ingest'), watched, log);
  const parts = [
    cacheWorker,
    userSeeder,
    producer,
    consumer('users'),
    consumer('products'),
    consumer('orders'),
  ];
  const done = await run(parts, as('ingest'), async () => {
    const { rows } = await client.query<{ done: boolean }>(
      `select (select count(*) from orders) > 200 and exists (select from users where event_at is not null)
         and exists (select from products where event_at is not null)
         and exists (select from products where order_count > 0)
         and not exists (select from dead_letters where published_at is null) as done`,
    );
    return rows[0].done;
  });
  await watch.stop();
  expect(done).toEqual(parts.map(() => null));
  expect(warnings).toEqual([]);
}, 90_000);

test.each([
  ['ingest', 'delete from orders'],
  ['ingest', 'delete from dead_letters'],
  ['ingest', 'truncate users'],
  ['ingest', 'create table mine ()'],
  ['ingest', "update schema_migrations set name = ''"],
  ['batch', 'select from dead_letters'],
  ['batch', 'update consumer_offsets set next_offset = 0'],
  ['batch', 'drop table users'],
] as const)('the account %s may not %s', async (role, sql) => {
  const { databaseUrl } = as(role);
  const refused = withClient(databaseUrl ?? '', (own) => own.query(sql)).catch(
    (cause: Error) => cause.message,
  );
  expect(await refused).toMatch(/permission denied|must be owner/);
});
