import { PipelineError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Batch, OrderEvent, RejectReason, Sink, Stored } from '../model/event.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** What a server has committed. Its counts go back with it when it crashes. */
type State = {
  atMs: number;
  rows: Map<string, OrderEvent>;
  letters: Map<string, RejectReason>; // by partition and offset
  next: Map<number, number>;
  inserted: number;
  duplicates: number;
  rejected: number;
};

/** How often things go wrong, in parts of one. `unknown`: committed, but the answer was lost. */
export type DatabaseFaults = { lost: number; unknown: number; slow: number };

export const NO_DATABASE_FAULTS: DatabaseFaults = { lost: 0, unknown: 0, slow: 0 };

const LAZY_MS = 600; // a crash may take back commits that are no older than this
const WRITE_MS_MAX = 20;
const SLOW_MS_MAX = 4_000;

/** A server that many sinks write to, each transaction at one instant. */
export class SimulatedDatabase {
  faults = NO_DATABASE_FAULTS;
  away = false;
  readonly time: SimulatedTime;
  readonly random: Random;
  #history: State[]; // the latest last; those that a crash may still go back to

  constructor(time: SimulatedTime, random: Random) {
    this.time = time;
    this.random = random;
    const nothing = { inserted: 0, duplicates: 0, rejected: 0, atMs: 0 };
    this.#history = [{ ...nothing, rows: new Map(), letters: new Map(), next: new Map() }];
  }

  get state(): State {
    return this.#history[this.#history.length - 1];
  }

  commit(state: Omit<State, 'atMs'>): void {
    const atMs = this.time.monotonicMs();
    const sure = this.#history.findLastIndex((past) => past.atMs <= atMs - LAZY_MS);
    this.#history = [...this.#history.slice(Math.max(0, sure)), { ...state, atMs }];
  }

  crash(): void {
    const sureMs = this.time.monotonicMs() - LAZY_MS;
    const sure = this.#history.findLastIndex((past) => past.atMs <= sureMs);
    const keep = Math.max(0, sure) + this.random.below(this.#history.length - Math.max(0, sure));
    this.#history = this.#history.slice(0, keep + 1);
  }

  sink(): Sink<OrderEvent> {
    return new SimulatedSink(this);
  }

  async step(): Promise<void> {
    const slow = this.random.next() < this.faults.slow;
    await this.time.sleep(this.random.between(0, slow ? SLOW_MS_MAX : WRITE_MS_MAX));
    if (this.away) throw new PipelineError('DATABASE_UNREACHABLE', 'away', { retryable: true });
    if (this.random.next() < this.faults.lost) throw lost();
  }
}

class SimulatedSink implements Sink<OrderEvent> {
  readonly #database: SimulatedDatabase;
  #known = new Map<number, number>(); // as this sink last saw them

  constructor(database: SimulatedDatabase) {
    this.#database = database;
  }

  async write(batch: Batch<OrderEvent>): Promise<Stored> {
    await this.#database.step();
    const { state, random, faults } = this.#database;
    const next = new Map(state.next);
    for (const { partition, from, next: to } of batch.ranges) {
      // Known to this sink, and gone: a crash took the partition's first commit along.
      const at = next.get(partition) ?? (this.#known.has(partition) ? 0 : from);
      if (from > at) throw new PipelineError('OFFSET_GAP', `${from} > ${at}`);
      if (to > at && from < at && this.#known.get(partition) !== at) {
        throw new PipelineError('OFFSET_TAKEN', `${from} < ${at}`);
      }
      next.set(partition, Math.max(at, to));
    }
    const isNew = ({ partition, offset }: { partition: number; offset: number }): boolean =>
      offset >= (state.next.get(partition) ?? 0);
    const rows = new Map(state.rows);
    const letters = new Map(state.letters);
    let duplicates = 0;
    for (const [index, event] of batch.events.entries()) {
      if (!isNew(batch.records[index])) continue;
      if (rows.has(event.orderId)) duplicates++;
      rows.set(event.orderId, event);
    }
    for (const { record, reason } of batch.rejected) {
      if (isNew(record)) letters.set(`${record.partition}/${record.offset}`, reason);
    }
    const inserted = rows.size - state.rows.size;
    const rejected = letters.size - state.letters.size;
    for (const { partition } of batch.ranges) {
      this.#known.set(partition, next.get(partition) ?? 0);
    }
    this.#database.commit({
      rows,
      letters,
      next,
      inserted: state.inserted + inserted,
      duplicates: state.duplicates + duplicates,
      rejected: state.rejected + rejected,
    });
    if (random.next() < faults.unknown) throw lost();
    const skipped = batch.events.length + batch.rejected.length - inserted - duplicates - rejected;
    const seconds = { copy: 0, merge: 0, commit: 0 };
    return { skipped, inserted, duplicates, rejected, seconds };
  }

  async positions(): Promise<Map<number, number>> {
    await this.#database.step();
    const { next } = this.#database.state;
    this.#known = new Map(next);
    return new Map(next);
  }

  async close(): Promise<void> {
    // Nothing is held open.
  }
}

function lost(): PipelineError {
  return new PipelineError('DATABASE_LOST', 'connection lost', { retryable: true });
}
