import type { PipelineError } from '../base/errors.ts';
import { connect, type Client } from '../store/client.ts';
import { COPY_HEADER, COPY_TRAILER } from '../store/copy-buffer.ts';
import { startCopy, type Copy } from '../store/copy.ts';
import { databaseFailure } from '../store/failure.ts';
import { ORDER_COLUMNS } from '../store/order-copy.ts';
import { enterDays, type LedgerDay } from '../store/runs.ts';

/** Bytes that may wait for one connection. */
const QUEUE_BYTES_MAX = 64 << 20;

/**
 * Writes batches of whole days, each batch one transaction: its orders by COPY, its ledger rows,
 * commit. Calls queue up behind each other, so a batch can be handed over while the one before is
 * still being written; `push` waits once QUEUE_BYTES_MAX bytes are queued.
 */
export class BatchWriter {
  readonly #client: Client;
  readonly #run: number;
  readonly #queue: { bytes: number; done: Promise<void> }[] = [];
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;
  #copy: Copy | null = null;
  #failure: PipelineError | null = null;

  private constructor(client: Client, run: number) {
    this.#client = client;
    this.#run = run;
  }

  static async open(databaseUrl: string, run: number): Promise<BatchWriter> {
    const client = await connect(databaseUrl, `millrace backfill ${run}`);
    // A batch that is lost with the server's memory is missing from the ledger too: resume makes it
    // again. So commits need not wait for the disk; the run's last one does.
    await client.query('set synchronous_commit = off');
    return new BatchWriter(client, run);
  }

  begin(): void {
    this.#then(0, async () => {
      await this.#client.query('begin');
      this.#copy = startCopy(this.#client, 'orders', ORDER_COLUMNS);
      await this.#copy.write(COPY_HEADER);
    });
  }

  async push(bytes: Uint8Array): Promise<void> {
    this.#then(bytes.length, async () => await this.#copy?.write(bytes));
    while (this.#queued > QUEUE_BYTES_MAX) await this.#queue[0]?.done;
    this.#check();
  }

  /** Ends the batch: `rows` must be what PostgreSQL took. */
  commit(days: LedgerDay[]): void {
    const rows = days.reduce((sum, day) => sum + day.orders, 0);
    this.#then(0, async () => {
      await this.#copy?.write(COPY_TRAILER);
      const taken = await this.#copy?.end();
      if (taken !== rows) throw new Error(`PostgreSQL took ${taken} of ${rows} rows`);
      await enterDays(this.#client, this.#run, days);
      await this.#client.query('commit');
    });
  }

  /** Waits until everything handed over is committed. */
  async drain(): Promise<void> {
    await this.#tail;
    this.#check();
  }

  /** Drops the connection; PostgreSQL rolls back a batch that was not committed. */
  async close(): Promise<void> {
    if (this.#queue.length > 0) this.#client.connection.stream.destroy();
    await this.#client.end().catch(() => undefined); // already gone: nothing is left to close
  }

  #then(bytes: number, work: () => Promise<unknown>): void {
    this.#queued += bytes;
    const done = this.#after(this.#tail, bytes, work);
    this.#queue.push({ bytes, done });
    this.#tail = done;
  }

  /** Never rejects: the first failure is kept for the next caller, and what follows it is skipped. */
  async #after(before: Promise<void>, bytes: number, work: () => Promise<unknown>): Promise<void> {
    await before;
    try {
      if (!this.#failure) await work();
    } catch (cause) {
      this.#failure = databaseFailure(cause, 'storing orders');
    }
    this.#queued -= bytes;
    this.#queue.shift();
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
  }
}
