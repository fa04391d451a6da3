import { expect, test } from 'bun:test';

import { PipelineError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { CalmWorld } from '../drill/simulation/calm.ts';
import type { SimulatedConsumer } from '../drill/simulation/kafka-consumer.ts';
import { SimulatedStore } from '../drill/simulation/sink-store.ts';
import type { OrderEvent, Sink } from '../model/event.ts';
import { orderBatch } from '../model/order-batch.ts';
import { ExactlyOnceSink } from '../store/sink.ts';
import type { BatchLimits } from './batcher.ts';
import { consume } from './consume.ts';
import type { Consumer, OutgoingRecord } from './port.ts';
import { encodeOrders, orderParts } from './wire-orders.ts';

const silent = (): void => undefined;
const LOG: Log = { debug: silent, info: silent, warn: silent, error: silent };
const PARTS = orderParts(
  [{ userId: 'U_00000042', name: '김서준', addressDistrict: '경기도', gender: 'M', age: 34 }],
  [{ productId: 'P00000007', category: '골프' }],
);

/** One consumer of one partition in a world without faults, and what it said. */
class World extends CalmWorld {
  readonly abort = new AbortController();
  readonly checks: string[] = [];
  readonly batches: number[] = [];
  readonly ages: number[] = [];
  heartbeats = 0;
  progress = 0;
  carts = 0;
  sink: Sink<OrderEvent> = new ExactlyOnceSink(new SimulatedStore(this.database, this.time), () =>
    this.time.monotonicMs(),
  );
  member: SimulatedConsumer | null = null;
  adapt = (consumer: Consumer): Consumer => consumer;

  constructor() {
    super(7);
  }

  orders(count: number, ageMs: number): OutgoingRecord[] {
    const batch = orderBatch(count);
    batch.count = count;
    for (let row = 0; row < count; row++) {
      batch.cart[row] = this.carts++;
      batch.createdAtMs[row] = this.time.now() - ageMs;
      batch.quantity[row] = 1;
    }
    return encodeOrders(batch, PARTS, { run: 1, seed: 1, sequence: 0 });
  }

  append(count: number, ageMs = 0): void {
    for (const order of this.orders(count, ageMs)) this.kafka.append(0, order);
  }

  get stored(): number {
    return this.database.state.offsets.get(0)?.next ?? 0;
  }

  consume(limits: Partial<BatchLimits> = {}): Promise<void> {
    return consume({
      topic: 'orders',
      group: 'orders_group',
      open: async (onAssignment) =>
        this.adapt((this.member = await this.kafka.open(this.time, onAssignment))),
      sink: {
        write: async (batch) => {
          const stored = await this.sink.write(batch);
          this.batches.push(batch.records.length);
          for (const { createdAtMs } of batch.events) this.ages.push(this.time.now() - createdAtMs);
          return stored;
        },
        positions: () => this.sink.positions(),
        close: () => this.sink.close(),
      },
      ends: () => this.kafka.ends(this.time),
      time: this.time,
      signal: this.abort.signal,
      log: LOG,
      limits,
      heartbeat: () => this.heartbeats++,
      progress: () => this.progress++,
      check: (name, failure, degrades) =>
        this.checks.push(`${name}: ${failure ?? 'fine'}${degrades ? ' (only a note)' : ''}`),
    });
  }

  async until(reached: () => boolean): Promise<void> {
    while (!reached()) await this.time.sleep(1);
  }

  /** Consumes while `work` goes on, then stops. */
  async during(work: () => Promise<void>, limits?: Partial<BatchLimits>, limitMs = 60_000) {
    const consuming = this.consume(limits);
    const working = (async () => {
      await work();
      this.abort.abort();
    })();
    await this.run(Promise.all([consuming, working]), limitMs);
  }
}

test('a fresh event is a row within milliseconds', async () => {
  const world = new World();
  await world.during(async () => {
    await world.time.sleep(100);
    for (let order = 0; order < 200; order++) {
      world.append(1);
      await world.time.sleep(1.5);
    }
    await world.until(() => world.stored === 200);
  });
  const ages = world.ages.toSorted((a, b) => a - b);
  expect(ages).toHaveLength(200);
  expect(ages[100]).toBeLessThan(40); // a write takes up to 20 ms here, a receive up to 5 ms
  expect(ages[199]).toBeLessThan(80);
});

test('a backlog is stored in batches as large as they may be, one while the next is collected', async () => {
  const world = new World();
  world.append(20_000, 5_000);
  await world.during(() => world.until(() => world.stored === 20_000), { rowsMax: 6_000 });
  expect(world.batches.slice(0, 3)).toEqual([6_000, 6_000, 6_000]);
});

test('a member too many is a spare, which is only worth a note, until a partition comes to it', async () => {
  const world = new World();
  const spare = 'kafka: a spare: others have all partitions (only a note)';
  await world.during(async () => {
    await world.until(() => world.checks.includes('kafka: fine'));
    let held = 0;
    const other = await world.kafka.open(world.time, (kind, { length }) => {
      held += kind === 'assigned' ? length : -length;
    });
    while (!world.checks.includes(spare)) {
      world.kafka.rebalance(); // deals by chance
      await other.receive(1, 10);
      await world.time.sleep(500);
      if (held === 1) await world.time.sleep(1_000);
    }
    expect(held).toBe(1);
    world.kafka.leave(other);
    await world.until(() => world.checks.at(-1) === 'kafka: fine');
  });
});

test('no batch and nothing that waits exceeds the limits, whatever its records weigh', async () => {
  const world = new World();
  world.append(100);
  const bytesMax = 10 * (world.kafka.logs[0].records[0].value?.length ?? 0);
  await world.during(() => world.until(() => world.stored === 100), { bytesMax });
  expect(Math.max(...world.batches)).toBeLessThanOrEqual(100);
  const small = new World();
  small.append(100);
  await small.during(() => small.until(() => small.stored === 100), { rowsMax: 7 });
  expect(Math.max(...small.batches)).toBe(7);
});

test('while PostgreSQL is away for an hour it says so, goes on beating and polling, then resumes', async () => {
  const world = new World();
  let heldBytes = 0;
  await world.during(
    async () => {
      world.append(1);
      await world.until(() => world.stored === 1);
      world.database.away = true;
      world.append(2_000);
      const beats = world.heartbeats;
      await world.time.sleep(3_600_000);
      expect(world.heartbeats - beats).toBeGreaterThan(3_600_000 / 6_000);
      expect(world.checks.at(-1)).toBe('database: no connection');
      heldBytes = world.stored;
      world.database.away = false;
      const backMs = world.time.monotonicMs();
      await world.until(() => world.stored > 1);
      expect(world.time.monotonicMs() - backMs).toBeLessThan(5_100);
      await world.until(() => world.stored === 2_001);
      expect(world.checks.at(-1)).toBe('database: fine');
    },
    { rowsMax: 50 },
    4_000_000,
  );
  expect(heldBytes).toBe(1);
});

test('a full batch waits for room, and takes a record now and then to stay in the group', async () => {
  const world = new World();
  const polls: number[] = []; // records of each
  world.adapt = (consumer) => ({
    receive: async (max, waitMs) => {
      const records = await consumer.receive(max, waitMs);
      polls.push(records.length);
      return records;
    },
    seek: (partition, offset) => consumer.seek(partition, offset),
    close: () => consumer.close(),
    commit: (positions) => consumer.commit(positions),
  });
  let whileAway: number[] = [];
  await world.during(
    async () => {
      world.append(1_000);
      await world.time.sleep(50);
      world.database.away = true;
      await world.time.sleep(500);
      const before = polls.length;
      await world.time.sleep(60_000);
      whileAway = polls.slice(before);
      world.database.away = false;
      await world.until(() => world.stored === 1_000);
    },
    { rowsMax: 100 },
    100_000,
  );
  // One every 5 s and a little; the simulated network keeps some from bringing anything.
  expect(whileAway.length).toBeGreaterThanOrEqual(11);
  expect(whileAway.length).toBeLessThanOrEqual(12);
  expect(Math.max(...whileAway)).toBe(1);
});

test('Kafka is told now and then how far it is, and once more at the end', async () => {
  const world = new World();
  await world.during(async () => {
    for (let order = 0; order < 30; order++) {
      world.append(1);
      await world.time.sleep(100);
    }
    expect(world.kafka.committed.get(0)).toBeGreaterThan(10);
    world.append(1);
    await world.until(() => world.stored === 31);
  });
  expect(world.kafka.committed.get(0)).toBe(31);
});

test('a commit that Kafka refuses costs nothing', async () => {
  const world = new World();
  world.adapt = (consumer) => ({
    receive: (max, waitMs) => consumer.receive(max, waitMs),
    seek: (partition, offset) => consumer.seek(partition, offset),
    close: () => consumer.close(),
    commit: () => Promise.reject(new PipelineError('KAFKA_FAILED', 'not a member of the group')),
  });
  await world.during(async () => {
    world.append(10);
    await world.until(() => world.stored === 10);
  });
  expect(world.kafka.committed.size).toBe(0);
  expect(world.database.state.offsets.get(0)).toMatchObject({ inserted: 10, duplicates: 0 });
});

test('a batch that takes too long is given up when stopped, and read again by the next one', async () => {
  const world = new World();
  const { sink } = world;
  world.sink = {
    ...sink,
    write: () => new Promise(() => undefined),
    positions: () => sink.positions(),
  };
  let stoppedMs = 0;
  await world.during(async () => {
    world.append(5);
    await world.time.sleep(500);
    stoppedMs = world.time.monotonicMs();
  });
  expect(world.time.monotonicMs() - stoppedMs).toBeLessThan(3_000);
  expect(world.stored).toBe(0);

  const next = new World();
  next.append(5);
  await next.during(() => next.until(() => next.stored === 5));
});

test('the batch in hand is finished when stopped, and Kafka told', async () => {
  const world = new World();
  const { sink } = world;
  world.sink = {
    ...sink,
    positions: () => sink.positions(),
    write: async (batch) => {
      world.abort.abort();
      await world.time.sleep(1_500);
      return await sink.write(batch);
    },
  };
  await world.during(async () => {
    world.append(5);
    await world.until(() => world.abort.signal.aborted);
  });
  expect([world.stored, world.kafka.committed.get(0)]).toEqual([5, 5]);
});

test('what cannot get better ends it, with the group left', async () => {
  const denied = new PipelineError('DATABASE_DENIED', 'wrong password');
  const world = new World();
  const { sink } = world;
  world.sink = { ...sink, positions: () => sink.positions(), write: () => Promise.reject(denied) };
  world.append(1);
  const failure = await world.run(world.consume(), 10_000).catch((cause: unknown) => cause);
  expect(failure).toBe(denied);
  world.abort.abort();
  // Its partition is free for another one at once.
  const rescue = new World();
  rescue.append(1);
  await rescue.during(() => rescue.until(() => rescue.stored === 1));
});

test('stopped before Kafka was ever there, it just ends', async () => {
  const world = new World();
  const consuming = consume({
    topic: 'orders',
    group: 'orders_group',
    open: () => Promise.reject(new PipelineError('KAFKA_UNREACHABLE', 'no', { retryable: true })),
    sink: world.sink,
    time: world.time,
    signal: world.abort.signal,
    log: LOG,
    check: (name, failure) => world.checks.push(`${name}: ${failure}`),
  });
  const stopping = world.time.sleep(30_000).then(() => world.abort.abort());
  await world.run(Promise.all([consuming, stopping]), 31_000);
  expect(world.checks).toEqual(['kafka: connecting', 'kafka: no']);
});

test('stopped while a connection is being made, it ends soon, and closes what comes later', async () => {
  const world = new World();
  const late = Promise.withResolvers<Consumer>();
  let [closed, endedMs] = [0, Infinity];
  const consuming = consume({
    topic: 'orders',
    group: 'orders_group',
    open: () => late.promise,
    sink: world.sink,
    time: world.time,
    signal: world.abort.signal,
    log: LOG,
  }).then(() => (endedMs = world.time.monotonicMs()));
  const stopping = world.time.sleep(1_000).then(() => world.abort.abort());
  await world.run(Promise.all([consuming, stopping]), 11_000);
  expect(endedMs).toBeLessThan(3_000);
  const nothing = (): Promise<never> => Promise.reject(new Error('it has been given up'));
  const close = async (): Promise<void> => void closed++;
  late.resolve({ receive: nothing, seek: nothing, commit: nothing, close });
  await Bun.sleep(0);
  expect(closed).toBe(1);
});

test('it is ready once partitions are there, and progress is a stored batch', async () => {
  const world = new World();
  await world.during(async () => {
    await world.time.sleep(300);
    expect(world.progress).toBe(0);
    world.append(1);
    await world.until(() => world.stored === 1);
    await world.time.sleep(10);
    expect(world.progress).toBe(1);
  });
  expect(world.checks[0]).toBe('kafka: connecting');
  expect(world.checks).toContain('kafka: fine');
  expect(world.checks.at(-1)).toBe('database: fine');
});

test('a Kafka that ends before what is stored is refused, and nothing of it is taken for stored', async () => {
  const world = new World();
  world.append(10);
  const counts = { inserted: 11, duplicates: 0, rejected: 0 };
  world.database.state.offsets.set(0, { partition: 0, from: 0, next: 11, ...counts });
  const failure = await world.run(world.consume(), 10_000).catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'KAFKA_FAILED', retryable: false });
  expect(String(failure)).toContain('stored orders/0 up to 11, and this Kafka ends at 10');
  expect(String(failure)).toContain("delete from dead_letters where topic = 'orders'");
  expect(String(failure)).toContain("delete from consumer_offsets where group_id = 'orders_group'");
});

