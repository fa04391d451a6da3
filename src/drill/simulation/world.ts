import { Random } from '../../base/random.ts';
import { keepBackfilling } from './backfill.ts';
import { follow, refresh, type CacheLog } from './cache.ts';
import { SimulatedDatabase } from './database.ts';
import { Faults, type Tally } from './faults.ts';
import { fold } from './folding.ts';
import { violationsIn } from './invariants.ts';
import { SimulatedKafka } from './kafka.ts';
import { ORDERS_MAX, START_MS } from './orders.ts';
import { Part } from './part.ts';
import type { Ground } from './process.ts';
import { SimulatedRedis } from './redis.ts';
import type { Running } from './running.ts';
import { Scheduler } from './scheduler.ts';
import {
  complaintOf,
  consumeOrders,
  produceOrders,
  vitalsOf,
  type Plant,
  type Progress,
  type Vitals,
} from './streaming.ts';
import { disturb, spoilStream } from './trouble.ts';

const CONSUMERS = 2; // at most, at the start
const ORDERS_MIN = 5;
const CRASH_SHARE = 0.25; // of worlds, whose database crashes once more when all is at rest
const POLL_MS = 250;
/** After the last fault: freezing 8 s, a lock that nobody lets go 12 s, silence of Kafka 30 s, waits between. */
const HEAL_MS_MAX = 120_000;
const STOP_MS_MAX = 5_000; // seed and issue: SIGTERM to exit
const WORLD_MS_MAX = 600_000;

export type WorldOptions = {
  tally: Tally;
  plant?: Plant;
  trace?: (line: string) => void;
};

/**
 * One shop from a seed: a producer, consumers that fold, a cache worker and who reads it, a backfill;
 * and the servers they need. First everything that can go wrong does, then it heals, then it must
 * come to rest, with everything in its place.
 *
 * Real is what decides: the sender, the consume loop with its batcher, the sink's state machine,
 * folding, the cache's refresh and reading, the backfill's days and writers, and every retry of them.
 * A model is what they talk to: Kafka and its drivers, PostgreSQL, Redis, time. No SQL and no script
 * runs here, what each does is told anew, so a mistake in its text is not found here. It is in the
 * live tests beside this file, which hold the models to real servers and plant one in the SQL.
 */
export class World {
  readonly ground: Ground;
  readonly kafka: SimulatedKafka;
  readonly database: SimulatedDatabase;
  readonly redis: SimulatedRedis;
  readonly consumers: Part[] = [];
  readonly producer: Part;
  readonly backfill: Part;
  readonly cacheParts: readonly Part[];
  readonly progress: Progress;
  readonly vitals: Vitals[] = [];
  readonly cache: CacheLog = { read: 0, loaded: null, seen: [], emptied: 0 };
  readonly violations: string[] = [];
  healMs = 0; // from the last fault to rest
  readonly #plant: Plant;

