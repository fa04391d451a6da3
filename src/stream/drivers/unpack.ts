import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { compressionsAlgorithms } from './protocol.ts';

/** Of one batch. Those of Millrace have 900 KiB; a topic of ours takes 2 MiB, packed. */
export const UNPACKED_BYTES_MAX = 64 << 20;

/** The records of a batch are larger than they may be, or packed in a way that nobody knows. */
export class NotUnpacked extends Error {
  override name = 'NotUnpacked';
}

/**
 * Unpacks the records of a batch. What is too large is refused before there is memory for it: zlib
 * has a limit, the client's other two unpack whatever comes, and so their formats are asked first.
 */
export function unpack(packed: Buffer, algorithm: number, bytesMax = UNPACKED_BYTES_MAX): Buffer {
  if (packed.length === 0) return packed; // compaction leaves batches without records
  const { none, gzip, snappy, lz4, zstd } = compressionsAlgorithms;
  switch (algorithm) {
    case none.bitmask:
      return packed;
    case gzip.bitmask:
      return limited(bytesMax, () => gunzipSync(packed, { maxOutputLength: bytesMax }));
    case zstd.bitmask:
      return limited(bytesMax, () => zstdDecompressSync(packed, { maxOutputLength: bytesMax }));
    case snappy.bitmask:
      if (snappyBytes(packed) > bytesMax) throw tooLarge(bytesMax);
      return snappy.decompressSync(packed);
    case lz4.bitmask:
      if (lz4BytesMax(packed) > bytesMax) throw tooLarge(bytesMax);
      return lz4.decompressSync(packed);
    default:
      throw new NotUnpacked(`is compressed in an unknown way, ${algorithm}`);
  }
}

function limited(bytesMax: number, work: () => Buffer): Buffer {
  try {
    return work();
  } catch (cause) {
    const full = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    throw full ? tooLarge(bytesMax) : cause;
  }
}

function tooLarge(bytesMax: number): NotUnpacked {
  return new NotUnpacked(`unpacks to more than ${bytesMax >> 20} MiB`);
}

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/** A block begins with the size it unpacks to; Java's clients frame several of them. */
function snappyBytes(packed: Buffer): number {
  if (!packed.subarray(0, XERIAL.length).equals(XERIAL)) return snappyBlockBytes(packed, 0);
  let bytes = 0;
  for (let at = XERIAL_HEADER_BYTES; at + 4 < packed.length;) {
    bytes += snappyBlockBytes(packed, at + 4);
    at += 4 + packed.readUInt32BE(at);
  }
  return bytes;
}

function snappyBlockBytes(packed: Buffer, at: number): number {
  let bytes = 0;
  for (let shift = 0; shift <= 28 && at < packed.length; shift += 7) {
    const byte = packed[at++];
    bytes += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return bytes;
}

const LZ4_FLAGS_AT = 4;
const LZ4_BLOCK_AT = 5;
const LZ4_HEADER_BYTES = 7;
const LZ4_DICTIONARY = 1; // bits of the flags
const LZ4_CONTENT_SIZE = 1 << 3;
const LZ4_BLOCK_CHECKSUM = 1 << 4;
const LZ4_PLAIN = 0x8000_0000; // of a block's size: it is not packed
const LZ4_RATIO_MAX = 255; // no byte stands for more

/** What the blocks of a frame may unpack to at most, each by the frame's limit and its own size. */
function lz4BytesMax(packed: Buffer): number {
  if (packed.length < LZ4_HEADER_BYTES) return 0;
  const flags = packed[LZ4_FLAGS_AT];
  const blockBytesMax = 1 << (8 + 2 * ((packed[LZ4_BLOCK_AT] >> 4) & 0b111)); // 4: 64 KiB to 7: 4 MiB
  let at = LZ4_HEADER_BYTES;
  if (flags & LZ4_CONTENT_SIZE) at += 8;
  if (flags & LZ4_DICTIONARY) at += 4;
  let bytes = 0;
  while (at + 4 <= packed.length) {
    const word = packed.readUInt32LE(at);
    if (word === 0) break; // the end mark
    const size = word % LZ4_PLAIN;
    bytes += word >= LZ4_PLAIN ? size : Math.min(blockBytesMax, size * LZ4_RATIO_MAX);
    at += 4 + size + (flags & LZ4_BLOCK_CHECKSUM ? 4 : 0);
  }
  return bytes;
}
