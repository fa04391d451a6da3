import { compressionsAlgorithms, crc32c, Writer } from './protocol.ts';

import { PipelineError } from '../../base/errors.ts';
import type { StreamRecord } from '../../model/event.ts';
import type { OutgoingRecord, ProducerOptions } from '../port.ts';
import { NotUnpacked, unpack } from './unpack.ts';

/**
 * Kafka's record batch, format 2 (KIP-98), written into one buffer and read where it lies: the
 * client's own codec makes several objects a field, which is most of what a record costs.
 */
const AT = {
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21, // the checksum covers all from here
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  sequence: 53,
  count: 57,
  records: 61,
} as const;
const LENGTH_FROM = AT.leaderEpoch;
const MAGIC = 2;
const COMPRESSION_BITS = 0b111;
const CONTROL_BIT = 1 << 5;

/** Under which the brokers know a batch again, so that one sent twice is stored once. */
export type BatchIdentity = { producerId: bigint; epoch: number; sequence: number };

export function encodeBatch(
  records: readonly OutgoingRecord[],
  identity: BatchIdentity,
  nowMs: number,
  compression: ProducerOptions['compression'],
): Buffer {
  let size: number = AT.records;
  for (const [delta, record] of records.entries()) {
    const body = bodySize(record, delta);
    size += varintSize(body) + body;
  }
  let batch = Buffer.allocUnsafe(size);
  let at: number = AT.records;
  for (const [delta, record] of records.entries()) at = writeRecord(batch, at, record, delta);

  if (compression === 'lz4') {
    const packed = compressionsAlgorithms.lz4.compressSync(batch.subarray(AT.records));
    batch = Buffer.concat([batch.subarray(0, AT.records), packed]);
  }
  const bits = compression === 'lz4' ? compressionsAlgorithms.lz4.bitmask : 0;
  batch.writeBigInt64BE(0n, 0); // the broker gives the offset
  batch.writeInt32BE(batch.length - LENGTH_FROM, AT.length);
  batch.writeInt32BE(-1, AT.leaderEpoch);
  batch.writeInt8(MAGIC, AT.magic);
  batch.writeInt16BE(bits, AT.attributes);
  batch.writeInt32BE(records.length - 1, AT.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(nowMs), AT.firstTimestamp);
  batch.writeBigInt64BE(BigInt(nowMs), AT.maxTimestamp);
  batch.writeBigInt64BE(identity.producerId, AT.producerId);
  batch.writeInt16BE(identity.epoch, AT.producerEpoch);
  batch.writeInt32BE(identity.sequence, AT.sequence);
  batch.writeInt32BE(records.length, AT.count);
  batch.writeUInt32BE(checksum(batch.subarray(AT.attributes)), AT.crc);
  return batch;
}

/** What a record takes in a batch, and a little more. */
export function recordSizeMax(record: OutgoingRecord): number {
  return bodySize(record, 0) + 10;
}

/** Reads the records of a fetch response one after another, from an offset on. */
export class RecordCursor {
  /** Where to fetch next: behind the last whole batch. */
  readonly next: number;
  readonly bytes: number;
  #batches: Buffer;
  #batchAt = 0;
  #topic: string;
  #partition: number;
  #from: number;
  #records: Buffer = EMPTY; // of the batch being read, unpacked
  #at = 0;
  #left = 0;
  #firstOffset = 0;

  constructor(response: Buffer, topic: string, partition: number, from: number) {
    let end = 0;
    let next = from;
    for (let size = batchSize(response, 0); size > 0; size = batchSize(response, end)) {
      next = readOffset(response, end) + response.readInt32BE(end + AT.lastOffsetDelta) + 1;
      end += size;
    }
    this.next = Math.max(next, from);
    this.bytes = end;
    this.#batches = response.subarray(0, end);
    this.#topic = topic;
    this.#partition = partition;
    this.#from = from;
  }

