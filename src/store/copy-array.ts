import { CopyBuffer } from './copy-buffer.ts';

/** PostgreSQL's types of elements, by the ids it gives them everywhere (pg_type.dat). */
const OIDS = { bytea: 17, int4: 23, text: 25, timestamptz: 1184 } as const;

/**
 * Arrays in PostgreSQL's binary form (array_recv), as query parameters: nothing is quoted, printed
 * or parsed. `pg` sends a Buffer as binary.
 */
export function textArray(values: Iterable<string | Uint8Array | null>): Buffer {
  return binaryArray(OIDS.text, values, (to, value) => {
    if (value === null) to.null();
    else if (typeof value === 'string') to.text(value);
    else to.binary(value); // UTF-8 already
  });
}

/** Moments in ms since the Unix epoch. */
export function timestampArray(values: Iterable<number>): Buffer {
  return binaryArray(OIDS.timestamptz, values, (to, value) => to.timestamp(value));
}

export function int32Array(values: Iterable<number>): Buffer {
  return binaryArray(OIDS.int4, values, (to, value) => to.int32(value));
}

export function bytesArray(values: Iterable<Uint8Array | null>): Buffer {
  return binaryArray(OIDS.bytea, values, (to, value) => {
    if (value === null) to.null();
    else to.binary(value);
  });
}

const HEADER_SIZE = 20;
const SIZE_MIN = 1 << 8; // grows as it is filled: a batch of fresh orders is small

function binaryArray<Value>(
  oid: number,
  values: Iterable<Value>,
  write: (to: CopyBuffer, value: Value) => void,
): Buffer {
  const buffer = new CopyBuffer(SIZE_MIN);
  buffer.at = HEADER_SIZE;
  let count = 0;
  for (const value of values) {
    write(buffer, value);
    count++;
  }
  const { view, at } = buffer;
  view.setInt32(0, 1); // dimensions
  view.setInt32(4, 1); // there may be nulls
  view.setInt32(8, oid);
  view.setInt32(12, count);
  view.setInt32(16, 1); // index of the first
  return Buffer.from(buffer.bytes.buffer, 0, at);
}
