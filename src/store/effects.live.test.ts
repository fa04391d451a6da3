import { afterAll, afterEach, beforeEach, expect, test } from 'bun:test';

import { Random } from '../base/random.ts';
import type { OrderEvent, Sink } from '../model/event.ts';
import { GRADE_PRESETS } from '../model/grade.ts';
import { ORDER_STATUSES } from '../model/order.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from './client.ts';
import { effectsAges, EffectsFolder, foldEffects, pendingEffects, type Folded } from './effects.ts';
import { passGrades } from './grades.ts';
import { migrate } from './migrate.ts';
import { beginRun, finishRun } from './runs.ts';
import { copyProducts, copyUsers } from './shop.ts';
import { orderSink } from './sink-orders.ts';
import { productSink } from './sink-products.ts';
import { userSink } from './sink-users.ts';
import { batchAt, orderEvent, productEvent, userEvent } from './testing.ts';

const database = await testDatabase('effects');
const admin = await connect(database.url);
await migrate(admin);
const ROLE = { role: 'millrace_ingest' };
const session = { databaseUrl: database.url, settings: ROLE };
const folder = await connect(database.url, 'folder', { settings: ROLE });
const open: { close(): Promise<void> }[] = [];

function opened<Closable extends { close(): Promise<void> }>(one: Closable): Closable {
  open.push(one);
  return one;
}

beforeEach(async () => {
  await admin.query(`truncate users, products, orders, grade_changes, consumer_offsets,
    dead_letters, order_effects, waiting_effects`);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  await folder.end();
  await admin.end();
  await database.drop();
});

const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

async function seed(users: number, products: number): Promise<void> {
  await copyUsers(
    admin,
    numbers(users).map((number) => userEvent(number).user),
  );
  await copyProducts(
    admin,
    numbers(products).map((number) => productEvent(number).product),
  );
}

/** Orders of customers and articles drawn at random, in no order of time, some not successful. */
function drawn(
  random: Random,
  from: number,
  count: number,
  users: number,
  products: number,
): OrderEvent[] {
  return numbers(count).map((index) =>
    orderEvent(from + index, {
      createdAtMs: 1_767_225_600_000 + random.below(1_000_000_000),
      status: random.pick([...ORDER_STATUSES, 'Success', 'Success']),
      userId: userEvent(random.below(users)).user.userId,
      productId: productEvent(random.below(products)).product.productId,
    }),
  );
}

/** The two columns against plain SQL over the orders. */
async function expectDerived(): Promise<void> {
  const { rows } = await admin.query(`
    select 'user' as kind, user_id as id from users left join (
      select user_id, max(created_at) as at from orders where status = 'Success' group by 1
    ) o using (user_id) where last_ordered_at is distinct from o.at
    union all
    select 'product', product_id from products left join (
      select product_id, count(*) from orders where status = 'Success' group by 1
    ) o using (product_id) where order_count <> coalesce(o.count, 0)`);
  expect(rows).toEqual([]);
}

async function foldAll(): Promise<Folded> {
  const sum = { batches: 0, users: 0, products: 0 };
  for (;;) {
    const folded = await foldEffects(folder);
    if (folded.batches === 0) return sum;
    sum.batches += folded.batches;
    sum.users += folded.users;
    sum.products += folded.products;
  }
}

test('folded effects are what plain SQL says, after repetitions and in any order', async () => {
  const random = new Random(5, 'live');
  await seed(60, 40);
  const sink = opened(orderSink(session));
  const events = drawn(random, 0, 600, 60, 40);
  for (let offset = 0; offset < 900;) {
    const from = random.below(550); // parts of what was there before, parts that are new
    const part = events.slice(from, from + 1 + random.below(50));
    await sink.write(batchAt('orders', 0, offset, part));
    offset += part.length;
    if (random.next() < 0.3) await foldEffects(folder);
  }
  await foldAll();
  expect((await admin.query('select from orders')).rowCount).toBeGreaterThan(300);
  await expectDerived();
  expect(await pendingEffects(folder)).toEqual({
    batches: 0,
    ageSeconds: 0,
    waitingUsers: 0,
    waitingProducts: 0,
  });
  expect(await foldEffects(folder)).toEqual({ batches: 0, users: 0, products: 0 });
});