  /** Appends up to `max` records to `out`; false once there are no more. */
  read(max: number, out: StreamRecord[]): boolean {
    for (let taken = 0; taken < max;) {
      if (this.#left === 0 && !this.#openBatch()) return false;
      const record = this.#readRecord();
      if (record.offset < this.#from) continue; // a batch comes whole, whatever was asked for
      out.push(record);
      taken++;
    }
    return this.#left > 0 || this.#batchAt < this.#batches.length;
  }

  /** When the batch that holds the first wanted offset was made, in ms since the epoch. */
  firstTimestampMs(): number | undefined {
    if (this.#batches.length === 0) return undefined;
    return Number(this.#batches.readBigInt64BE(AT.firstTimestamp));
  }

  #openBatch(): boolean {
    while (this.#batchAt < this.#batches.length) {
      const at = this.#batchAt;
      const end = at + batchSize(this.#batches, at);
      this.#batchAt = end;
      const batch = this.#batches.subarray(at, end);
      const attributes = batch.readInt16BE(AT.attributes);
      const last = readOffset(batch, 0) + batch.readInt32BE(AT.lastOffsetDelta);
      if (last < this.#from || (attributes & CONTROL_BIT) !== 0) continue;
      if (batch.readInt8(AT.magic) !== MAGIC)
        throw this.#broken('is of a format before Kafka 0.11');
      if (checksum(batch.subarray(AT.attributes)) !== batch.readUInt32BE(AT.crc)) {
        throw this.#broken('does not match its checksum');
      }
      this.#records = this.#unpack(batch.subarray(AT.records), attributes & COMPRESSION_BITS);
      this.#at = 0;
      this.#left = batch.readInt32BE(AT.count);
      this.#firstOffset = readOffset(batch, 0);
      if (this.#left > 0) return true;
    }
    return false;
  }

  #unpack(packed: Buffer, algorithm: number): Buffer {
    try {
      return unpack(packed, algorithm);
    } catch (cause) {
      if (cause instanceof NotUnpacked) throw this.#broken(cause.message);
      throw this.#broken(`cannot be unpacked: ${String(cause)}`);
    }
  }

  #readRecord(): StreamRecord {
    this.#left--;
    const length = this.#varint();
    const end = this.#at + length;
    this.#at++; // attributes of a record, which Kafka does not use
    while (this.#records[this.#at++] >= 0x80); // its time
    const offset = this.#firstOffset + this.#varint();
    const key = this.#bytesOrNull();
    const value = this.#bytesOrNull();
    const count = this.#varint();
    const headers: [string, Uint8Array | null][] = [];
    for (let index = 0; index < count; index++) {
      const nameLength = this.#varint();
      const name = this.#records.toString('utf8', this.#at, this.#at + nameLength);
      this.#at += nameLength;
      headers.push([name, this.#bytesOrNull()]);
    }
    this.#at = end;
    return { topic: this.#topic, partition: this.#partition, offset, key, value, headers };
  }

  #bytesOrNull(): Uint8Array | null {
    const length = this.#varint();
    if (length < 0) return null;
    const bytes = this.#records.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  #varint(): number {
    let bits = 0;
    let shift = 0;
    for (;;) {
      const byte = this.#records[this.#at++];
      bits |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (bits >>> 1) ^ -(bits & 1);
      shift += 7;
    }
  }

  #broken(how: string): PipelineError {
    return new PipelineError(
      'KAFKA_FAILED',
      `a batch of ${this.#topic} ${this.#partition} before offset ${this.next} ${how}; to go on behind ` +
        'it, delete the records up to there (kafka-delete-records)',
    );
  }
}

const EMPTY = Buffer.alloc(0);

/** The size of the batch at a position, or 0 where no whole one begins. */
function batchSize(bytes: Buffer, at: number): number {
  if (bytes.length - at < AT.records) return 0;
  const size = LENGTH_FROM + bytes.readInt32BE(at + AT.length);
  return size <= bytes.length - at ? size : 0;
}

function readOffset(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

/** The client's function copies a plain array first, and not what its own writer holds. */
function checksum(bytes: Buffer): number {
  return crc32c(Writer.create().append(bytes).dynamicBuffer);
}

function writeRecord(batch: Buffer, start: number, record: OutgoingRecord, delta: number): number {
  let at = writeVarint(batch, start, bodySize(record, delta));
  batch[at++] = 0; // attributes
  batch[at++] = 0; // ms after the batch's own time
  at = writeVarint(batch, at, delta);
  at = writeBytes(batch, at, record.key);
  at = writeBytes(batch, at, record.value);
  at = writeVarint(batch, at, record.headers.length);
  for (const [name, value] of record.headers) {
    at = writeBytes(batch, at, nameBytes(name));
    at = writeBytes(batch, at, value);
  }
  return at;
}

function bodySize({ key, value, headers }: OutgoingRecord, delta: number): number {
  let size = 2 + varintSize(delta) + bytesSize(key) + bytesSize(value) + varintSize(headers.length);
  for (const [name, bytes] of headers) size += bytesSize(nameBytes(name)) + bytesSize(bytes);
  return size;
}

function bytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

function writeBytes(batch: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(batch, at, -1);
  const from = writeVarint(batch, at, bytes.length);
  batch.set(bytes, from);
  return from + bytes.length;
}

/** Zig-zag, so that small negative numbers are short too. */
function writeVarint(batch: Buffer, at: number, value: number): number {
  let bits = ((value << 1) ^ (value >> 31)) >>> 0;
  while (bits >= 0x80) {
    batch[at++] = (bits & 0x7f) | 0x80;
    bits >>>= 7;
  }
  batch[at++] = bits;
  return at;
}

function varintSize(value: number): number {
  const bits = ((value << 1) ^ (value >> 31)) >>> 0;
  if (bits < 0x80) return 1;
  if (bits < 0x4000) return 2;
  if (bits < 0x200000) return 3;
  return bits < 0x10000000 ? 4 : 5;
}

const NAMES_MAX = 64;
const names = new Map<string, Buffer>();

/** A header name as bytes. A program has a handful of names, so they are kept. */
function nameBytes(name: string): Buffer {
  const known = names.get(name);
  if (known !== undefined) return known;
  const bytes = Buffer.from(name);
  if (names.size < NAMES_MAX) names.set(name, bytes);
  return bytes;
}
