import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { metrics } from '../base/metrics.ts';
import type { Batch, OffsetRange, Rejected, Sink, Stored, StreamRecord } from '../model/event.ts';
import { planBatch, taken, type Plan } from './sink-plan.ts';
import {
  RowsRefused,
  type Move,
  type RefusedRow,
  type SinkStore,
  type SinkTransaction,
} from './sink-transaction.ts';

/** `copy` is fast and takes only rows that are all new and sound; `merge` finds out which are. */
type Way = 'copy' | 'merge';

/** What became of a plan's events, by index; the others were duplicates. */
type Landing = {
  landed: readonly number[] | 'all';
  refused: readonly RefusedRow[];
};

/**
 * Stores each record exactly once: rows, dead letters, effects and offsets in one transaction. The
 * offsets are locked first, so that two consumers of a partition follow each other and never wait
 * for each other's rows. A commit whose answer was lost is settled by writing the batch again: if it
 * went through, all of the batch lies below the stored offset.
 */
export class ExactlyOnceSink<Event> implements Sink<Event> {
  readonly #store: SinkStore<Event>;
  readonly #clock: () => number;
  #known: Map<number, number> | null = null; // next offsets as this sink last saw them
  #way: Way;
  #closed = false;

  constructor(store: SinkStore<Event>, clock: () => number = monotonicMs) {
    this.#store = store;
    this.#clock = clock;
    this.#way = store.copies ? 'copy' : 'merge';
  }

  async write(batch: Batch<Event>): Promise<Stored> {
    const { topic, group } = this.#store;
    if (batch.topic !== topic || batch.group !== group) {
      throw new Error(`a batch of ${batch.group} in the sink of ${group}`);
    }
    try {
      return await this.#attempt(batch, this.#way);
    } catch (cause) {
      if (!(cause instanceof RowsRefused)) throw cause;
      return await this.#attempt(batch, 'merge');
    }
  }

  async positions(): Promise<Map<number, number>> {
    const positions = await this.#ask(() => this.#store.positions());
    this.#known = new Map(positions);
    return positions;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#store.close();
  }

  async #attempt(batch: Batch<Event>, way: Way): Promise<Stored> {
    const startedMs = this.#clock();
    const transaction = await this.#ask(() => this.#store.begin());
    let stored: Map<number, number>;
    let plan: Plan<Event>;
    let landing: Landing;
    let rowsMs: number;
    try {
      stored = await transaction.claim(batch.ranges);
      plan = planBatch(batch, stored, this.#known);
      landing = await land(transaction, plan.events, way);
      rowsMs = this.#clock() - startedMs;
      await finish(transaction, batch, plan, landing);
    } catch (cause) {
      await transaction.rollback();
      throw cause;
    }
    this.#see(stored, plan.moves);
    const inserted = landedCount(plan, landing);
    const duplicates = plan.events.length - inserted - landing.refused.length;
    this.#turn(way, duplicates + landing.refused.length);
    return {
      skipped: plan.skipped,
      inserted,
      duplicates,
      rejected: plan.rejected.length + landing.refused.length,
      seconds: {
        copy: way === 'copy' ? rowsMs / 1_000 : 0,
        merge: way === 'merge' ? rowsMs / 1_000 : 0,
        commit: (this.#clock() - startedMs - rowsMs) / 1_000,
      },
    };
  }

  /** What is still at it when the sink is closed must not connect anew, or nobody would ever end that. */
  async #ask<Result>(ask: () => Promise<Result>): Promise<Result> {
    if (!this.#closed) {
      const answer = await ask();
      if (!this.#closed) return answer;
      await this.#store.close();
    }
    throw new PipelineError('INTERRUPTED', 'the sink is closed');
  }

  #see(stored: ReadonlyMap<number, number>, moves: readonly OffsetRange[]): void {
    this.#known ??= new Map();
    for (const [partition, next] of stored) this.#known.set(partition, next);
    for (const { partition, next } of moves) this.#known.set(partition, next);
  }

  /** Duplicates come in runs, as when a topic is read again: as long as they do, no COPY is tried. */
  #turn(way: Way, odd: number): void {
    if (way === 'merge' && this.#store.copies) this.#way = odd === 0 ? 'copy' : 'merge';
  }
}

