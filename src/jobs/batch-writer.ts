import { COPY_HEADER, COPY_TRAILER } from '../store/copy-buffer.ts';
import { startCopy, type Copy } from '../store/copy.ts';
import { ORDER_COLUMNS } from '../store/order-copy.ts';
import { enterDays, type LedgerDay } from '../store/runs.ts';
import { checkTaken, WriteConnection } from './write-connection.ts';

/** Bytes that may wait for one connection. */
const QUEUE_BYTES_MAX = 64 << 20;

/**
 * Writes batches of whole days, each batch one transaction: its orders by COPY, its ledger rows,
 * commit. A batch can be handed over while the one before is still being written; `push` waits once
 * QUEUE_BYTES_MAX bytes are queued.
 */
export class BatchWriter {
  readonly #connection: WriteConnection;
  readonly #run: number;
  readonly #startCopy: typeof startCopy;
  #copy: Copy | null = null;

  constructor(connection: WriteConnection, run: number, copy = startCopy) {
    this.#connection = connection;
    this.#run = run;
    this.#startCopy = copy;
  }

  static async open(databaseUrl: string, run: number): Promise<BatchWriter> {
    const connection = await WriteConnection.open(databaseUrl, {
      name: `millrace backfill ${run}`,
      doing: 'storing orders',
      bytesMax: QUEUE_BYTES_MAX,
    });
    return new BatchWriter(connection, run);
  }

  begin(): void {
    const { client } = this.#connection;
    this.#connection.queue(0, async () => {
      await client.query('begin');
      this.#copy = this.#startCopy(client, 'orders', ORDER_COLUMNS);
      await this.#copy.write(COPY_HEADER);
    });
  }

  async push(bytes: Uint8Array): Promise<void> {
    this.#connection.queue(bytes.length, async () => await this.#copy?.write(bytes));
    await this.#connection.room();
  }

  /** Ends the batch: its days' rows must be what PostgreSQL took. */
  commit(days: LedgerDay[]): void {
    const { client } = this.#connection;
    const rows = days.reduce((sum, day) => sum + day.orders, 0);
    this.#connection.queue(0, async () => {
      await this.#copy?.write(COPY_TRAILER);
      checkTaken(await this.#copy?.end(), rows);
      await enterDays(client, this.#run, days);
      await client.query('commit');
    });
  }

  /** Waits until everything handed over is committed. */
  async drain(): Promise<void> {
    await this.#connection.drain();
  }

  /** Drops the connection; PostgreSQL rolls back a batch that was not committed. */
  async close(): Promise<void> {
    await this.#connection.close();
  }
}