test('what waits is counted, and aged by its oldest batch', async () => {
  await seed(5, 7);
  const sink = opened(orderSink(session));
  await sink.write(
    batchAt(
      'orders',
      0,
      0,
      numbers(10).map((number) => orderEvent(number)),
    ),
  );
  await sink.write(
    batchAt(
      'orders',
      0,
      10,
      numbers(9).map((number) => orderEvent(10 + number)),
    ),
  );
  await admin.query(`update order_effects set created_at = now() - interval '7 s'
    where effect_id = (select min(effect_id) from order_effects)`);
  const pending = await pendingEffects(folder);
  expect(pending).toMatchObject({ batches: 2, waitingUsers: 0, waitingProducts: 0 });
  expect(pending.ageSeconds).toBeWithin(7, 10);
  const { oldestSeconds, newestSeconds } = await effectsAges(folder);
  expect(oldestSeconds).toBeWithin(7, 10);
  expect(newestSeconds).toBeWithin(0, 3);
  expect(await foldEffects(folder)).toEqual({ batches: 2, users: 5, products: 7 });
  await expectDerived();
});

test('the last order never moves back, and a later fold adds to an earlier one', async () => {
  await seed(5, 7);
  const sink = opened(orderSink(session));
  const late = orderEvent(500, { userId: 'U_00000001', productId: 'P00000001' });
  const early = orderEvent(3, { userId: 'U_00000001', productId: 'P00000001' });
  await sink.write(batchAt('orders', 0, 0, [late]));
  await foldAll();
  await sink.write(batchAt('orders', 0, 1, [early]));
  expect(await foldEffects(folder)).toEqual({ batches: 1, users: 0, products: 1 });
  await expectDerived();
});

test('effects on rows whose own event comes later wait for it, and none is lost', async () => {
  const random = new Random(6, 'live');
  const orders = opened(orderSink(session));
  const events = drawn(random, 0, 300, 20, 20);
  for (let from = 0; from < 300; from += 100) {
    await orders.write(batchAt('orders', 0, from, events.slice(from, from + 100)));
    await foldAll();
  }
  expect(await pendingEffects(folder)).toMatchObject({
    batches: 0,
    waitingUsers: 20,
    waitingProducts: 20,
  });
  const users = opened(userSink(session));
  const products = opened(productSink(session));
  const half = numbers(10);
  await users.write(
    batchAt(
      'users',
      0,
      0,
      half.map((number) => userEvent(number)),
    ),
  );
  await products.write(
    batchAt(
      'products',
      0,
      0,
      half.map((number) => productEvent(number)),
    ),
  );
  expect(await foldEffects(folder)).toEqual({ batches: 0, users: 10, products: 10 });
  await expectDerived();
  await orders.write(batchAt('orders', 0, 300, drawn(random, 300, 100, 20, 20)));
  await foldAll();
  expect(await pendingEffects(folder)).toMatchObject({ waitingUsers: 10, waitingProducts: 10 });
  const rest = numbers(10).map((number) => 10 + number);
  await users.write(
    batchAt(
      'users',
      0,
      10,
      rest.map((number) => userEvent(number)),
    ),
  );
  await products.write(
    batchAt(
      'products',
      0,
      10,
      rest.map((number) => productEvent(number)),
    ),
  );
  await foldEffects(folder);
  await expectDerived();
  expect(await pendingEffects(folder)).toMatchObject({ waitingUsers: 0, waitingProducts: 0 });
});

test('one folds at a time; the other finds nothing to do', async () => {
  await seed(5, 7);
  const sink = opened(orderSink(session));
  await sink.write(
    batchAt(
      'orders',
      0,
      0,
      numbers(10).map((number) => orderEvent(number)),
    ),
  );
  const other = await connect(database.url, 'folder', { settings: ROLE });
  const both = await Promise.all([foldEffects(folder), foldEffects(other)]);
  expect(both.reduce((sum, { batches }) => sum + batches, 0)).toBe(1);
  await other.end();
  await expectDerived();
});

test('a batch of orders that changes nothing leaves no effect', async () => {
  const sink = opened(orderSink(session));
  const failed = numbers(5).map((number) => orderEvent(number, { status: 'Failed' }));
  await sink.write(batchAt('orders', 0, 0, failed));
  expect(await pendingEffects(folder)).toMatchObject({ batches: 0 });
  expect(await effectsAges(folder)).toEqual({ oldestSeconds: 0, newestSeconds: 0 });
});

