import { to } from 'pg-copy-streams';

import type { Client } from './client.ts';
import { COPY_HEADER, type CopyBuffer } from './copy-buffer.ts';
import { databaseFailure } from './failure.ts';

/** A row known by its first field, and a hash of the bytes that a binary COPY has of all its fields. */
export type RowMark = { id: string; hash: number };

/** What `select` returns, row by row, as binary COPY has it; memory stays bounded. */
export async function* storedRows(client: Client, select: string): AsyncGenerator<RowMark> {
  let rest: Buffer = Buffer.alloc(0);
  let begun = false;
  try {
    for await (const chunk of client.query(to(`copy (${select}) to stdout (format binary)`))) {
      const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = begun ? 0 : COPY_HEADER.length;
      begun = true;
      for (let end = rowEnd(bytes, at); end > 0; end = rowEnd(bytes, at)) {
        yield markRow(bytes, at, end);
        at = end;
      }
      rest = bytes.subarray(at);
    }
  } catch (cause) {
    throw databaseFailure(cause, 'reading what is stored');
  }
}

/** The mark of the row that `write` puts into the buffer, which is left empty. */
export function markWritten(buffer: CopyBuffer, write: (to: CopyBuffer) => void): RowMark {
  buffer.at = 0;
  write(buffer);
  const bytes = Buffer.from(buffer.bytes.buffer, 0, buffer.at);
  buffer.at = 0;
  return markRow(bytes, 0, bytes.length);
}

/** Where the row that begins at `at` ends; 0 if it is not whole, or there is none. */
function rowEnd(bytes: Buffer, at: number): number {
  if (at + 2 > bytes.length) return 0;
  const fields = bytes.readInt16BE(at);
  if (fields < 0) return 0;
  let end = at + 2;
  for (let field = 0; field < fields; field++) {
    if (end + 4 > bytes.length) return 0;
    end += 4 + Math.max(0, bytes.readInt32BE(end));
  }
  return end <= bytes.length ? end : 0;
}

function markRow(bytes: Buffer, at: number, end: number): RowMark {
  const idLength = bytes.readInt32BE(at + 2);
  return {
    id: bytes.toString('latin1', at + 6, at + 6 + idLength),
    hash: Bun.hash.xxHash32(bytes.subarray(at, end)),
  };
}
