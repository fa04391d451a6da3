import type { PipelineError } from '../base/errors.ts';
import { connect, type Client } from '../store/client.ts';
import { COPY_HEADER, COPY_TRAILER } from '../store/copy-buffer.ts';
import { startCopy, type Copy } from '../store/copy.ts';
import { databaseFailure } from '../store/failure.ts';
import { enterChunks, type LedgerChunk } from '../store/recommend-runs.ts';
import { FEATURE_COLUMNS, type Chunk } from './ingest-chunk.ts';
import { VECTOR_COLUMNS } from './ingest-vector.ts';

/** Application name of the connections that write; `claimMonths` waits for them to be gone. */
export const WRITER_NAME = 'millrace ingest writer';

/** Bytes that may wait for one connection. */
const QUEUE_BYTES_MAX = 24 << 20;

/**
 * Stores groups of chunks, each group one transaction: features by COPY, then vectors by COPY, then
 * the ledger's rows. Calls queue up behind each other, so one group is stored while the next is
 * assembled; `push` waits once QUEUE_BYTES_MAX bytes are queued. Groups are committed in the order of
 * their chunks, whichever connection has them: what is stored is always the beginning of the month.
 */
export class GroupWriter {
  readonly #client: Client;
  readonly #run: number;
  readonly #queue: { bytes: number; done: Promise<void> }[] = [];
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;
  #copy: Copy | null = null;
  #vectors: Uint8Array[] = [];
  #failure: PipelineError | null = null;

  private constructor(client: Client, run: number) {
    this.#client = client;
    this.#run = run;
  }

  static async open(databaseUrl: string, run: number): Promise<GroupWriter> {
    const client = await connect(databaseUrl, WRITER_NAME);
    // A group that is lost with the server's memory is missing from the ledger too: resume makes it
    // again. So commits need not wait for the disk; the run's last one does.
    await client.query('set synchronous_commit = off');
    return new GroupWriter(client, run);
  }

  begin(): void {
    this.#then(0, async () => {
      await this.#client.query('begin');
      this.#copy = startCopy(this.#client, 'source.user_monthly_features', FEATURE_COLUMNS);
      await this.#copy.write(COPY_HEADER);
    });
  }

  async push(chunk: Chunk): Promise<void> {
    const { features, vectors } = chunk;
    this.#then(features.length + vectors.length, async () => {
      this.#vectors.push(vectors);
      await this.#copy?.write(features);
    });
    while (this.#queued > QUEUE_BYTES_MAX) await this.#queue[0]?.done;
    this.#check();
  }

  /** Ends the group; it is committed once `before`, the group before it, is. Settles then. */
  async commit(
    chunks: readonly LedgerChunk[],
    active: number,
    before: Promise<void>,
  ): Promise<void> {
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
    this.#then(0, async () => {
      await this.#copy?.write(COPY_TRAILER);
      checkTaken(await this.#copy?.end(), rows);
      checkTaken(await this.#copyVectors(), active);
      await enterChunks(this.#client, this.#run, chunks);
      await before;
      await this.#client.query('commit');
    });
    await this.#tail;
    this.#check();
  }

  /** Waits until everything handed over is committed. */
  async drain(): Promise<void> {
    await this.#tail;
    this.#check();
  }

  /** Drops the connection; PostgreSQL rolls back a group that was not committed. */
  async close(): Promise<void> {
    if (this.#queue.length > 0) this.#client.connection.stream.destroy();
    await this.#client.end().catch(() => undefined); // already gone: nothing is left to close
  }

  async #copyVectors(): Promise<number> {
    const copy = startCopy(this.#client, 'source.customer_vector', VECTOR_COLUMNS);
    await copy.write(COPY_HEADER);
    for (const vectors of this.#vectors) await copy.write(vectors);
    this.#vectors = [];
    await copy.write(COPY_TRAILER);
    return await copy.end();
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
      this.#failure = databaseFailure(cause, 'storing customers');
    }
    this.#queued -= bytes;
    this.#queue.shift();
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
  }
}

function checkTaken(taken: number | undefined, rows: number): void {
  if (taken !== rows) throw new Error(`PostgreSQL took ${taken} of ${rows} rows`);
}
