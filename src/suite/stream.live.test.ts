import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { EXIT_CODES } from '../base/errors.ts';
import { until as eventually } from '../base/testing.ts';
import { TOPICS } from '../model/event.ts';
import { parseExposition, type Family } from '../show/testing.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { testDatabase, type TestDatabase } from '../stack/testing.ts';
import { testRedis, type TestRedis } from '../stack/testing-redis.ts';
import { withClient } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { connectAdmin } from '../stream/admin.ts';
import type { SuiteStatus } from './status.ts';

const CLI = join(PROJECT_ROOT, 'src', 'cli.ts');
const RATE = 300;

let database: TestDatabase;
let redis: TestRedis;
let kafka: TemporaryKafka; // of its own: the topics' names are fixed
const produced = { users: 0, products: 0, orders: 0 };

beforeAll(async () => {
  [database, redis, kafka] = await Promise.all([
    testDatabase('stream'),
    testRedis(),
    temporaryKafka({ brokers: 1 }),
  ]);
}, 120_000);

afterAll(async () => {
  await kafka.stop();
  await redis.stop();
  await database.drop();
});

type Started = {
  url: string; // of its health and metrics
  signal: (name: NodeJS.Signals) => void;
  ended: Promise<{ code: number; said: string; complaints: string }>;
};

