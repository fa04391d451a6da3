import { afterAll, beforeEach, expect, test } from 'bun:test';

import { Client } from 'pg';

import { PipelineError } from '../../base/errors.ts';
import { Random } from '../../base/random.ts';
import type { Batch, OrderEvent, Sink, StreamRecord } from '../../model/event.ts';
import { testDatabase } from '../../stack/testing.ts';
import { connect } from '../../store/client.ts';
import { effectsAges, foldEffects } from '../../store/effects.ts';
import { migrate } from '../../store/migrate.ts';
import { storedOffsets } from '../../store/offsets.ts';
import { copyProducts, copyUsers } from '../../store/shop.ts';
import { ORDER_TABLE, orderSink } from '../../store/sink-orders.ts';
import { PostgresStore } from '../../store/sink-postgres.ts';
import type { SinkStore } from '../../store/sink-transaction.ts';
import { ExactlyOnceSink } from '../../store/sink.ts';
import { productEvent, userEvent } from '../../store/testing.ts';
import { CalmWorld } from './calm.ts';
import { FoldingConnection } from './folding.ts';
import { ORDERS, POISON, refusalOf } from './orders.ts';
import { UNCOMPARED, UNLOCKED } from './plants.ts';
import { SimulatedStore } from './sink-store.ts';
import type { Plant } from './streaming.ts';