test.each([0, 3])(
  'a topic made anew under a consumer, with %d records, ends it',
  async (records) => {
    const world = new World();
    world.append(10);
    const consuming = world.consume();
    const failing = (async () => {
      await world.until(() => world.stored === 10);
      await world.time.sleep(10_000);
      Object.assign(world.kafka.logs[0], { records: [], sources: [], end: 0 });
      if (records > 0) world.append(records);
      return await consuming.catch((cause: unknown) => cause);
    })();
    const failure = await world.run(failing, 60_000);
    expect(String(failure)).toContain(`up to 10, and this Kafka ends at ${records}`);
  },
);

test('a consumer that lost its partition, and the race for it, says that the database is there', async () => {
  const world = new World();
  const { sink } = world;
  const failures = [
    new PipelineError('DATABASE_LOST', 'lost', { retryable: true }),
    new PipelineError('OFFSET_TAKEN', 'another was faster'),
  ];
  world.sink = {
    positions: () => sink.positions(),
    close: () => sink.close(),
    write: (batch) => {
      const failure = failures.shift();
      if (failures.length === 0) world.member?.take(new Set());
      return failure ? Promise.reject(failure) : sink.write(batch);
    },
  };
  await world.during(async () => {
    world.append(1);
    await world.until(() => failures.length === 0);
    await world.time.sleep(20_000);
  });
  const told = world.checks.filter((check) => check.startsWith('database'));
  expect(told.slice(-2)).toEqual(['database: lost', 'database: fine']);
});

test('a record left over from a partition that went does not hold up the others', async () => {
  const world = new World();
  const [stray] = world.orders(1, 0);
  const left = [{ ...stray, partition: 5, offset: 3 }];
  world.adapt = (consumer) => ({
    receive: async (max, waitMs) => [...left.splice(0), ...(await consumer.receive(max, waitMs))],
    seek: (partition, offset) => consumer.seek(partition, offset),
    commit: (positions) => consumer.commit(positions),
    close: () => consumer.close(),
  });
  const { sink } = world;
  let lookUps = 0;
  world.sink = {
    write: (batch) => sink.write(batch),
    close: () => sink.close(),
    positions: () => {
      lookUps++;
      return sink.positions();
    },
  };
  await world.during(async () => {
    await world.time.sleep(1_000);
    world.append(500);
    await world.until(() => world.stored === 500);
    await world.time.sleep(2_000);
  });
  expect(lookUps).toBeLessThanOrEqual(4); // for its own partition, for the other one, to verify
  expect(world.batches.length).toBeLessThan(20);
});