/** Runs a program of ours against the services above, and waits until it serves its health. */
async function start(words: string[], extra: Record<string, string> = {}): Promise<Started> {
  const child = Bun.spawn([process.execPath, ...words], {
    env: childEnvironment({
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      KAFKA_BROKERS: kafka.kafkaBrokers,
      MILLRACE_HTTP_PORT: '0',
      ...extra,
    }),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let complaints = '';
  const served = Promise.withResolvers<string>();
  const reading = (async () => {
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      complaints += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(complaints);
      if (found) served.resolve(found[0]);
    }
    served.resolve('');
  })();
  const said = child.stdout.text();
  const ended = (async () => {
    await reading;
    return { code: await child.exited, said: await said, complaints };
  })();
  return { url: await served.promise, signal: (name) => child.kill(name), ended };
}

const until = (what: () => Promise<boolean>, secondsMax = 60): Promise<void> =>
  eventually(() => what().catch(() => false), secondsMax * 1_000, what.toString());

const isReady = async (url: string): Promise<boolean> =>
  (await fetch(`${url}/readyz`)).status === 200;

async function metricsOf(url: string): Promise<Map<string, Family>> {
  return parseExposition(await (await fetch(`${url}/metrics`)).text(), false);
}

function sum(families: Map<string, Family>, name: string, labels: Record<string, string>): number {
  return (families.get(name)?.samples ?? [])
    .filter((sample) =>
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((total, { value }) => total + value, 0);
}

function lastStatus(said: string): SuiteStatus {
  return JSON.parse(said.trim().split('\n').at(-1) ?? '');
}

function note({ produced: made }: Pick<SuiteStatus, 'produced'>): void {
  for (const topic of TOPICS) produced[topic] += made[topic];
}

test('a consumer without its topic says so in one line, within ten seconds', async () => {
  const started = performance.now();
  const { ended } = await start(['workers/order-consumer.ts'], { MILLRACE_LOG: 'error' });
  const { code, complaints } = await ended;
  expect(code).toBe(EXIT_CODES.KAFKA_FAILED);
  expect(complaints.trim().split('\n')).toHaveLength(1);
  expect(complaints).toContain('order-consumer');
  expect(performance.now() - started).toBeLessThan(10_000);
}, 30_000);

test('the whole suite streams: what is made is stored, and SIGTERM ends it within 5 s', async () => {
  const suite = await start([CLI, 'workers', '--json', '--rate', `${RATE}`]);
  await until(() => isReady(suite.url));
  const made = async (): Promise<number> =>
    sum(await metricsOf(suite.url), 'millrace_kafka_producer_records_total', {
      topic: 'orders',
      outcome: 'acked',
    });
  await until(async () => (await made()) > 5 * RATE);
  await until(async () => {
    const families = await metricsOf(suite.url);
    return sum(families, 'kafka_consumergroup_current_offset', { topic: 'orders' }) > 0;
  });
  expect((await fetch(`${suite.url}/livez`)).status).toBe(200);
  const families = await metricsOf(suite.url);
  const up = families.get('millrace_worker_up')?.samples ?? [];
  expect(up).toHaveLength(15);
  const down = up.filter(({ value }) => value === 0).map(({ labels }) => labels['worker']);
  expect(down).toEqual(['initial-seeder']); // its work is over
  expect(sum(families, 'millrace_worker_restarts_total', {})).toBe(0);
  expect(sum(families, 'millrace_lag_collection_success', {})).toBe(1);
  expect(sum(families, 'millrace_redis_up', {})).toBe(1);
  const stopping = performance.now();
  suite.signal('SIGTERM');
  const { code, said, complaints } = await suite.ended;
  expect(complaints).not.toContain('not done after');
  expect(complaints).toMatch(/"part":"redis-monitor".* MiB .* hits .* users .* swaps /);
  expect(performance.now() - stopping).toBeLessThan(5_000);
  expect(code).toBe(0);
  const status = lastStatus(said);
  note(status);
  expect(status.duplicates).toBe(0);
  expect(status.deadLetters).toBe(0);
  expect(status.produced.orders).toBeGreaterThan(5 * RATE);
  expect(status.produced.users).toBeGreaterThanOrEqual(10);
  expect(status.produced.products).toBeGreaterThanOrEqual(1);
}, 120_000);

test('a second signal ends it at once', async () => {
  const some = ['producer', 'cache-worker', 'order-consumer'];
  const suite = await start([CLI, 'workers', ...some, '--json', '--rate', `${RATE}`]);
  await until(() => isReady(suite.url));
  await until(
    async () =>
      sum(await metricsOf(suite.url), 'millrace_postgres_rows_inserted_total', {
        table: 'orders',
      }) > RATE,
  );
  suite.signal('SIGTERM');
  await Bun.sleep(20);
  const stopping = performance.now();
  suite.signal('SIGTERM');
  const { code } = await suite.ended;
  expect(performance.now() - stopping).toBeLessThan(1_000);
  expect(code).toBe(EXIT_CODES.INTERRUPTED);
}, 120_000);

test('consumers as processes of their own take up where it broke off: nothing is lost or doubled', async () => {
  const workers = TOPICS.map((topic) => `workers/${topic.slice(0, -1)}-consumer.ts`);
  const processes = await Promise.all(workers.map((file) => start([file])));
  const admin = await connectAdmin({ brokers: [kafka.kafkaBrokers], clientId: 'test' });
  const ends = new Map<string, number>();
  for (const topic of TOPICS) {
    const edges = await admin.edges(topic);
    ends.set(
      topic,
      edges.reduce((total, { end }) => total + end, 0),
    );
  }
  await admin.close();
  const rows = async (sql: string): Promise<Record<string, string>[]> =>
    await withClient(database.url, async (client) => (await client.query(sql)).rows);
  await until(async () => {
    // In one statement, so that it is of one moment.
    const stored = await rows(
      `select topic, sum(next_offset) as next, (select count(*) from order_effects) as waiting
       from consumer_offsets group by topic`,
    );
    const done = stored.filter(
      ({ topic, next, waiting }) => waiting === '0' && Number(next) === ends.get(topic),
    );
    return done.length === TOPICS.length;
  });
  for (const [i, { url }] of processes.entries()) {
    await until(() => isReady(url)); // there may have been nothing left to store
    expect(sum(await metricsOf(url), 'millrace_worker_up', {})).toBe(1);
    processes[i].signal('SIGTERM');
  }
  for (const { ended } of processes) expect((await ended).code).toBe(0);

  // Kafka has what was acknowledged in order, and what was under way when it was broken off.
  for (const topic of TOPICS) expect(ends.get(topic)).toBeGreaterThanOrEqual(produced[topic]);
  const offsets = await rows(
    `select topic, sum(inserted) as inserted, sum(duplicates) as duplicates, sum(rejected) as rejected
     from consumer_offsets group by topic`,
  );
  expect(offsets).toHaveLength(3);
  for (const { topic, inserted, duplicates, rejected } of offsets) {
    expect({ topic, inserted, duplicates, rejected }).toEqual({
      topic,
      inserted: `${ends.get(topic)}`,
      duplicates: '0',
      rejected: '0',
    });
  }
  const [{ orders }] = await rows('select count(*) as orders from orders');
  expect(Number(orders)).toBe(ends.get('orders') ?? 0);
  // The derived columns, against what the orders themselves say.
  const wrongProducts = await rows(
    `select product_id from products left join
       (select product_id, count(*) as sold from orders where status = 'Success' group by 1) as o
       using (product_id) where order_count <> coalesce(sold, 0)`,
  );
  const wrongUsers = await rows(
    `select user_id from users left join
       (select user_id, max(created_at) as last from orders where status = 'Success' group by 1) as o
       using (user_id) where last_ordered_at is distinct from last`,
  );
  expect(wrongProducts).toEqual([]);
  expect(wrongUsers).toEqual([]);
}, 120_000);

test('a consumer of its own refuses a Kafka that ends before what is stored', async () => {
  const other = await testDatabase('another kafka');
  try {
    await withClient(other.url, async (client) => {
      await migrate(client);
      await client.query(
        `insert into consumer_offsets (group_id, topic, partition, first_offset, next_offset)
         values ('users_group', 'users', 1, 0, 1000000)`,
      );
    });
    const { ended } = await start(['workers/user-consumer.ts'], { DATABASE_URL: other.url });
    const { code, complaints } = await ended;
    expect(code).toBe(EXIT_CODES.KAFKA_FAILED);
    expect(complaints).toContain('PostgreSQL has stored users/1 up to 1000000');
    expect(complaints).toContain('archive the dead letters of users');
  } finally {
    await other.drop();
  }
}, 60_000);

test('SIGTERM while Kafka is away, with events on their way: it ends in order within 5 s', async () => {
  for (const words of [
    ['--rate', `${RATE}`, '--seconds', '600'],
    ['--rate', 'max'], // last: it leaves a backlog
  ]) {
    const suite = await start([CLI, 'workers', '--json', ...words]);
    await until(() => isReady(suite.url));
    await until(
      async () =>
        sum(await metricsOf(suite.url), 'millrace_postgres_rows_inserted_total', {
          table: 'orders',
        }) > RATE,
    );
    await kafka.brokers[0].kill();
    await Bun.sleep(3_000);
    const stopping = performance.now();
    suite.signal('SIGTERM');
    const { code, complaints } = await suite.ended;
    expect(complaints).not.toContain('not done after');
    expect(code).toBe(0);
    expect(performance.now() - stopping).toBeLessThan(5_000);
    await kafka.brokers[0].restart();
  }
}, 120_000);

type Case = [words: string[], extra: Record<string, string>, exitCode: number];

/** Each ends within 15 s, with that code and one line that has no password in it. */
async function endClearly(cases: readonly Case[]): Promise<void> {
  await Promise.all(
    cases.map(async ([words, extra, expected]) => {
      const from = performance.now();
      const { code, complaints } = await (await start(words, extra)).ended;
      expect(`${words.join(' ')} ${code}`).toBe(`${words.join(' ')} ${expected}`);
      expect(complaints.trim().split('\n')).toHaveLength(1);
      expect(complaints).not.toContain('letmein');
      expect(performance.now() - from).toBeLessThan(15_000);
    }),
  );
}

test('what cannot work ends with one clear line and its own code', async () => {
  const taken = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('') });
  const password = new URL(database.url);
  password.password = 'letmein';
  await endClearly([
    [[CLI, 'workers'], { MILLRACE_HTTP_PORT: `${taken.port}` }, EXIT_CODES.PORT_IN_USE],
    [['workers/redis-monitor.ts'], { MILLRACE_HTTP_PORT: `${taken.port}` }, EXIT_CODES.PORT_IN_USE],
    [
      [CLI, 'workers', 'grade-updater'],
      { DATABASE_URL: password.href },
      EXIT_CODES.DATABASE_DENIED,
    ],
    [
      [CLI, 'workers', 'order-consumer'],
      { KAFKA_BROKERS: '127.0.0.1:1' },
      EXIT_CODES.KAFKA_UNREACHABLE,
    ],
    [[CLI, 'workers', 'baker'], {}, EXIT_CODES.USAGE],
    [[CLI, 'workers', '--rate', 'fast'], {}, EXIT_CODES.USAGE],
    [['workers/grade-updater.ts'], { MILLRACE_SEED: 'x' }, EXIT_CODES.USAGE],
  ]);
  await taken.stop(true);
}, 60_000);

test('so does a wrong password of Redis, for all workers and for one of its own', async () => {
  const password = new URL(redis.url);
  password.password = 'letmein';
  const extra = { REDIS_URL: password.href, MILLRACE_LOG: 'error' };
  await endClearly([
    [[CLI, 'workers'], extra, EXIT_CODES.REDIS_FAILED],
    [['workers/redis-monitor.ts'], extra, EXIT_CODES.REDIS_FAILED],
  ]);
}, 60_000);