const database = await testDatabase('simulated');
const client = await connect(database.url);
await migrate(client);
await copyUsers(
  client,
  [0, 1, 2, 3, 4].map((number) => userEvent(number).user),
);
await copyProducts(
  client,
  [0, 1, 2].map((number) => productEvent(number).product),
);
beforeEach(async () => {
  await client.query('truncate orders, consumer_offsets, dead_letters, order_effects');
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

const PARTITIONS = 2;
const RECORDS = 120; // a partition
const BATCHES = 60;
const ROWS_MAX = 6;
const SOUND = ORDERS.filter(({ event }) => refusalOf(event) === null);

type Topic = readonly { event: OrderEvent | null; record: StreamRecord }[][];

/** Orders of which many come more than once, here and there, and poison between them. */
function topicOf(random: Random): Topic {
  return Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from({ length: RECORDS }, (_ignored, offset) => {
      const order = random.next() < 0.2 ? null : random.pick(SOUND);
      const { record } = order ?? random.pick(POISON);
      return { event: order?.event ?? null, record: { ...record, partition, offset } };
    }),
  );
}

function batchOf(topic: Topic, partition: number, from: number, next: number): Batch<OrderEvent> {
  const entries = topic[partition].slice(from, next);
  const good = entries.flatMap(({ event, record }) => (event ? [{ event, record }] : []));
  return {
    topic: 'orders',
    group: 'orders_group',
    ranges: [{ partition, from, next }],
    events: good.map(({ event }) => event),
    records: good.map(({ record }) => record),
    rejected: entries
      .filter(({ event }) => event === null)
      .map(({ record }) => ({ record, reason: 'json', message: 'poison' })),
  };
}

/** Batches that follow, overlap, come again, or leave a gap, into two sinks by turns; what came of each. */
async function story(sinks: readonly Sink<OrderEvent>[], seed: number): Promise<unknown[]> {
  const random = new Random(seed, 'simulation');
  const topic = topicOf(random);
  const seen: unknown[] = [];
  const stands = [0, 0];
  for (let turn = 0; turn < BATCHES; turn++) {
    const sink = random.pick(sinks);
    const partition = random.below(PARTITIONS);
    const from = Math.max(0, stands[partition] + random.pick([0, 0, 0, 0, -3, -8, 2]));
    const next = Math.min(topic[partition].length, from + 1 + random.below(ROWS_MAX));
    if (from >= next) continue;
    try {
      const { seconds: _, ...stored } = await sink.write(batchOf(topic, partition, from, next));
      seen.push(stored);
    } catch (cause) {
      if (!(cause instanceof PipelineError)) throw cause;
      seen.push(cause.code);
    }
    const positions = await sink.positions();
    stands[partition] = positions.get(partition) ?? 0;
    seen.push([...positions].toSorted(([a], [b]) => a - b));
  }
  return seen;
}

test('the simulated database answers, keeps and adds up as PostgreSQL does', async () => {
  const world = new CalmWorld(1);
  const simulated = [0, 1].map(
    () => new ExactlyOnceSink(new SimulatedStore(world.database, world.time), () => 0),
  );
  const real = [0, 1].map(() => orderSink({ databaseUrl: database.url }));
  const answers = await world.run(story(simulated, 7), 60_000);
  expect(answers).toEqual(await story(real, 7));
  expect(answers).toContain('OFFSET_GAP');
  expect(answers).toContain('OFFSET_TAKEN');
  await Promise.all(real.map((sink) => sink.close()));

  const folding = new FoldingConnection(world.database, world.time);
  const folded = await world.run(folding.use(foldEffects), 120_000);
  expect(folded).toEqual(await foldEffects(client));
  expect(folded.batches).toBeGreaterThan(5);
  expect(await effectsAges(client)).toEqual(await world.run(folding.use(effectsAges), 180_000));

  const { orders, letters, offsets, lastOrdered, sold } = world.database.state;
  const rows = async (sql: string): Promise<unknown[]> =>
    (await client.query<{ row: unknown }>(`select ${sql}`)).rows.map(({ row }) => row);
  expect(await rows('order_id::text as row from orders order by 1')).toEqual(
    [...orders.keys()].toSorted(),
  );
  const place = `partition || '/' || record_offset as row from dead_letters order by 1`;
  expect(await rows(place)).toEqual([...letters.keys()].toSorted());
  const users = `user_id || ' ' || (extract(epoch from last_ordered_at) * 1000)::bigint as row
    from users where last_ordered_at is not null order by user_id`;
  expect(await rows(users)).toEqual(entriesOf(lastOrdered));
  const products = `product_id || ' ' || order_count as row from products
    where order_count > 0 order by product_id`;
  expect(await rows(products)).toEqual(entriesOf(sold));
  const counts = await storedOffsets(client);
  expect(counts).toHaveLength(offsets.size);
  for (const { partition, first, next, inserted, duplicates, rejected } of counts) {
    const move = { partition, from: first, next, inserted, duplicates, rejected };
    expect(offsets.get(partition)).toEqual(move);
  }
});

function entriesOf(map: ReadonlyMap<string, number>): string[] {
  return Array.from(map, ([id, value]) => `${id} ${value}`).toSorted();
}

/** What two consumers were told that moved a partition on from one place, and what is stored then. */
type Outcome = { told: boolean[]; next: number; inserted: number };

const ENTERED = { partition: 0, from: 0, next: 1, inserted: 1, duplicates: 0, rejected: 0 };
const MOVE = { ...ENTERED, from: 1, next: 4, inserted: 3 };

/** One store a consumer. The second claims before the first has committed, and moves after it. */
async function contest(stores: readonly SinkStore<OrderEvent>[]): Promise<boolean[]> {
  const entering = await stores[0].begin();
  await entering.claim([ENTERED]);
  await entering.advance([ENTERED]);
  await entering.commit();
  const first = await stores[0].begin();
  const second = await stores[1].begin();
  await first.claim([MOVE]);
  const claimed = second.claim([MOVE]);
  const told = [await first.advance([MOVE])];
  await first.commit();
  await claimed;
  told.push(await second.advance([MOVE]));
  await second.commit();
  await Promise.all(stores.map((store) => store.close()));
  return told;
}

async function simulatedContest({ store }: Required<Pick<Plant, 'store'>>): Promise<Outcome> {
  const world = new CalmWorld(1);
  const stores = [0, 1].map(() => store(world.database, world.time));
  const told = await world.run(contest(stores), 60_000);
  const { next = 0, inserted = 0 } = world.database.state.offsets.get(0) ?? {};
  return { told, next, inserted };
}

async function realContest(): Promise<Outcome> {
  const session = { databaseUrl: database.url, group: 'orders_group' };
  const told = await contest([0, 1].map(() => new PostgresStore(ORDER_TABLE, session)));
  const [{ next, inserted }] = await storedOffsets(client);
  return { told, next, inserted };
}

/** Runs `work` with words left out of the statements that the sinks send. Throws if none has them. */
async function without<Result>(words: string, work: () => Promise<Result>): Promise<Result> {
  let planted = 0;
  // oxlint-disable-next-line typescript/unbound-method -- it is put back, and called as it was
  const { query } = Client.prototype;
  Client.prototype.query = new Proxy(query, {
    apply: (target, self, [asked, ...rest]: [{ text?: string }, ...unknown[]]) => {
      const has = asked.text?.includes(words) === true;
      if (has) planted++;
      const sent = has ? { ...asked, text: asked.text?.replace(words, '') } : asked;
      return Reflect.apply(target, self, [sent, ...rest]);
    },
  });
  try {
    const result = await work();
    if (planted === 0) throw new Error(`no statement says '${words}'`);
    return result;
  } finally {
    Client.prototype.query = query;
  }
}

const FENCED: Outcome = { told: [true, false], next: 4, inserted: 4 };
const SOUND_STORE: Required<Pick<Plant, 'store'>> = {
  store: (simulated, time) => new SimulatedStore(simulated, time),
};

test('of two consumers that move a partition from one place, the second is told that it cannot', async () => {
  expect(await realContest()).toEqual(FENCED);
  expect(await simulatedContest(SOUND_STORE)).toEqual(FENCED);
});

test('so it is where the SQL locks nothing: the compare-and-set is a fence of its own', async () => {
  expect(await without('for update', realContest)).toEqual(FENCED);
  expect(await simulatedContest(UNLOCKED)).toEqual(FENCED);
});

test('a planted mistake in the SQL is found: without its condition the move counts twice', async () => {
  const twice: Outcome = { told: [true, true], next: 4, inserted: 7 };
  const condition = 'and consumer_offsets.next_offset = moves.from_offset';
  expect(await without(condition, realContest)).toEqual(twice);
  expect(await simulatedContest(UNCOMPARED)).toEqual(twice);
});
