import type { Connection, Submittable } from 'pg';

import type { Client } from './client.ts';
import { COPY_HEADER } from './copy-buffer.ts';
import { databaseFailure } from './failure.ts';

// Messages of the protocol that a COPY out is made of (PostgreSQL manual, "Message Formats").
const COPY_DATA = 0x64; // d
const COPY_DONE = 0x63; // c
const COPY_OUT_RESPONSE = 0x48; // H
const NOTICE = 0x4e; // N
const PARAMETER_STATUS = 0x53; // S

/** Bytes that may wait to be read before the server is held back, and when it is let on again. */
const WAITING_BYTES_MAX = 8 << 20;
const WAITING_BYTES_LOW = 2 << 20;

const BUFFER_BYTES = 1 << 17; // a socket's chunk and the beginning of a row, then it grows

/** The part of node's socket that a COPY takes over; `pg` types its stream as any other. */
type Socket = {
  listeners(event: 'data'): ((chunk: Buffer) => void)[];
  on(event: 'data', listener: (chunk: Buffer) => void): void;
  on(event: 'close', listener: () => void): void;
  removeListener(event: 'data', listener: (chunk: Buffer) => void): void;
  removeListener(event: 'close', listener: () => void): void;
  pause(): void;
  resume(): void;
  destroy(): void;
};

/**
 * The bytes of a `copy .. to stdout`, message heads taken out. pg-copy-streams does the same and
 * takes microseconds a row; this reads a socket's chunk in place, some ten nanoseconds a row.
 */
class CopyOut implements Submittable {
  readonly #sql: string;
  #socket: Socket | null = null;
  #handler: ((chunk: Buffer) => void) | null = null; // pg's own, put back at the end
  readonly #blocks: Buffer[] = [];
  #waiting = 0; // bytes in blocks
  #paused = false;
  #ended = false;
  #failure: unknown;
  #wake: (() => void) | null = null;
  #code = 0; // of the message in hand
  #left = 0; // bytes of it still to come
  readonly #head = Buffer.alloc(5);
  #headAt = 0;

  constructor(sql: string) {
    this.#sql = sql;
  }

