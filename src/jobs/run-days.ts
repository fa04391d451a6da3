import { PipelineError } from '../base/errors.ts';
import type { DayPlan } from '../model/calendar.ts';
import type { LedgerDay, Run } from '../store/runs.ts';
import type { BatchWriter } from './batch-writer.ts';

/** A part of a day: rows as COPY takes them. */
export type Piece = { bytes: Uint8Array; rows: number; carts: number };

export type RunDaysOptions = {
  run: Run;
  plans: readonly DayPlan[];
  /** Makes a day's rows, alike at every start; `firstCart` are the plans' counts before it. */
  make: (plan: DayPlan, firstCart: number) => AsyncIterable<Piece>;
  writers: readonly BatchWriter[];
  batchRows: number; // a transaction ends with the day that reaches so many
  signal?: AbortSignal;
  onProgress?: (rows: number, date: string) => void;
};

/**
 * The days of a run, made and stored. They are made strictly in order, since what a day's orders
 * change decides the days after, and those that an earlier start has stored are made again: not to be
 * written, but to be compared. A transaction holds whole days and their ledger rows. Writers take
 * turns, so a start that was killed may have left a hole, which the next one fills.
 */
export class RunDays {
  readonly ledger: LedgerDay[] = [];
  rows = 0;
  rowsStoredBefore = 0; // by an earlier start
  readonly #options: RunDaysOptions;
  #batch: { writer: BatchWriter; days: LedgerDay[]; rows: number } | null = null;
  #batches = 0;

  constructor(options: RunDaysOptions) {
    this.#options = options;
  }

  get carts(): number {
    return this.ledger.reduce((sum, day) => sum + day.carts, 0);
  }

  /** Of all days' rows, in order: the days' checksums, folded. */
  get checksum(): string {
    let hash = 0n;
    for (const day of this.ledger) hash = Bun.hash.xxHash64(day.checksum, hash);
    return hexOf(hash);
  }

  /** Until every day is stored; once aborted, throws INTERRUPTED with whole days stored. */
  async store(): Promise<void> {
    const { plans, signal } = this.#options;
    let firstCart = 0;
    for (const plan of plans) {
      if (signal?.aborted) await this.#stop();
      await this.#day(plan, firstCart);
      firstCart += plan.count;
    }
    await this.#commitAll();
  }

  async #day(plan: DayPlan, firstCart: number): Promise<void> {
    const { run, make, onProgress } = this.#options;
    const stored = run.days.get(plan.date);
    const writer = stored ? null : this.#writerOfBatch();
    let hash = 0n;
    let orders = 0;
    let carts = 0;
    for await (const piece of make(plan, firstCart)) {
      hash = Bun.hash.xxHash64(piece.bytes, hash);
      orders += piece.rows;
      carts += piece.carts;
      await writer?.push(piece.bytes);
      onProgress?.(this.rows + orders, plan.date);
    }
    const { date, scenario, count: planned } = plan;
    const day: LedgerDay = { date, scenario, planned, orders, carts, checksum: hexOf(hash) };
    this.rows += orders;
    this.ledger.push(day);
    if (stored) {
      checkStored(run.run, stored, day);
      this.rowsStoredBefore += orders;
    } else {
      this.#enter(day);
    }
  }

  /** The writer of the batch in hand; batches take turns, so one is written while the next is made. */
  #writerOfBatch(): BatchWriter {
    const { writers } = this.#options;
    if (!this.#batch) {
      const writer = writers[this.#batches++ % writers.length];
      writer.begin();
      this.#batch = { writer, days: [], rows: 0 };
    }
    return this.#batch.writer;
  }

  #enter(day: LedgerDay): void {
    if (!this.#batch) return;
    this.#batch.days.push(day);
    this.#batch.rows += day.orders;
    if (this.#batch.rows >= this.#options.batchRows) this.#commitBatch();
  }

  #commitBatch(): void {
    if (!this.#batch) return;
    this.#batch.writer.commit(this.#batch.days);
    this.#batch = null;
  }

  async #commitAll(): Promise<void> {
    this.#commitBatch();
    for (const writer of this.#options.writers) await writer.drain();
  }

  /** Stores the whole days that are made, a second or two of work, and ends the run unfinished. */
  async #stop(): Promise<never> {
    await this.#commitAll();
    const before = this.#options.run.days; // some of them may not have been gone through again
    const made = this.ledger.filter((day) => !before.has(day.date));
    throw new PipelineError(
      'INTERRUPTED',
      `stopped with ${before.size + made.length} of ${this.#options.plans.length} days stored; ` +
        '`bun run millrace backfill --resume` goes on',
    );
  }
}

function hexOf(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}

function checkStored(run: number, stored: LedgerDay, made: LedgerDay): void {
  if (stored.checksum === made.checksum && stored.orders === made.orders) return;
  throw new PipelineError(
    'RUN_CONFLICT',
    `${made.date} of run ${run} would come out differently now: orders it builds on have changed; ` +
      'delete its rows with `bun run millrace backfill --discard` and start again',
  );
}