test('folds, upserts, grade passes and the end of a backfill never deadlock', async () => {
  const people = 400;
  await seed(people, people);
  const orders = opened(orderSink(session));
  const users = [opened(userSink(session)), opened(userSink(session))];
  const products = opened(productSink(session));
  const [grader, finisher] = await Promise.all([connect(database.url), connect(database.url)]);
  const work = new AbortController();
  const failures: unknown[] = [];
  const repeat = async (step: (round: number) => Promise<void>): Promise<number> => {
    let round = 0;
    try {
      for (; !work.signal.aborted; round++) await step(round);
    } catch (cause) {
      failures.push(cause);
      work.abort();
    }
    return round;
  };
  const random = new Random(8, 'live');
  const shuffled = (): number[] => {
    const order = numbers(people);
    for (let i = people - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  };
  const upsertUsers = (sink: Sink<ReturnType<typeof userEvent>>, partition: number) =>
    repeat(async (round) => {
      const events = shuffled().map((number) =>
        userEvent(number, { age: round % 90 }, 2e12 + round),
      );
      await sink.write(batchAt('users', partition, round * people, events));
    });
  const works = [
    repeat(async (round) => {
      await orders.write(
        batchAt('orders', 0, round * 300, drawn(random, round * 300, 300, people, people)),
      );
    }),
    upsertUsers(users[0], 0),
    upsertUsers(users[1], 1),
    repeat(async (round) => {
      const events = shuffled().map((number) =>
        productEvent(number, { stock: round }, 2e12 + round),
      );
      await products.write(batchAt('products', 0, round * people, events));
    }),
    repeat(async () => void (await foldEffects(folder))),
    repeat(async (round) => {
      await passGrades(grader, {
        asOfMs: 2e12,
        windowMonths: 240,
        preset: 'live',
        // Everybody goes up and down again, so that every pass changes nearly every row.
        rules:
          round % 2 === 0 ? [{ grade: 'VIP', amountMin: 0, ordersMin: 0 }] : GRADE_PRESETS.live,
        demotion: 'free',
      });
    }),
    repeat(async () => {
      const { run } = await beginRun(finisher, {}, 'none');
      await finishRun(finisher, {
        run,
        orders: 0,
        carts: 0,
        checksum: '',
        preset: 'history',
        users: shuffled().map((number) => ({
          userId: userEvent(number).user.userId,
          lastOrderedMs: 0,
          grade: null,
        })),
        products: shuffled().map((number) => ({
          productId: productEvent(number).product.productId,
          sold: 0,
        })),
        lastPassMs: 0,
        changes: [],
        expected: [],
      });
    }),
  ];
  await Bun.sleep(4_000);
  work.abort();
  const rounds = await Promise.all(works);
  expect(failures).toEqual([]);
  for (const round of rounds) expect(round).toBeGreaterThan(2);
  await Promise.all([grader.end(), finisher.end()]);
  await foldAll();
  await expectDerived();
}, 30_000);

test('a fold that takes too long is tried with half as many batches, then with more again', async () => {
  await seed(10, 10);
  const orders = opened(orderSink(session));
  for (let batch = 0; batch < 100; batch++) {
    await orders.write(batchAt('orders', 0, batch, [orderEvent(batch, { status: 'Success' })]));
  }
  const impatient = await connect(database.url, 'impatient', { settings: ROLE });
  const effects = new EffectsFolder();
  try {
    await impatient.query("set statement_timeout = '200ms'");
    await admin.query('begin; lock table order_effects in access exclusive mode');
    for (const next of [128, 64, 32]) {
      const failure = await effects.fold(impatient).catch((cause: unknown) => cause);
      expect(failure).toMatchObject({ code: 'DATABASE_BUSY' });
      expect(effects.batchesMax).toBe(next);
    }
    await admin.query('rollback');
    await impatient.query('set statement_timeout = 0');
    expect(await effects.fold(impatient)).toMatchObject({ batches: 32, more: true });
    expect(await effects.fold(impatient)).toMatchObject({ batches: 64, more: true });
    expect(await effects.fold(impatient)).toMatchObject({ batches: 4, more: false });
    expect(effects.batchesMax).toBe(256);
  } finally {
    await impatient.end();
  }
  await expectDerived();
}, 20_000);