  /** Called by pg once the connection is free. */
  submit(connection: Connection): void {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- pg's types leave it open
    const socket = connection.stream as unknown as Socket;
    [this.#handler] = socket.listeners('data');
    this.#socket = socket;
    socket.removeListener('data', this.#handler);
    socket.on('data', this.#onData);
    socket.on('close', this.#onClose);
    connection.query(this.#sql);
  }

  /** The next bytes, or null behind the last. */
  async next(): Promise<Buffer | null> {
    while (this.#blocks.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const block = this.#blocks.shift() ?? null;
    this.#waiting -= block?.length ?? 0;
    if (this.#paused && this.#waiting < WAITING_BYTES_LOW) {
      this.#paused = false;
      this.#socket?.resume();
    }
    return block;
  }

  /** Called by pg with what the server said against it. */
  handleError(cause: Error): void {
    this.#failure ??= cause;
    this.#signal();
  }

  handleReadyForQuery(): void {
    this.#ended = true;
    this.#signal();
  }

  handleCommandComplete(): void {
    // Its count is not needed: the COPY's own trailer says where the rows end.
  }

  readonly #onClose = (): void => this.handleError(new Error('connection terminated'));

  readonly #onData = (chunk: Buffer): void => {
    const end = this.#take(chunk);
    if (end === -1) return;
    this.#detach();
    this.#handler?.(chunk.subarray(end));
  };

  #detach(): void {
    const socket = this.#socket;
    if (!socket || !this.#handler) return;
    socket.removeListener('data', this.#onData);
    socket.removeListener('close', this.#onClose);
    socket.on('data', this.#handler);
    socket.resume();
    this.#socket = null;
  }

  /** Moves a chunk's payload together and keeps it; -1, or where a message begins that is not ours. */
  #take(chunk: Buffer): number {
    let to = 0;
    let at = 0;
    let foreign = -1;
    while (at < chunk.length) {
      if (this.#left === 0) {
        const from = at;
        at = this.#readHead(chunk, at);
        if (this.#headAt !== 0) break; // the rest of the head is in the next chunk
        if (isOurs(this.#code)) continue;
        foreign = this.#giveBack(from, at);
        break;
      }
      const size = Math.min(this.#left, chunk.length - at);
      if (this.#code === COPY_DATA) {
        if (to !== at) chunk.copyWithin(to, at, at + size);
        to += size;
      }
      this.#left -= size;
      at += size;
    }
    if (to > 0) this.#keep(chunk.subarray(0, to));
    return foreign;
  }

  /** Reads a message's code and length, which two chunks may share. */
  #readHead(chunk: Buffer, from: number): number {
    let at = from;
    while (this.#headAt < 5 && at < chunk.length) this.#head[this.#headAt++] = chunk[at++];
    if (this.#headAt < 5) return at;
    this.#headAt = 0;
    this.#code = this.#head[0];
    this.#left = this.#head.readInt32BE(1) - 4;
    return at;
  }

  /** Hands the head over alone where it began in an earlier chunk; returns where the rest begins. */
  #giveBack(from: number, at: number): number {
    if (at - from === this.#head.length) return from;
    this.#handler?.(Buffer.from(this.#head));
    return at;
  }

  #keep(block: Buffer): void {
    this.#blocks.push(block);
    this.#waiting += block.length;
    if (!this.#paused && this.#waiting > WAITING_BYTES_MAX) {
      this.#paused = true;
      this.#socket?.pause();
    }
    this.#signal();
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function isOurs(code: number): boolean {
  return (
    code === COPY_DATA ||
    code === COPY_DONE ||
    code === COPY_OUT_RESPONSE ||
    code === NOTICE ||
    code === PARAMETER_STATUS
  );
}

/**
 * The rows of a query, one at a time and in place: the fields of the row in hand are parts of
 * `bytes`, valid until the next `advance` or `fill`. A field's length is -1 where it is null.
 */
export class RowStream {
  bytes: Uint8Array = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  rows = 0; // read so far
  ended = false;
  readonly #copy: CopyOut;
  readonly #doing: string;
  #buffer = new Uint8Array(BUFFER_BYTES); // `bytes` is its beginning
  #at = 0; // where the next row begins
  #headed = false;

  constructor(client: Client, query: string, fields: number, doing: string) {
    this.#copy = client.query(new CopyOut(`copy (${query}) to stdout (format binary)`));
    this.#doing = doing;
    this.starts = new Int32Array(fields);
    this.lengths = new Int32Array(fields);
  }

  /** Goes to the next row if it is here whole; false: `fill` and try again, unless `ended`. */
  advance(): boolean {
    const { view, bytes, starts, lengths } = this;
    let at = this.#at;
    if (!this.#headed || at + 2 > bytes.length) return false;
    if (view.getInt16(at) === -1) {
      this.ended = true;
      return false;
    }
    at += 2;
    for (let field = 0; field < starts.length; field++) {
      if (at + 4 > bytes.length) return false;
      const length = view.getInt32(at);
      at += 4;
      starts[field] = at;
      lengths[field] = length;
      if (length > 0) at += length;
    }
    if (at > bytes.length) return false;
    this.#at = at;
    this.rows++;
    return true;
  }

  /** Waits for more of the rows. */
  async fill(): Promise<void> {
    let block: Buffer | null;
    try {
      block = await this.#copy.next();
    } catch (cause) {
      throw databaseFailure(cause, this.#doing);
    }
    if (!block) throw databaseFailure(new Error('the rows broke off'), this.#doing);
    this.#append(block);
    if (this.#headed || this.bytes.length < COPY_HEADER.length) return;
    this.#headed = true;
    this.#at = COPY_HEADER.length;
  }

  /** Puts a block behind what is left, in one buffer: new ones would cost as much as reading does. */
  #append(block: Uint8Array): void {
    const rest = this.bytes.subarray(this.#at);
    const size = rest.length + block.length;
    if (size > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(size, this.#buffer.length * 2));
      larger.set(rest);
      this.#buffer = larger;
    } else {
      this.#buffer.copyWithin(0, this.#at, this.bytes.length);
    }
    this.#buffer.set(block, rest.length);
    this.bytes = this.#buffer.subarray(0, size);
    this.view = new DataView(this.#buffer.buffer, 0, size);
    this.#at = 0;
  }

  /** Goes to the next row; false behind the last. */
  async next(): Promise<boolean> {
    while (!this.advance()) {
      if (this.ended) return false;
      await this.fill();
    }
    return true;
  }
}
