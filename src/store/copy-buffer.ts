/**
 * Writes rows in PostgreSQL's binary COPY format (PostgreSQL manual, COPY, "Binary Format") into
 * one growing buffer. Binary needs no escaping, and neither side has to print or parse numbers.
 */
const POSTGRES_EPOCH_MS = 946_684_800_000; // 2000-01-01T00:00:00Z
const SIGNATURE = [0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00];

/** What comes before the first row: signature, flags, length of the header's extension. */
export const COPY_HEADER = new Uint8Array([...SIGNATURE, 0, 0, 0, 0, 0, 0, 0, 0]);

/** What comes after the last row: a field count of -1. */
export const COPY_TRAILER = new Uint8Array([0xff, 0xff]);

const encoder = new TextEncoder();
const LOOP_LENGTH_MAX = 256;

export class CopyBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView<ArrayBuffer>;
  at = 0;

  constructor(size = 1 << 16) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes sure that `size` more bytes fit. */
  reserve(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.at + size));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  row(fieldCount: number): void {
    this.reserve(2);
    this.view.setInt16(this.at, fieldCount);
    this.at += 2;
  }

  null(): void {
    this.reserve(4);
    this.view.setInt32(this.at, -1);
    this.at += 4;
  }

  /** Text without NUL and without lone surrogates; both would change or be refused on the way. */
  text(value: string): void {
    this.reserve(textSizeMax(value));
    this.at = writeText(this.bytes, this.view, this.at, value);
  }

  /** A bytea. */
  binary(value: Uint8Array): void {
    this.reserve(4 + value.length);
    this.view.setInt32(this.at, value.length);
    this.bytes.set(value, this.at + 4);
    this.at += 4 + value.length;
  }

  boolean(value: boolean): void {
    this.reserve(5);
    this.view.setInt32(this.at, 1);
    this.bytes[this.at + 4] = value ? 1 : 0;
    this.at += 5;
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) throw new RangeError(`not 16 bits: ${value}`);
    this.reserve(6);
    this.view.setInt32(this.at, 2);
    this.view.setInt16(this.at + 4, value);
    this.at += 6;
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw new RangeError(`not 32 bits: ${value}`);
    this.reserve(8);
    this.view.setInt32(this.at, 4);
    this.view.setInt32(this.at + 4, value);
    this.at += 8;
  }

  /** A whole number up to 2^53 - 1 in size. */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
    this.reserve(12);
    this.view.setInt32(this.at, 8);
    writeInt64(this.view, this.at + 4, value);
    this.at += 12;
  }

  float64(value: number): void {
    this.reserve(12);
    this.view.setInt32(this.at, 8);
    this.view.setFloat64(this.at + 4, value);
    this.at += 12;
  }

  /** A moment in whole ms since the Unix epoch. */
  timestamp(ms: number): void {
    this.int64(timestampMicros(ms));
  }

  /** A day, as ms since the Unix epoch of its midnight in UTC. */
  date(utcMidnightMs: number): void {
    this.int32((utcMidnightMs - POSTGRES_EPOCH_MS) / 86_400_000);
  }

  /** The bytes written since the last call, in a buffer of their own. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(0, this.at);
    this.at = 0;
    return taken;
  }
}

/** The bytes that a text field takes at most, its length included. */
export function textSizeMax(value: string): number {
  return 4 + value.length * 3;
}

/** Writes a text field with its length, into room for `textSizeMax`, and returns where it ends. */
export function writeText(bytes: Uint8Array, view: DataView, at: number, value: string): number {
  const from = at + 4;
  const end = value.length <= LOOP_LENGTH_MAX ? writeUtf8(bytes, from, value) : -1;
  const to = end === -1 ? from + encodeChecked(bytes, from, value) : end;
  view.setInt32(at, to - from);
  return to;
}

/** For short text four times as fast as TextEncoder. Returns -1 at what needs a closer look. */
function writeUtf8(bytes: Uint8Array, at: number, value: string): number {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x80) {
      if (unit === 0) return -1;
      bytes[at++] = unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else {
      return -1;
    }
  }
  return at;
}

function encodeChecked(bytes: Uint8Array, at: number, value: string): number {
  if (value.includes('\0') || !value.isWellFormed()) {
    throw new RangeError(`text PostgreSQL cannot store: ${JSON.stringify(value).slice(0, 200)}`);
  }
  return encoder.encodeInto(value, bytes.subarray(at)).written;
}

/** Writes a safe integer as 64 bits, high half first. */
export function writeInt64(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / 4_294_967_296);
  view.setInt32(at, high);
  view.setUint32(at + 4, value - high * 4_294_967_296);
}

/** Microseconds since 2000-01-01 UTC of a moment in ms since 1970-01-01 UTC. */
export function timestampMicros(ms: number): number {
  return (ms - POSTGRES_EPOCH_MS) * 1_000;
}
