import type { ConsumerOptions, OutgoingRecord } from '../../stream/port.ts';
import {
  SimulatedConsumer,
  unreachable,
  type Brokers,
  type PartitionLog,
} from './kafka-consumer.ts';
import type { Ground, SimulatedProcess } from './process.ts';

const SESSION_MS = [300, 1_000, 4_000]; // a silent member loses its partitions after this
const FIRST_OFFSETS = [0, 0, 7]; // what was before has been thrown away
const HOLE_SHARE = 0.03;

/** A topic and the one group that reads it, as bad as real ones and worse. */
export class SimulatedKafka implements Brokers {
  away = false;
  /** Over the time that a receive should wait at most: brokers may be slow to say that nothing came. */
  idleFactorMax = 20;
  readonly ground: Ground;
  readonly logs: PartitionLog[]; // by partition
  readonly committed = new Map<number, number>();
  onCommit: (partition: number, next: number) => void = () => undefined;
  readonly #sessionMs: number;
  readonly #members = new Set<SimulatedConsumer>();
  #waiting: (() => void)[] = [];

  constructor(ground: Ground, partitions: number, firstOffsets = FIRST_OFFSETS) {
    const { random } = ground;
    this.ground = ground;
    this.#sessionMs = random.pick(SESSION_MS);
    this.logs = Array.from({ length: partitions }, () => ({
      records: [],
      sources: [],
      end: random.pick(firstOffsets),
    }));
  }

  /** Records of one key stay together. */
  partitionOf({ key }: OutgoingRecord): number {
    return (key?.at(-1) ?? 0) % this.logs.length;
  }

  append(partition: number, source: OutgoingRecord): void {
    const log = this.logs[partition];
    const { faults, random } = this.ground;
    if (faults.on && faults.event('offset without a record', HOLE_SHARE)) {
      log.end += 1 + random.below(2);
    }
    const { topic, key, value, headers } = source;
    log.records.push({ topic, partition, offset: log.end++, key, value, headers });
    log.sources.push(source);
    this.#tell();
  }

  indexOf(partition: number, offset: number): number {
    const { records } = this.logs[partition];
    let index = Math.min(offset, records.length);
    while (index > 0 && records[index - 1].offset >= offset) index--;
    return index;
  }

  /** Where a partition is read through: behind its last record. */
  endOf(partition: number): number {
    const last = this.logs[partition].records.at(-1);
    return last === undefined ? 0 : last.offset + 1;
  }

  async ends(process: SimulatedProcess): Promise<Map<number, number>> {
    return await process.call(
      'kafka ends',
      () => {
        this.check();
        return new Map(this.logs.map(({ end }, partition) => [partition, end]));
      },
      unreachable,
    );
  }

  async open(
    process: SimulatedProcess,
    onAssignment: NonNullable<ConsumerOptions['onAssignment']>,
  ): Promise<SimulatedConsumer> {
    let member: SimulatedConsumer | null = null;
    try {
      return await process.call(
        'kafka open',
        () => {
          this.check();
          member = new SimulatedConsumer(this, process, onAssignment);
          this.join(member);
          return member;
        },
        unreachable,
      );
    } catch (cause) {
      if (member !== null) this.expectLeave(member); // nobody has it, so nobody polls it
      throw cause;
    }
  }

  join(member: SimulatedConsumer): void {
    this.#members.add(member);
    this.rebalance();
  }

  leave(member: SimulatedConsumer): void {
    if (!this.#members.delete(member)) return;
    member.take(new Set());
    this.rebalance();
  }

  expectLeave(member: SimulatedConsumer): void {
    this.ground.scheduler.after(this.#sessionMs, () => this.leave(member));
  }

  expectZombie(member: SimulatedConsumer, ms: number): void {
    if (ms < this.#sessionMs) return;
    this.ground.scheduler.after(this.#sessionMs, () => {
      if (!this.#members.has(member)) return;
      this.ground.faults.tally.add('zombie');
      member.expired = true;
      this.leave(member);
    });
  }

  /** Partitions are dealt out anew, by chance; some stay where they were, some members get none. */
  rebalance(): void {
    const members = [...this.#members];
    const dealt = new Map(members.map((member) => [member, new Set<number>()]));
    for (const partition of this.logs.keys()) {
      if (members.length > 0) dealt.get(this.ground.random.pick(members))?.add(partition);
    }
    for (const [member, partitions] of dealt) member.take(partitions);
    this.#tell();
  }

  async news(msMax: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.ground.scheduler.after(msMax, resolve);
      this.#waiting.push(() => {
        timer.wake = null;
        resolve();
      });
    });
  }

  check(): void {
    if (this.away) throw unreachable();
  }

  #tell(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