async function land<Event>(
  transaction: SinkTransaction<Event>,
  events: readonly Event[],
  way: Way,
): Promise<Landing> {
  if (way === 'merge') return await sift(transaction, events);
  if (events.length > 0) await transaction.copy(events);
  return { landed: 'all', refused: [] };
}

/**
 * Merges all events but those that the database refuses. Those that cannot even be sent are known
 * without it; the others are found by halving what was refused, so each costs about 2 log2(n) tries.
 * Left halves go first: of two rows that clash the earlier one stays. All within the transaction,
 * since parts of several partitions have no offsets of their own.
 */
async function sift<Event>(
  transaction: SinkTransaction<Event>,
  events: readonly Event[],
): Promise<Landing> {
  const landed: number[] = [];
  const refused: RefusedRow[] = [];
  const all = Array.from(events.keys());
  const parts = all.length > 0 ? [all] : [];
  for (let part = parts.pop(); part; part = parts.pop()) {
    try {
      const places = await transaction.merge(part.map((index) => events[index]));
      for (const place of places) landed.push(part[place]);
    } catch (cause) {
      if (!(cause instanceof RowsRefused)) throw cause;
      const unsendable = part === all ? transaction.screen(events) : [];
      refused.push(...unsendable);
      if (unsendable.length > 0) parts.push(without(all, unsendable));
      else if (part.length > 1) parts.push(...halvesOf(part));
      else refused.push({ index: part[0], message: cause.message });
    }
  }
  return { landed, refused };
}

function without(indexes: readonly number[], refused: readonly RefusedRow[]): number[] {
  const out = new Set(refused.map(({ index }) => index));
  return indexes.filter((index) => !out.has(index));
}

/** The right half first, as parts are taken from the end. */
function halvesOf(indexes: readonly number[]): number[][] {
  const middle = indexes.length >>> 1;
  return [indexes.slice(middle), indexes.slice(0, middle)];
}

async function finish<Event>(
  transaction: SinkTransaction<Event>,
  batch: Batch<Event>,
  plan: Plan<Event>,
  landing: Landing,
): Promise<void> {
  if (plan.moves.length === 0) {
    await transaction.rollback(); // all of it was stored before
    return;
  }
  const refused = landing.refused.map(({ index, message }): Rejected => ({
    record: plan.records[index],
    reason: 'database',
    message,
  }));
  const letters = [...plan.rejected, ...refused];
  if (letters.length > 0) await transaction.bury(letters);
  const { landed } = landing;
  const rows = landed === 'all' ? plan.events : landed.map((index) => plan.events[index]);
  if (rows.length > 0) await transaction.note(rows);
  if (!(await transaction.advance(movesOf(plan, landing)))) {
    const { partition, from, next } = plan.moves[0];
    throw taken(batch, partition, from, next);
  }
  await transaction.commit();
  metrics.inserted.inc({ table: batch.topic }, rows.length);
  for (const { reason } of letters) metrics.deadLetters.inc({ topic: batch.topic, reason });
}

function landedCount<Event>({ events }: Plan<Event>, { landed }: Landing): number {
  return landed === 'all' ? events.length : landed.length;
}

/** The counts by partition, for the audit: inserted + duplicates + rejected are all records. */
function movesOf<Event>(plan: Plan<Event>, { landed, refused }: Landing): Move[] {
  const moves = plan.moves.map((move) => ({ ...move, inserted: 0, duplicates: 0, rejected: 0 }));
  if (moves.length === 1 && landed === 'all') {
    return [{ ...moves[0], inserted: plan.events.length, rejected: plan.rejected.length }];
  }
  const byPartition = new Map(moves.map((move) => [move.partition, move]));
  const of = ({ partition }: StreamRecord): Move => {
    const move = byPartition.get(partition);
    if (!move) throw new Error(`a record of partition ${partition}, which the batch lacks`);
    return move;
  };
  if (landed === 'all') {
    for (const record of plan.records) of(record).inserted++;
  } else {
    for (const record of plan.records) of(record).duplicates++; // until it turns out otherwise
    for (const index of landed) {
      of(plan.records[index]).duplicates--;
      of(plan.records[index]).inserted++;
    }
    for (const { index } of refused) {
      of(plan.records[index]).duplicates--;
      of(plan.records[index]).rejected++;
    }
  }
  for (const { record } of plan.rejected) of(record).rejected++;
  return moves;
}
