import { expect, test } from 'bun:test';

import type { Log } from '../base/log.ts';
import { Random } from '../base/random.ts';
import type { RejectReason } from '../model/event.ts';
import { orderBatch } from '../model/order-batch.ts';
import { consume } from './consume.ts';
import { poisonKinds } from './poison-corpus.ts';
import type { OutgoingRecord } from './port.ts';
import { NO_DATABASE_FAULTS, SimulatedDatabase } from './simulated-database.ts';
import { NO_KAFKA_FAULTS, SimulatedKafka, type SimulatedConsumer } from './simulated-kafka.ts';
import { SimulatedTime } from './simulated-time.ts';
import { encodeOrders, orderParts } from './wire-orders.ts';

const SEEDS = 300;
const ORDERS = 80;
const RECOVERY_MS_MAX = 15_000;
const POISON = poisonKinds(1 << 20).filter(({ reason }) => reason !== 'too_large');
const PARTS = orderParts(
  [{ userId: 'U_00000042', name: '김서준', addressDistrict: '경기도', gender: 'M', age: 34 }],
  [{ productId: 'P00000007', category: '골프' }],
);
const silent = (): void => undefined;
const LOG: Log = { debug: silent, info: silent, warn: silent, error: silent };

function orders(startMs: number): OutgoingRecord[] {
  const batch = orderBatch(ORDERS);
  batch.count = ORDERS;
  for (let row = 0; row < ORDERS; row++) {
    batch.cart[row] = row;
    batch.createdAtMs[row] = startMs;
    batch.quantity[row] = 1;
  }
  return encodeOrders(batch, PARTS, { run: 1, seed: 1, sequence: 0 });
}

type Member = { consumer: SimulatedConsumer | null; abort: AbortController; done: Promise<void> };

/** One world: a stream of orders, some sent twice, some spoilt, and consumers that come and go. */
class World {
  readonly random: Random;
  readonly time: SimulatedTime;
  readonly kafka: SimulatedKafka;
  readonly database: SimulatedDatabase;
  readonly letters = new Map<string, RejectReason>();
  readonly members: Member[] = [];
  doubled = 0;

  constructor(seed: number) {
    this.random = new Random(seed, 'live');
    this.time = new SimulatedTime(this.random);
    this.kafka = new SimulatedKafka(this.time, this.random, 1 + this.random.below(3));
    this.database = new SimulatedDatabase(this.time, this.random);
  }

  start(): void {
    const member: Member = {
      consumer: null,
      abort: new AbortController(),
      done: Promise.resolve(),
    };
    member.done = consume({
      topic: 'orders',
      group: 'orders_group',
      open: async (onAssignment) => (member.consumer = this.kafka.open(onAssignment)),
      sink: this.database.sink(),
      ends: () => this.kafka.ends(),
      time: this.time,
      signal: member.abort.signal,
      log: LOG,
      limits: { rowsMax: 1 + this.random.below(30), freshMsMax: 10, behindMsMax: 50 },
    });
    this.members.push(member);
  }

  async stop(): Promise<void> {
    const [member] = this.members.splice(this.random.below(this.members.length), 1);
    member.abort.abort();
    await member.done;
  }

  kill(): void {
    const [member] = this.members.splice(this.random.below(this.members.length), 1);
    member.consumer?.kill();
  }

  async produce(): Promise<void> {
    for (const order of orders(this.time.now())) {
      const partition = this.random.below(this.kafka.logs.length);
      this.kafka.append(partition, order);
      if (this.random.next() < 0.05) {
        this.kafka.append(partition, order);
        this.doubled++;
      }
      if (this.random.next() < 0.1) {
        const { reason, spoil } = this.random.pick(POISON);
        this.letters.set(`${partition}/${this.kafka.logs[partition].length}`, reason);
        this.kafka.append(partition, spoil(order));
      }
      await this.kafka.pass(60);
    }
  }

  async suffer(rounds: number): Promise<void> {
    this.kafka.faults = { receive: 0.02, seek: 0.1, commit: 0.2, skip: 0.005 };
    this.database.faults = { lost: 0.05, unknown: 0.05, slow: 0.02 };
    for (let round = 0; round < rounds; round++) {
      await this.kafka.pass(400);
      await this.random.pick(this.#blows)();
    }
    this.kafka.faults = NO_KAFKA_FAULTS;
    this.database.faults = NO_DATABASE_FAULTS;
  }

  readonly #blows: readonly (() => Promise<void> | void)[] = [
    () => this.start(),
    () => this.kafka.rebalance(),
    () => this.database.crash(),
    () => (this.members.length > 1 ? this.kill() : undefined),
    () => (this.members.length > 1 ? this.stop() : undefined),
    () => this.#away(this.database),
    () => this.#away(this.kafka),
  ];

  async #away(server: { away: boolean }): Promise<void> {
    server.away = true;
    await this.kafka.pass(3_000);
    server.away = false;
  }

  /** Until everything is stored, and stays stored. */
  async settle(): Promise<void> {
    const behind = (): boolean =>
      this.kafka.logs.some((log, at) => (this.database.state.next.get(at) ?? 0) < log.length);
    while (behind()) await this.time.sleep(50);
    // The last commits are gone, and records of the first partition alone come to tell.
    this.database.crash();
    const untilMs = this.time.monotonicMs() + RECOVERY_MS_MAX;
    while (behind()) {
      if (this.time.monotonicMs() > untilMs) throw new Error('the crash was not noticed');
      this.kafka.append(0, this.kafka.logs[0][0]); // a partition's first record is an order
      this.doubled++;
      await this.time.sleep(500);
    }
    await this.time.sleep(1_000);
    for (const { abort } of this.members) abort.abort();
    await Promise.all(this.members.map(({ done }) => done));
  }

  async run(): Promise<void> {
    this.start();
    await Promise.all([this.produce(), this.suffer(12)]);
    await this.settle();
  }
}

test(`${SEEDS} worlds full of faults: every order once, every poison in the dead letters`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(seed);
    try {
      await world.time.run(world.run(), 600_000);
      const { rows, letters, inserted, duplicates, rejected } = world.database.state;
      expect({ rows: rows.size, inserted, duplicates, rejected }).toEqual({
        rows: ORDERS,
        inserted: ORDERS,
        duplicates: world.doubled,
        rejected: world.letters.size,
      });
      expect(Object.fromEntries(letters)).toEqual(Object.fromEntries(world.letters));
      for (const [partition, next] of world.kafka.committed) {
        expect(next).toBeLessThanOrEqual(world.kafka.logs[partition].length);
      }
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
  }
}, 20_000);
