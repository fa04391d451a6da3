import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';

import type { Client } from './client.ts';
import { COPY_HEADER, COPY_TRAILER, CopyBuffer } from './copy-buffer.ts';
import { databaseFailure } from './failure.ts';

/** A COPY in progress. Write, then end; after a failed write the connection must be dropped. */
export type Copy = {
  /** Settles when PostgreSQL has room for more, so memory stays bounded. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the COPY and says how many rows PostgreSQL took. */
  end(): Promise<number>;
  /** Gives the COPY up, where PostgreSQL has not; then the connection takes queries again. */
  abort(): Promise<void>;
};

export type CopyOptions = {
  freeze?: boolean; // only into a table truncated in the same transaction
  answerMsMax?: number; // from its start to its end; then it fails, and the connection is lost
};

/**
 * Starts `copy <table> (<columns>) from stdin (format binary)`. `pg` with pg-copy-streams, since
 * the other client hangs or dies when a COPY fails late (README, decisions).
 */
export function startCopy(
  client: Client,
  table: string,
  columns: readonly string[],
  options: CopyOptions = {},
): Copy {
  const doing = `copying into ${table}`;
  const how = options.freeze ? 'format binary, freeze' : 'format binary';
  const query = copyFrom(`copy ${table} (${columns.join(', ')}) from stdin (${how})`, {
    highWaterMark: 1 << 20,
  });
  const stream = client.query(Object.assign(query, { query_timeout: options.answerMsMax }));
  let failure: unknown;
  stream.on('error', (cause: unknown) => (failure ??= cause));
  const check = (): void => {
    if (failure !== undefined) throw databaseFailure(failure, doing);
  };
  const settled = async (event: 'drain' | 'finish'): Promise<void> => {
    try {
      await once(stream, event);
    } catch (cause) {
      throw databaseFailure(cause, doing);
    }
  };
  return {
    async write(bytes) {
      check();
      if (!stream.write(bytes)) await settled('drain');
      check();
    },
    async end() {
      check();
      const finished = settled('finish');
      stream.end();
      await finished;
      return stream.rowCount;
    },
    async abort() {
      if (failure !== undefined || stream.destroyed) return;
      const closed = new Promise((resolve) => stream.once('close', resolve));
      stream.destroy();
      await closed;
    },
  };
}

/** Small beside what a stream holds back, so rows are encoded while PostgreSQL takes others. */
const CHUNK_BYTES = 1 << 18;

/** A buffer that `copyRows` and `copyEncoded` need not make anew for every COPY. */
export function copyScratch(): CopyBuffer {
  return new CopyBuffer(CHUNK_BYTES + (CHUNK_BYTES >> 2));
}

/** COPYs rows of any shape into a table, `write` putting one row's fields. */
export async function copyRows<Row>(
  client: Client,
  table: string,
  columns: readonly string[],
  rows: Iterable<Row>,
  write: (to: CopyBuffer, row: Row) => void,
): Promise<number> {
  return await copyEncoded(client, table, columns, rows, (to, row) => {
    to.row(columns.length);
    write(to, row);
  });
}

type EncodedOptions = Pick<CopyOptions, 'answerMsMax'> & { scratch?: CopyBuffer };

/** COPYs rows of any shape into a table, `writeRow` putting a row's field count and fields. */
export async function copyEncoded<Row>(
  client: Client,
  table: string,
  columns: readonly string[],
  rows: Iterable<Row>,
  writeRow: (to: CopyBuffer, row: Row) => void,
  { scratch = copyScratch(), answerMsMax }: EncodedOptions = {},
): Promise<number> {
  const copy = startCopy(client, table, columns, { answerMsMax });
  const left = rows[Symbol.iterator]();
  scratch.at = 0;
  try {
    await copy.write(COPY_HEADER);
    for (let more = true; more;) {
      more = fillChunk(scratch, left, writeRow);
      if (scratch.at > 0) await copy.write(scratch.take());
    }
    await copy.write(COPY_TRAILER);
    return await copy.end();
  } catch (cause) {
    await copy.abort(); // a COPY left open would keep the rollback waiting for ever
    throw cause;
  }
}

/** A function of its own: a loop that awaits is compiled to slower code. False once no row is left. */
function fillChunk<Row>(
  to: CopyBuffer,
  rows: Iterator<Row>,
  writeRow: (to: CopyBuffer, row: Row) => void,
): boolean {
  while (to.at < CHUNK_BYTES) {
    const { done, value } = rows.next();
    if (done) return false;
    writeRow(to, value);
  }
  return true;
}
