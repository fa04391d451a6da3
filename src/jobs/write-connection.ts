import type { PipelineError } from '../base/errors.ts';
import { connect, type Client } from '../store/client.ts';
import { databaseFailure } from '../store/failure.ts';

export type WriteOptions = {
  name: string; // application name of the connection
  doing: string; // for errors
  bytesMax: number; // that may wait
};

/**
 * A connection that writes one piece of work after another. Pieces queue up behind each other, so the
 * next one can be made while the one before is being written. The first failure is kept for the next
 * caller, and what follows it is skipped.
 */
export class WriteConnection {
  readonly client: Client;
  readonly #options: WriteOptions;
  readonly #waiting: { done: Promise<void> }[] = [];
  #tail: Promise<void> = Promise.resolve();
  #queued = 0; // bytes
  #failure: PipelineError | null = null;

  constructor(client: Client, options: WriteOptions) {
    this.client = client;
    this.#options = options;
  }

  static async open(databaseUrl: string, options: WriteOptions): Promise<WriteConnection> {
    const client = await connect(databaseUrl, options.name);
    // What is lost with the server's memory is missing from the ledger too: resume makes it again.
    // So commits need not wait for the disk; the run's last one does.
    await client.query('set synchronous_commit = off');
    return new WriteConnection(client, options);
  }

  /** Hands a piece of work over; `bytes` are held until it is done. */
  queue(bytes: number, work: () => Promise<unknown>): void {
    this.#queued += bytes;
    const done = this.#after(this.#tail, bytes, work);
    this.#waiting.push({ done });
    this.#tail = done;
  }

  /** Waits until no more than `bytesMax` bytes are queued. */
  async room(): Promise<void> {
    while (this.#queued > this.#options.bytesMax) await this.#waiting[0]?.done;
    this.#check();
  }

  /** Waits until everything handed over is done. */
  async drain(): Promise<void> {
    await this.#tail;
    this.#check();
  }

  /** Drops the connection; PostgreSQL rolls back what was not committed. */
  async close(): Promise<void> {
    if (this.#waiting.length > 0) this.client.connection.stream.destroy();
    await this.client.end().catch(() => undefined); // already gone: nothing is left to close
  }

  /** Never rejects. */
  async #after(before: Promise<void>, bytes: number, work: () => Promise<unknown>): Promise<void> {
    await before;
    try {
      if (!this.#failure) await work();
    } catch (cause) {
      this.#failure = databaseFailure(cause, this.#options.doing);
    }
    this.#queued -= bytes;
    this.#waiting.shift();
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
  }
}

/** PostgreSQL must have taken every row it was sent. */
export function checkTaken(taken: number | undefined, rows: number): void {
  if (taken !== rows) throw new Error(`PostgreSQL took ${taken} of ${rows} rows`);
}
