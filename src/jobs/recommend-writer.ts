import { PipelineError } from '../base/errors.ts';
import { COPY_HEADER, COPY_TRAILER } from '../store/copy-buffer.ts';
import { startCopy, type Copy } from '../store/copy.ts';
import { beginningNote, fillingNote, monthTable } from '../store/publish.ts';
import { enterChunks, type LedgerChunk } from '../store/recommend-runs.ts';
import { WRITER_NAME } from './ingest-writer.ts';
import { RECOMMENDATION_COLUMNS } from './recommend-rows.ts';
import { checkTaken, WriteConnection } from './write-connection.ts';

/** Bytes that may wait for PostgreSQL. */
const QUEUE_BYTES_MAX = 16 << 20;

/**
 * Stores chunks of recommendations in their order, a group of them in one transaction with its rows
 * of the ledger. One connection: the server's core and the one that makes the rows are busy alike.
 */
export class RecommendationWriter {
  readonly #connection: WriteConnection;
  readonly #run: number;
  readonly #month: string; // first day
  readonly #group: number; // chunks
  #copy: Copy | null = null;
  #chunks: LedgerChunk[] = []; // of the group in hand

  private constructor(connection: WriteConnection, run: number, month: string, group: number) {
    this.#connection = connection;
    this.#run = run;
    this.#month = month;
    this.#group = group;
  }

  static async open(
    databaseUrl: string,
    { run, month, group }: { run: number; month: string; group: number },
  ): Promise<RecommendationWriter> {
    const connection = await WriteConnection.open(databaseUrl, {
      name: WRITER_NAME,
      doing: 'storing recommendations',
      bytesMax: QUEUE_BYTES_MAX,
    });
    return new RecommendationWriter(connection, run, month, group);
  }

  /** Takes a chunk; waits where too much is queued. */
  async push(bytes: Uint8Array, entry: LedgerChunk): Promise<void> {
    if (this.#chunks.length === 0) this.#begin();
    this.#chunks.push(entry);
    this.#connection.queue(bytes.length, async () => this.#copy?.write(bytes));
    if (this.#chunks.length === this.#group) this.#commit();
    await this.#connection.room();
  }

  /** Commits what is left, and waits until all is stored. */
  async finish(): Promise<void> {
    if (this.#chunks.length > 0) this.#commit();
    await this.#connection.drain();
  }

  /** Drops the connection; PostgreSQL rolls back a group that was not committed. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  #begin(): void {
    const { client } = this.#connection;
    const into = monthTable('analytics.user_recommendation', this.#month, '_new');
    this.#connection.queue(0, async () => {
      await client.query('begin');
      this.#copy = startCopy(client, into, RECOMMENDATION_COLUMNS);
      await this.#copy.write(COPY_HEADER);
    });
  }

  /** Rows in it keep the table from being made anew: whose it is now, it is until the commit. */
  async #refuseOther(): Promise<void> {
    const note = await beginningNote(this.#connection.client, this.#month);
    if (note === fillingNote(this.#run)) return;
    throw new PipelineError(
      'RUN_CONFLICT',
      `another recommender has taken the month over (${note}); this one's rows were not kept`,
    );
  }

  #commit(): void {
    const { client } = this.#connection;
    const chunks = this.#chunks;
    this.#chunks = [];
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
    this.#connection.queue(0, async () => {
      await this.#copy?.write(COPY_TRAILER);
      checkTaken(await this.#copy?.end(), rows);
      await this.#refuseOther();
      await enterChunks(client, this.#run, chunks);
      await client.query('commit');
    });
  }
}