  constructor(seed: number, { tally, plant = {}, trace }: WorldOptions) {
    const random = new Random(seed, 'simulation');
    const scheduler = new Scheduler();
    const faults = new Faults(random, tally);
    this.ground = { scheduler, random, faults, wallMs: START_MS, trace: trace ?? null };
    this.#plant = plant;
    this.kafka = new SimulatedKafka(this.ground, 1 + random.below(3));
    this.database = new SimulatedDatabase(this.ground);
    this.redis = new SimulatedRedis(() => scheduler.nowMs);
    const count = ORDERS_MIN + random.below(ORDERS_MAX - ORDERS_MIN + 1);
    this.progress = { begun: 0, count, sent: [] };
    this.kafka.onCommit = (partition, next) => this.#checkHint(partition, next);
    const { kafka, database, redis, cache } = this;
    for (let i = random.below(CONSUMERS); i >= 0; i--) this.addConsumer();
    this.backfill = this.#part('backfill', (running) => keepBackfilling(running, database));
    this.producer = this.#part('producer', (running) =>
      produceOrders(running, { kafka, plant }, this.progress),
    );
    this.cacheParts = [
      this.#part('cache-worker', (running) => refresh(running, database, redis, cache)),
      this.#part('cache-reader', (running) => follow(running, redis, cache)),
    ];
  }

  get parts(): readonly Part[] {
    return [...this.consumers, this.producer, this.backfill, ...this.cacheParts];
  }

  /** Lives through it all, and returns what is wrong in the end. */
  run(): readonly string[] {
    const { scheduler } = this.ground;
    let over = false;
    this.#live().then(
      () => (over = true),
      (cause: unknown) => {
        this.violations.push(String(cause));
        over = true;
      },
    );
    try {
      scheduler.run(() => over, WORLD_MS_MAX);
    } catch (cause) {
      this.violations.push(String(cause));
    }
    for (const part of this.parts) part.release();
    if (this.violations.length === 0) this.violations.push(...violationsIn(this));
    for (const { reason } of this.database.state.letters.values()) {
      if (reason === 'database') this.ground.faults.tally.add('refused by the database');
    }
    return this.violations;
  }

  addConsumer(): void {
    const { kafka, database } = this;
    const part = this.#part(`consumer-${this.consumers.length + 1}`, async (running) => {
      const vitals = vitalsOf(running.process);
      this.vitals.push(vitals);
      const ends = fold(running, database);
      await consumeOrders(running, { kafka, database, plant: this.#plant }, vitals);
      await ends;
    });
    this.consumers.push(part);
  }

  async #live(): Promise<void> {
    const { faults, scheduler } = this.ground;
    faults.on = true;
    await Promise.all([disturb(this), spoilStream(this)]);
    faults.on = false;
    const healedMs = scheduler.nowMs;
    await this.#rest(healedMs);
    this.healMs = scheduler.nowMs - healedMs;
    if (this.ground.random.next() < CRASH_SHARE) {
      this.#crashAtRest();
      await this.#rest(scheduler.nowMs);
    }
    if (!this.#broken) await this.#stop();
  }

  #crashAtRest(): void {
    const { tally } = this.ground.faults;
    this.ground.trace?.('the database crashes, idle');
    tally.add('database crash');
    if (this.database.crash()) tally.add('database crash takes commits back');
  }

  async #rest(sinceMs: number): Promise<void> {
    const { scheduler } = this.ground;
    for (let open = this.#open(); open !== null && !this.#broken; open = this.#open()) {
      if (scheduler.nowMs - sinceMs > HEAL_MS_MAX) throw new Error(`no rest: ${open}`);
      await scheduler.sleep(POLL_MS);
    }
  }

  get #broken(): boolean {
    return this.violations.length + this.database.violations.length > 0;
  }

  /** What is still to be done; null: nothing. */
  #open(): string | null {
    const { kafka, database, cache } = this;
    const { offsets, effects, runs } = database.state;
    const behind = kafka.logs.findIndex(
      (_, partition) => (offsets.get(partition)?.next ?? 0) < kafka.endOf(partition),
    );
    if (!this.producer.ended) return 'orders are not sent';
    if (behind >= 0) return `partition ${behind} is not stored`;
    if (effects.size > 0) return 'effects are not applied';
    if (![...runs.values()].some(({ finished }) => finished)) return 'the backfill is not finished';
    if (cache.loaded === null) return 'the cache is empty';
    if (cache.seen.at(-1)?.users[0].name !== cache.loaded) return 'the cache is not read';
    const absent = this.parts.find((part) => part.absent);
    if (absent) return `${absent.process.name} is not back`;
    for (const vitals of this.vitals) {
      const complaint = complaintOf(vitals);
      if (complaint !== null) return `${vitals.process.name} says: ${complaint}`;
    }
    return null;
  }

  async #stop(): Promise<void> {
    const { scheduler } = this.ground;
    for (const part of this.parts) part.stop(true);
    const sinceMs = scheduler.nowMs;
    while (this.parts.some(({ ended }) => !ended)) {
      if (scheduler.nowMs - sinceMs > STOP_MS_MAX) throw new Error('a part does not stop');
      await scheduler.sleep(POLL_MS);
    }
    while (scheduler.waiting > 0) await scheduler.sleep(POLL_MS);
  }

  #part(name: string, run: (running: Running) => Promise<void>): Part {
    const onFailure = (cause: unknown): void => {
      this.violations.push(`${name} failed: ${String(cause)}`);
    };
    return new Part({ name, ground: this.ground, run, onFailure });
  }

  #checkHint(partition: number, next: number): void {
    const stored = this.database.highest.get(partition) ?? 0;
    if (next <= stored) return;
    this.violations.push(
      `Kafka was told ${next} of partition ${partition}, of which ${stored} is stored`,
    );
  }
}
