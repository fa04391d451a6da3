import { afterAll, afterEach, beforeEach, expect, test } from 'bun:test';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';

import { PipelineError } from '../base/errors.ts';
import type { OrderEvent, Sink } from '../model/event.ts';
import { temporary } from '../stack/temporary.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect, type Client } from './client.ts';
import { startCopy } from './copy.ts';
import { migrate } from './migrate.ts';
import { ORDER_COLUMNS } from './order-copy.ts';
import { ORDER_TABLE, orderSink } from './sink-orders.ts';
import { PostgresStore } from './sink-postgres.ts';
import type { SinkTable } from './sink-table.ts';
import type { SinkStore, SinkTransaction } from './sink-transaction.ts';
import { ExactlyOnceSink } from './sink.ts';
import { batchAt, orderEvent } from './testing.ts';

const database = await testDatabase('sink faults');
const admin = await connect(database.url);
await migrate(admin);
const ROLE = { role: 'millrace_ingest' };
const session = { databaseUrl: database.url, group: 'orders_group', settings: ROLE };
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  await admin.query(
    'truncate orders, consumer_offsets, dead_letters, order_effects, waiting_effects',
  );
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

afterAll(async () => {
  await admin.end();
  await database.drop();
});

const orders = (from: number, count: number): OrderEvent[] =>
  Array.from({ length: count }, (_, index) => orderEvent(from + index));

function sinkOf(store: SinkStore<OrderEvent>): Sink<OrderEvent> {
  const sink = new ExactlyOnceSink(store);
  open.push(sink);
  return sink;
}

/** The store, with something that happens before one of its verbs. */
function interrupted(
  verb: keyof SinkTransaction<OrderEvent>,
  before: () => Promise<void>,
): SinkStore<OrderEvent> {
  const store = new PostgresStore(ORDER_TABLE, session);
  return {
    topic: 'orders',
    group: 'orders_group',
    copies: store.copies,
    positions: () => store.positions(),
    close: () => store.close(),
    begin: async () => {
      const transaction = await store.begin();
      return new Proxy(transaction, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          const bound: (...values: unknown[]) => unknown = value.bind(target);
          if (name !== verb) return bound;
          return async (...values: unknown[]) => {
            await before();
            return await bound(...values);
          };
        },
      });
    },
  };
}

async function killSinks(): Promise<number> {
  const { rowCount } = await admin.query(`
    select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where application_name = 'millrace sink orders_group' and datname = current_database()`);
  return rowCount ?? 0;
}

async function expectStored(count: number, client: Client = admin): Promise<void> {
  const { rows } = await client.query<Record<'orders' | 'sold' | 'next' | 'inserted', string>>(`
    select (select count(*) from orders) as orders,
      (select coalesce(sum(rows), 0) from order_effects, unnest(sold) as rows) as sold,
      (select sum(next_offset) from consumer_offsets) as next,
      (select sum(inserted) from consumer_offsets) as inserted`);
  const whole = String(count);
  expect(rows).toEqual([{ orders: whole, sold: whole, next: whole, inserted: whole }]);
}

async function failureOf(write: Promise<unknown>): Promise<unknown> {
  return await write.then(
    () => 'no failure',
    (cause: unknown) => cause,
  );
}

test.each(['claim', 'copy', 'note', 'advance', 'commit'] as const)(
  'a connection that ends before %s stores nothing; the same batch again stores all',
  async (verb) => {
    let killed = 0;
    const sink = sinkOf(
      interrupted(verb, async () => {
        if (killed === 0) killed = await killSinks();
      }),
    );
    await sink.positions();
    const batch = batchAt('orders', 0, 0, orders(0, 500));
    expect(await failureOf(sink.write(batch))).toMatchObject({
      code: 'DATABASE_LOST',
      retryable: true,
    });
    expect(killed).toBe(1);
    expect((await admin.query('select from orders')).rowCount).toBe(0);
    expect(await sink.write(batch)).toMatchObject({ inserted: 500, skipped: 0 });
    await expectStored(500);
  },
);

test('a connection that ends in the middle of a COPY stores nothing, and the next one all', async () => {
  let killed: Promise<number> | undefined;
  const table: SinkTable<OrderEvent> = {
    ...ORDER_TABLE,
    writeRow(to, order) {
      if (order.shippingCost === 1) killed ??= killSinks(); // more than a socket holds is still to come
      ORDER_TABLE.writeRow(to, order);
    },
  };
  const sink = sinkOf(new PostgresStore(table, session));
  const events = orders(0, 60_000);
  events[20_000] = { ...events[20_000], shippingCost: 1 };
  const batch = batchAt('orders', 0, 0, events);
  await sink.positions();
  expect(await failureOf(sink.write(batch))).toMatchObject({
    code: 'DATABASE_LOST',
    retryable: true,
  });
  expect(await killed).toBe(1);
  expect((await admin.query('select from orders')).rowCount).toBe(0);
  expect(await sink.write(batch)).toMatchObject({ inserted: 60_000 });
  await expectStored(60_000);
}, 30_000);

