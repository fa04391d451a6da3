import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import type { Pool } from '../base/thread-pool.ts';
import { checkMonth } from '../recommend/day.ts';
import { VECTOR_FIELDS, type CustomerTable } from '../recommend/customers.ts';
import { openPool } from '../recommend/kernels.ts';
import { loadTrainingData } from '../recommend/train.ts';
import { connect, type Client } from '../store/client.ts';
import { countVectors, readVectors } from '../store/customer-vectors.ts';
import { failRecommendRun, noticeDeath } from '../store/publish.ts';
import { claimMonths, lastIngest, unfinishedRecommendRun } from '../store/recommend-runs.ts';
import { WRITER_NAME } from './ingest-writer.ts';

export type MonthOptions = {
  month: string; // 2025-12
  threads: number; // changes no result
  signal?: AbortSignal;
  onProgress?: (done: number, total: number, phase: string) => void;
};

/** A month and who works on it: one connection that keeps all others off, and the threads. */
export class MonthWork {
  readonly databaseUrl: string;
  readonly client: Client;
  readonly pool: Pool;
  readonly month: string;
  readonly first: string; // day
  readonly firstMs: number;
  seconds: Record<string, number> = {}; // by phase
  goesOn = 'the same command goes on'; // told to who stops the work
  readonly #options: MonthOptions;
  #started = monotonicMs();
  #phase = '';
  #phaseStarted = 0;
  #table: CustomerTable | null = null;

  private constructor(databaseUrl: string, client: Client, pool: Pool, options: MonthOptions) {
    this.databaseUrl = databaseUrl;
    this.client = client;
    this.pool = pool;
    this.month = options.month;
    this.first = `${options.month}-01`;
    this.firstMs = Date.parse(`${this.first}T00:00:00Z`);
    this.#options = options;
  }

  /** Opens a month whose ingest is complete, does the work, and lets go of everything. */
  static async with<Result>(
    databaseUrl: string,
    options: MonthOptions,
    work: (month: MonthWork) => Promise<Result>,
  ): Promise<Result> {
    checkMonth(options.month);
    const client = await connect(databaseUrl, 'millrace recommend');
    let pool: Pool | null = null;
    try {
      await noticeDeath(client);
      await claimMonths(client, WRITER_NAME);
      pool = openPool(options.threads);
      const month = new MonthWork(databaseUrl, client, pool, options);
      await month.#refuseUnfinished();
      return await work(month);
    } catch (cause) {
      client.connection.stream.destroy(); // it may be in the middle of a COPY nobody reads
      throw cause;
    } finally {
      pool?.close();
      await client.end().catch(() => undefined); // already gone: nothing is left to close
    }
  }

  /** Counts time anew, for work that follows other work on the same month. */
  restart(): void {
    this.end();
    this.seconds = {};
    this.#started = monotonicMs();
  }

  /** The month's customers, read once. */
  async table(): Promise<CustomerTable> {
    this.#table ??= await this.#read();
    return this.#table;
  }

  /** Ends the phase before and begins another; stops here if asked to. */
  begin(phase: string, total = this.#table?.count ?? 0): void {
    this.end();
    this.#stopIfAsked();
    this.#phase = phase;
    this.#phaseStarted = monotonicMs();
    this.progress(0, total);
  }

  end(): void {
    if (this.#phase === '') return;
    const seconds = (monotonicMs() - this.#phaseStarted) / 1_000;
    this.seconds[this.#phase] = (this.seconds[this.#phase] ?? 0) + seconds;
    this.#phase = '';
  }

  progress(done: number, total = this.#table?.count ?? 0): void {
    this.#stopIfAsked();
    this.#options.onProgress?.(done, total, this.#phase);
  }

  secondsSoFar(): number {
    return (monotonicMs() - this.#started) / 1_000;
  }

  async #read(): Promise<CustomerTable> {
    this.begin('read');
    const count = await countVectors(this.client, this.first);
    await this.#refuseOthers(count);
    this.progress(0, count);
    const rows = await readVectors(this.client, this.first, VECTOR_FIELDS);
    const table = await loadTrainingData(rows, count, (done) => this.progress(done, count));
    // What reading in order needed would mislead all that comes after.
    await this.client.query('reset enable_sort; reset enable_seqscan; reset enable_bitmapscan');
    this.end();
    return table;
  }

  async #refuseUnfinished(): Promise<void> {
    if (!(await unfinishedRecommendRun(this.client, 'ingest', this.first))) return;
    throw new PipelineError(
      'RUN_CONFLICT',
      `the ingest of ${this.month} is not finished; \`millrace recommend ingest\` goes on with it`,
    );
  }

  /** What is there is to be what the last ingest left, all of it. */
  async #refuseOthers(count: number): Promise<void> {
    const last = await lastIngest(this.client, this.first);
    if (last === null || (last.state === 'finished' && last.active === count)) return;
    const found =
      last.state === 'finished'
        ? `has ${count} customers where its ingest left ${last.active}`
        : 'is half ingested';
    throw new PipelineError(
      'RUN_CONFLICT',
      `${this.month} ${found}; \`millrace recommend ingest\` makes it anew`,
    );
  }

  #stopIfAsked(): void {
    if (!this.#options.signal?.aborted) return;
    throw new PipelineError(
      'INTERRUPTED',
      `stopped; what is read of ${this.month} is as it was, and ${this.goesOn}`,
    );
  }
}

/** The most memory that this process has had, in MiB. */
export const memoryPeakMiB = (): number => Math.round(process.resourceUsage().maxRSS / 1_024);

/** Does the work of a run that was entered into the ledger, which hears of it if that fails. */
export async function inLedger<Result>(
  { databaseUrl }: MonthWork,
  run: number,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    await failRecommendRun(databaseUrl, run); // the month's own connection may be lost
    throw cause;
  }
}

/** One checksum of several parts, in their order. */
export function sumOf(parts: readonly string[]): string {
  let hash = 0n;
  for (const part of parts) hash = Bun.hash.xxHash64(part, hash);
  return hash.toString(16).padStart(16, '0');
}
