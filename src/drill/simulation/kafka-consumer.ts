import { PipelineError } from '../../base/errors.ts';
import type { StreamRecord } from '../../model/event.ts';
import type { Consumer, ConsumerOptions, OutgoingRecord } from '../../stream/port.ts';
import type { Ground, SimulatedProcess } from './process.ts';

/** One log of a topic. Offsets rise, and some of them have no record: markers, or what was compacted. */
export type PartitionLog = {
  records: StreamRecord[];
  sources: OutgoingRecord[]; // records[i] came as sources[i]
  end: number;
};

/** What a member needs of the brokers. */
export type Brokers = {
  readonly ground: Ground;
  readonly logs: readonly PartitionLog[]; // by partition
  readonly committed: Map<number, number>;
  readonly idleFactorMax: number;
  /** Told of each commit that the group took. */
  onCommit(partition: number, next: number): void;
  /** Throws while they are away. */
  check(): void;
  /** Waits for records or partitions to come. */
  news(msMax: number): Promise<void>;
  /** The first record at an offset or behind it: its index in the log. */
  indexOf(partition: number, offset: number): number;
  join(member: SimulatedConsumer): void;
  leave(member: SimulatedConsumer): void;
  /** A member that says nothing any more is missed in a while. */
  expectLeave(member: SimulatedConsumer): void;
  /** A member that stands still is missed if it does for long; what it has, it has all the same. */
  expectZombie(member: SimulatedConsumer, ms: number): void;
};

const DROP_SHARE = 0.01; // of records, by a driver that drops an error with what came along
const LEFT_SHARE = 0.4; // of partitions that go while records of them are on their way
const LEFT_MAX = 3;

/** A member of the group. Some tell of changes at once, some only with the next receive. */
export class SimulatedConsumer implements Consumer {
  /** Out of the group without knowing it. */
  expired = false;
  readonly #kafka: Brokers;
  readonly #process: SimulatedProcess;
  readonly #onAssignment: NonNullable<ConsumerOptions['onAssignment']>;
  #dealt = false; // it has been told of its partitions, or that it has none
  readonly #tellsLate: boolean;
  readonly #fetch = new Map<number, number>(); // next offset to hand out, of partitions held
  #untold: (() => void)[] = [];
  #left: StreamRecord[] = []; // fetched before their partition went, and handed out all the same
  #closed = false;

  constructor(
    kafka: Brokers,
    process: SimulatedProcess,
    onAssignment: NonNullable<ConsumerOptions['onAssignment']>,
  ) {
    this.#kafka = kafka;
    this.#process = process;
    this.#onAssignment = onAssignment;
    this.#tellsLate = kafka.ground.random.next() < 0.5;
    process.onKill(() => kafka.expectLeave(this));
    process.onFreeze((ms) => kafka.expectZombie(this, ms));
  }

  get holds(): number {
    return this.#fetch.size;
  }

  take(partitions: ReadonlySet<number>): void {
    const gone = [...this.#fetch.keys()].filter((partition) => !partitions.has(partition));
    const come = [...partitions].filter((partition) => !this.#fetch.has(partition));
    for (const partition of gone) {
      this.#leave(partition);
      this.#fetch.delete(partition);
    }
    for (const partition of come) {
      this.#fetch.set(partition, this.#kafka.committed.get(partition) ?? 0);
    }
    if (gone.length + come.length === 0 && this.#dealt) return;
    this.#dealt = true;
    this.#untold.push(() => {
      if (gone.length > 0) this.#onAssignment('revoked', gone);
      if (come.length > 0 || partitions.size === 0) this.#onAssignment('assigned', come);
    });
    const { frozenUntilMs, ground } = this.#process;
    if (!this.#tellsLate && frozenUntilMs <= ground.scheduler.nowMs) this.#tellAll();
  }

  async receive(max: number, waitMs: number): Promise<StreamRecord[]> {
    return await this.#call('kafka receive', () => this.#poll(max, waitMs));
  }

  async commit(positions: readonly { partition: number; next: number }[]): Promise<void> {
    await this.#call('kafka commit', () => {
      if (this.expired) throw new PipelineError('KAFKA_FAILED', 'not a member of the group');
      for (const { partition, next } of positions) {
        if (!this.#fetch.has(partition)) continue;
        this.#kafka.committed.set(partition, next);
        this.#kafka.onCommit(partition, next);
      }
    });
  }

  async seek(partition: number, offset: number): Promise<void> {
    await this.#call('kafka seek', () => {
      if (!this.#fetch.has(partition)) throw unreachable();
      this.#fetch.set(partition, offset);
      this.#left = this.#left.filter((record) => record.partition !== partition);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#process.call('kafka close', () => this.#kafka.leave(this), unreachable);
  }

  async #call<Result>(
    point: 'kafka receive' | 'kafka commit' | 'kafka seek',
    effect: () => Result | Promise<Result>,
  ): Promise<Result> {
    return await this.#process.call(
      point,
      () => {
        this.#kafka.check();
        return effect();
      },
      unreachable,
    );
  }

  async #poll(max: number, waitMs: number): Promise<StreamRecord[]> {
    const { ground } = this.#kafka;
    const leftMs = waitMs * (1 + ground.random.next() * this.#kafka.idleFactorMax);
    const untilMs = ground.scheduler.nowMs + leftMs;
    for (;;) {
      if (this.expired && !this.#closed) this.#rejoin();
      this.#tellAll();
      const records = this.#left.splice(0, max);
      for (const partition of this.#fetch.keys()) {
        this.#fetchInto(records, partition, max - records.length);
      }
      if (records.length > 0 || this.#closed || this.#process.dead) return records;
      const restMs = untilMs - ground.scheduler.nowMs;
      if (restMs <= 0) return [];
      await this.#kafka.news(restMs);
      this.#kafka.check();
    }
  }

  #rejoin(): void {
    this.expired = false;
    this.#kafka.join(this);
  }

  #leave(partition: number): void {
    const { random, faults } = this.#kafka.ground;
    if (!faults.on || random.next() >= LEFT_SHARE) return;
    const before = this.#left.length;
    this.#fetchInto(this.#left, partition, LEFT_MAX);
    if (this.#left.length > before) faults.tally.add('records of a partition that has gone');
  }

  #fetchInto(records: StreamRecord[], partition: number, max: number): void {
    const { random, faults } = this.#kafka.ground;
    const { records: log, end } = this.#kafka.logs[partition];
    let from = this.#fetch.get(partition) ?? end;
    if (from > end) from = 0; // as drivers go on where a broker has no such offset
    const index = this.#kafka.indexOf(partition, from);
    const until = Math.min(log.length, index + random.below(Math.max(0, max) + 1));
    for (let at = index; at < until; at++) {
      const dropped = faults.on && faults.event('record dropped by the driver', DROP_SHARE);
      if (!dropped) records.push(log[at]);
    }
    if (until > index) this.#fetch.set(partition, log[until - 1].offset + 1);
  }

  #tellAll(): void {
    const news = this.#untold;
    this.#untold = [];
    if (this.#process.dead) return;
    for (const tell of news) tell();
  }
}

export function unreachable(): PipelineError {
  return new PipelineError('KAFKA_UNREACHABLE', 'the brokers do not answer', { retryable: true });
}