/**
 * Forwards to the server. Once armed, it swallows the answer to `commit` and ends the connection;
 * while frozen, it swallows everything and says nothing.
 */
async function startProxy(databaseUrl: string) {
  const { hostname, port } = new URL(databaseUrl);
  const state = { armed: false, frozen: false, cut: 0 };
  const server = createServer((down) => {
    const up = createConnection(Number(port), hostname);
    let committing = false;
    down.on('data', (bytes: Buffer) => {
      if (state.frozen) return;
      if (state.armed && bytes.includes('Q\0\0\0\u000bcommit\0')) {
        state.armed = false;
        committing = true;
      }
      up.write(bytes);
    });
    up.on('data', (bytes: Buffer) => {
      if (state.frozen) return;
      if (!committing) {
        down.write(bytes);
        return;
      }
      state.cut++;
      down.destroy();
      up.destroy();
    });
    down.on('close', () => up.destroy()).on('error', () => up.destroy());
    up.on('close', () => down.destroy()).on('error', () => down.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = new URL(databaseUrl);
  url.port = String(address instanceof Object ? address.port : 0);
  return { url: url.href, state, stop: () => server.close() };
}

test('a commit whose answer is lost counts once, and is no rival', async () => {
  const proxy = await startProxy(database.url);
  try {
    const sink = orderSink({ databaseUrl: proxy.url, settings: ROLE });
    open.push(sink);
    await sink.positions();
    let next = 0;
    for (let round = 0; round < 5; round++) {
      const batch = batchAt('orders', 0, next, orders(next, 20));
      proxy.state.armed = true;
      expect(await failureOf(sink.write(batch))).toMatchObject({ code: 'DATABASE_LOST' });
      expect(proxy.state.cut).toBe(round + 1);
      next += 20;
      await expectStored(next); // it did go through
      expect(await sink.write(batch)).toMatchObject({ inserted: 0, skipped: 20 });
      expect(await sink.write(batchAt('orders', 0, next, orders(next, 5)))).toMatchObject({
        inserted: 5,
        skipped: 0,
      });
      next += 5;
    }
    await expectStored(next);
  } finally {
    proxy.stop();
  }
});

test('a link that is dead without a word is given up, and the batch goes through another', async () => {
  const proxy = await startProxy(database.url);
  const table: SinkTable<OrderEvent> = {
    ...ORDER_TABLE,
    writeRow(to, order) {
      if (order.shippingCost === 1) proxy.state.frozen = true;
      ORDER_TABLE.writeRow(to, order);
    },
  };
  try {
    const sink = sinkOf(
      new PostgresStore(table, { ...session, databaseUrl: proxy.url, answerMsMax: 3_000 }),
    );
    await sink.positions();
    let next = 0;
    for (const count of [10, 40_000]) {
      // Frozen with the last rows, so that no answer comes; and far from it, so that nothing drains.
      const events = orders(next, count);
      events[Math.floor(count / 4)] = orderEvent(next + Math.floor(count / 4), { shippingCost: 1 });
      const batch = batchAt('orders', 0, next, events);
      const started = performance.now();
      expect(await failureOf(sink.write(batch))).toMatchObject({
        code: 'DATABASE_LOST',
        retryable: true,
      });
      expect(performance.now() - started).toBeLessThan(10_000);
      proxy.state.frozen = false;
      events[Math.floor(count / 4)] = orderEvent(next + Math.floor(count / 4));
      expect(await sink.write({ ...batch, events })).toMatchObject({ inserted: count });
      next += count;
      await expectStored(next);
    }
  } finally {
    proxy.stop();
  }
}, 30_000);

test('a deadlock is settled by writing the batch again', async () => {
  const rival = await connect(database.url);
  const insert = `insert into orders (order_id, cart_id, created_at, unit_price, total_amount,
      payment_method, product_id, category, user_id, user_name, user_region, user_gender, user_age_group)
    values ($1, $1, now(), 1, 1, 'Card', 'P', 'C', 'U', 'N', 'R', 'F', '30대')`;
  const [first, second] = orders(0, 2).map(({ orderId }) => orderId);
  await rival.query("set deadlock_timeout = '1min'; begin"); // so that the sink is the one to give way
  await rival.query(insert, [second]);
  const sink = sinkOf(new PostgresStore(ORDER_TABLE, session));
  const batch = batchAt('orders', 0, 0, orders(0, 2));
  const writing = failureOf(sink.write(batch));
  const crossing = (async () => {
    const waiting = "select from pg_locks where not granted and locktype = 'transactionid'";
    while ((await admin.query(waiting)).rowCount === 0) await Bun.sleep(5);
    await rival.query(insert, [first]);
  })();
  expect(await writing).toMatchObject({ code: 'DATABASE_BUSY', retryable: true });
  await crossing;
  await rival.query('rollback');
  await rival.end();
  expect(await sink.write(batch)).toMatchObject({ inserted: 2 });
  await expectStored(2);
});

test('a lock that is held too long is waited for again with the same batch', async () => {
  const sink = sinkOf(
    new PostgresStore(ORDER_TABLE, { ...session, settings: { ...ROLE, lock_timeout: 200 } }),
  );
  const batch = batchAt('orders', 0, 0, orders(0, 10));
  await admin.query('begin; lock table orders in exclusive mode');
  expect(await failureOf(sink.write(batch))).toMatchObject({
    code: 'DATABASE_BUSY',
    retryable: true,
  });
  await admin.query('rollback');
  expect(await sink.write(batch)).toMatchObject({ inserted: 10 });
  await expectStored(10);
});

test('a consumer that froze in the middle of a COPY is ended by the one that comes after it', async () => {
  const settings = { ...ROLE, lock_timeout: 200 };
  const sink = sinkOf(new PostgresStore(ORDER_TABLE, { ...session, settings, stalledMsMax: 500 }));
  // Superuser sessions are not for millrace_ingest to end, so both log in as an account that may.
  await admin.query('drop role if exists sink_login');
  await admin.query("create role sink_login login password 'x' in role millrace_ingest");
  const url = new URL(database.url);
  url.username = 'sink_login';
  url.password = 'x';
  const frozen = await connect(url.href, 'millrace sink orders_group');
  const later = sinkOf(
    new PostgresStore(ORDER_TABLE, {
      databaseUrl: url.href,
      group: 'orders_group',
      settings: { lock_timeout: 200 },
      stalledMsMax: 500,
    }),
  );
  const batch = batchAt('orders', 0, 10, orders(10, 10));
  await sink.write(batchAt('orders', 0, 0, orders(0, 10)));
  await frozen.query('begin; select * from consumer_offsets for update');
  const copy = startCopy(frozen, 'orders', ORDER_COLUMNS);
  const started = performance.now();
  let failures = 0;
  let outcome: unknown;
  for (; failures < 20; failures++) {
    outcome = await later.write(batch).catch((cause: unknown) => cause);
    if (!(outcome instanceof PipelineError)) break;
    expect(outcome).toMatchObject({ code: 'DATABASE_BUSY', retryable: true });
  }
  expect(outcome).toMatchObject({ inserted: 10 });
  expect(failures).toBeGreaterThan(1); // not ended before its time
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(await failureOf(copy.end())).toMatchObject({ code: 'DATABASE_LOST' });
  await frozen.end().catch(() => undefined); // ended by the other
  await later.close();
  await expectStored(20);
  await admin.query('drop owned by sink_login; drop role sink_login');
}, 30_000);

test('a server that crashed and lost its last commits is given them again', async () => {
  const server = await temporary({ settings: { shared_buffers: '64MB' } });
  try {
    const client = await connect(server.databaseUrl);
    await migrate(client);
    const { rows } = await client.query<{ pid: number }>(
      "select pid from pg_stat_activity where backend_type = 'walwriter'",
    );
    await client.end();
    const sink = orderSink({ databaseUrl: server.databaseUrl, settings: ROLE });
    open.push(sink);
    await sink.write(batchAt('orders', 0, 0, orders(0, 20)));
    // Commits that only this process would have put on disk are lost when it dies, and the server
    // starts over, as after any crash.
    process.kill(rows[0].pid, 'SIGSTOP');
    for (let from = 20; from < 200; from += 20) {
      await sink.write(batchAt('orders', 0, from, orders(from, 20)));
    }
    process.kill(rows[0].pid, 'SIGKILL');
    const next = batchAt('orders', 0, 200, orders(200, 20));
    let failure: unknown;
    do {
      failure = await failureOf(sink.write(next));
      await Bun.sleep(20);
    } while (failure instanceof PipelineError && failure.retryable);
    expect(failure).toMatchObject({ code: 'OFFSET_GAP' });
    const stored = (await sink.positions()).get(0) ?? 0;
    expect(stored).toBeLessThan(200);
    await sink.write(batchAt('orders', 0, stored, orders(stored, 220 - stored)));
    const after = await connect(server.databaseUrl);
    await expectStored(220, after);
    await after.end();
  } finally {
    await server.stop();
  }
}, 60_000);
