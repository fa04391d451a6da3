import { PipelineError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { StreamRecord } from '../model/event.ts';
import type { Consumer, ConsumerOptions } from './port.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** How often things go wrong, in parts of one. */
export type KafkaFaults = { receive: number; seek: number; commit: number; skip: number };

export const NO_KAFKA_FAULTS: KafkaFaults = { receive: 0, seek: 0, commit: 0, skip: 0 };

const CALL_MS_MAX = 5;

/** A topic and the one group that reads it, as bad as real ones and worse. */
export class SimulatedKafka {
  faults = NO_KAFKA_FAULTS;
  away = false;
  readonly time: SimulatedTime;
  readonly random: Random;
  readonly logs: StreamRecord[][]; // by partition
  readonly committed = new Map<number, number>();
  readonly #members = new Set<SimulatedConsumer>();
  #news = new AbortController();

  constructor(time: SimulatedTime, random: Random, partitions: number) {
    this.time = time;
    this.random = random;
    this.logs = Array.from({ length: partitions }, () => []);
  }

  append(partition: number, content: Omit<StreamRecord, 'partition' | 'offset'>): void {
    const log = this.logs[partition];
    log.push({ ...content, partition, offset: log.length });
    this.#tell();
  }

  /** Where the partitions end. */
  async ends(): Promise<Map<number, number>> {
    return new Map(this.logs.map((log, partition) => [partition, log.length]));
  }

  chance(share: number): boolean {
    return this.random.next() < share;
  }

  async pass(msMax: number): Promise<void> {
    await this.time.sleep(this.random.between(0, msMax));
  }

  open(onAssignment: NonNullable<ConsumerOptions['onAssignment']>): SimulatedConsumer {
    const member = new SimulatedConsumer(this, onAssignment);
    this.#members.add(member);
    this.rebalance();
    return member;
  }

  leave(member: SimulatedConsumer): void {
    if (this.#members.delete(member)) this.rebalance();
  }

  /** Partitions are dealt out anew, by chance; some stay where they were, some members get none. */
  rebalance(): void {
    const members = [...this.#members];
    const dealt = new Map(members.map((member) => [member, new Set<number>()]));
    for (const partition of this.logs.keys()) {
      if (members.length > 0) dealt.get(this.random.pick(members))?.add(partition);
    }
    for (const [member, partitions] of dealt) member.take(partitions);
    this.#tell();
  }

  /** Waits for records or partitions to come. */
  async news(msMax: number): Promise<void> {
    await this.time.sleep(msMax, this.#news.signal);
  }

  #tell(): void {
    this.#news.abort();
    this.#news = new AbortController();
  }
}

/** A member. Some tell of changes at once, some only with the next receive. */
export class SimulatedConsumer implements Consumer {
  readonly #kafka: SimulatedKafka;
  readonly #onAssignment: NonNullable<ConsumerOptions['onAssignment']>;
  readonly #tellsLate: boolean;
  readonly #fetch = new Map<number, number>(); // next offset to hand out, of partitions held
  #untold: (() => void)[] = [];
  #left: StreamRecord[] = []; // fetched before their partition went, and handed out all the same
  #dead = false;
  #closed = false;

  constructor(kafka: SimulatedKafka, onAssignment: NonNullable<ConsumerOptions['onAssignment']>) {
    this.#kafka = kafka;
    this.#onAssignment = onAssignment;
    this.#tellsLate = kafka.chance(0.5);
  }

  /** No call of it comes back any more; the group notices. */
  kill(): void {
    this.#dead = true;
    this.#kafka.leave(this);
  }

  take(partitions: ReadonlySet<number>): void {
    const gone = [...this.#fetch.keys()].filter((partition) => !partitions.has(partition));
    const come = [...partitions].filter((partition) => !this.#fetch.has(partition));
    for (const partition of gone) {
      if (this.#kafka.chance(0.3)) this.#left.push(...this.#fetched(partition, 3));
      this.#fetch.delete(partition);
    }
    for (const partition of come) {
      this.#fetch.set(partition, this.#kafka.committed.get(partition) ?? 0);
    }
    this.#tell(() => {
      if (gone.length > 0) this.#onAssignment('revoked', gone);
      if (come.length > 0 || partitions.size === 0) this.#onAssignment('assigned', come);
    });
  }

  async receive(max: number, waitMs: number): Promise<StreamRecord[]> {
    await this.#step('receive');
    const untilMs = this.#kafka.time.monotonicMs() + waitMs;
    for (;;) {
      this.#tellAll();
      const records = this.#left.splice(0, max);
      for (const partition of this.#fetch.keys()) {
        records.push(...this.#fetched(partition, max - records.length));
      }
      if (records.length > 0 || this.#closed) return records;
      const leftMs = untilMs - this.#kafka.time.monotonicMs();
      if (leftMs <= 0) return [];
      await this.#kafka.news(leftMs);
    }
  }

  async commit(positions: readonly { partition: number; next: number }[]): Promise<void> {
    await this.#step('commit');
    for (const { partition, next } of positions) {
      if (this.#fetch.has(partition)) this.#kafka.committed.set(partition, next);
    }
  }

  async seek(partition: number, offset: number): Promise<void> {
    await this.#step('seek');
    if (!this.#fetch.has(partition)) throw failure('not held', true);
    this.#fetch.set(partition, offset);
    this.#left = this.#left.filter((record) => record.partition !== partition);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#kafka.pass(20);
    this.#kafka.leave(this);
  }

  async #step(call: 'receive' | 'seek' | 'commit'): Promise<void> {
    await this.#kafka.pass(CALL_MS_MAX);
    if (this.#dead) await new Promise(() => undefined);
    if (this.#kafka.away) throw failure('away', true);
    if (this.#kafka.chance(this.#kafka.faults[call])) throw failure(`${call} failed`, true);
  }

  #fetched(partition: number, max: number): StreamRecord[] {
    const log = this.#kafka.logs[partition];
    let from = this.#fetch.get(partition) ?? log.length;
    if (from > log.length) from = 0; // as drivers go on where a broker has no such offset
    const to = Math.min(log.length, from + this.#kafka.random.below(Math.max(0, max) + 1));
    this.#fetch.set(partition, Math.max(from, to));
    // A driver that drops an error drops what came with it.
    return log.slice(from, to).filter(() => !this.#kafka.chance(this.#kafka.faults.skip));
  }

  #tell(news: () => void): void {
    if (this.#tellsLate) this.#untold.push(news);
    else news();
  }

  #tellAll(): void {
    const news = this.#untold;
    this.#untold = [];
    for (const tell of news) tell();
  }
}

function failure(message: string, retryable: boolean): PipelineError {
  return new PipelineError('KAFKA_UNREACHABLE', message, { retryable });
}
