import { COPY_HEADER, COPY_TRAILER } from '../store/copy-buffer.ts';
import { startCopy, type Copy } from '../store/copy.ts';
import { enterChunks, type LedgerChunk } from '../store/recommend-runs.ts';
import { FEATURE_COLUMNS, type Chunk } from './ingest-chunk.ts';
import { VECTOR_COLUMNS } from './ingest-vector.ts';
import { checkTaken, WriteConnection } from './write-connection.ts';

/** Application name of the connections that write; `claimMonths` waits for them to be gone. */
export const WRITER_NAME = 'millrace month writer';

/** Bytes that may wait for one connection. */
const QUEUE_BYTES_MAX = 24 << 20;

/**
 * Stores groups of chunks, each group one transaction: features by COPY, then vectors by COPY, then
 * the ledger's rows. One group is stored while the next is assembled; `push` waits once
 * QUEUE_BYTES_MAX bytes are queued. Groups are committed in the order of their chunks, whichever
 * connection has them: what is stored is always the beginning of the month.
 */
export class GroupWriter {
  readonly #connection: WriteConnection;
  readonly #run: number;
  #copy: Copy | null = null;
  #vectors: Uint8Array[] = [];

  private constructor(connection: WriteConnection, run: number) {
    this.#connection = connection;
    this.#run = run;
  }

  static async open(databaseUrl: string, run: number): Promise<GroupWriter> {
    const connection = await WriteConnection.open(databaseUrl, {
      name: WRITER_NAME,
      doing: 'storing customers',
      bytesMax: QUEUE_BYTES_MAX,
    });
    return new GroupWriter(connection, run);
  }

  begin(): void {
    const { client } = this.#connection;
    this.#connection.queue(0, async () => {
      await client.query('begin');
      this.#copy = startCopy(client, 'source.user_monthly_features', FEATURE_COLUMNS);
      await this.#copy.write(COPY_HEADER);
    });
  }

  async push({ features, vectors }: Chunk): Promise<void> {
    this.#connection.queue(features.length + vectors.length, async () => {
      this.#vectors.push(vectors);
      await this.#copy?.write(features);
    });
    await this.#connection.room();
  }

  /** Ends the group; it is committed once `before`, the group before it, is. Settles then. */
  async commit(
    chunks: readonly LedgerChunk[],
    active: number,
    before: Promise<void>,
  ): Promise<void> {
    const { client } = this.#connection;
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
    this.#connection.queue(0, async () => {
      await this.#copy?.write(COPY_TRAILER);
      checkTaken(await this.#copy?.end(), rows);
      checkTaken(await this.#copyVectors(), active);
      await enterChunks(client, this.#run, chunks);
      await before;
      await client.query('commit');
    });
    await this.#connection.drain();
  }

  /** Waits until everything handed over is committed. */
  async drain(): Promise<void> {
    await this.#connection.drain();
  }

  /** Drops the connection; PostgreSQL rolls back a group that was not committed. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #copyVectors(): Promise<number> {
    const copy = startCopy(this.#connection.client, 'source.customer_vector', VECTOR_COLUMNS);
    await copy.write(COPY_HEADER);
    for (const vectors of this.#vectors) await copy.write(vectors);
    this.#vectors = [];
    await copy.write(COPY_TRAILER);
    return await copy.end();
  }
}
