import { expect, test } from 'bun:test';
import { compressionsAlgorithms } from '@platformatic/kafka';

import { Random } from '../../base/random.ts';
import { NotUnpacked, unpack, UNPACKED_BYTES_MAX } from './unpack.ts';

const WAYS = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
const zeros = Buffer.alloc(UNPACKED_BYTES_MAX + (8 << 20)); // some hundred KiB, packed

/** Kafka's own text-like records: half noise, half repetition. */
function mixed(bytes: number): Buffer {
  const random = new Random(5, 'live');
  return Buffer.from(
    Array.from({ length: bytes }, (_, at) => (at % 64 < 32 ? random.below(256) : at % 64)),
  );
}

for (const way of WAYS) {
  const { compressSync, bitmask } = compressionsAlgorithms[way];

  test(`${way}: what fits is unpacked, however well it is packed`, () => {
    expect(unpack(Buffer.alloc(0), bitmask)).toHaveLength(0);
    for (const plain of [mixed(300_000), zeros.subarray(0, 32 << 20)]) {
      const unpacked = unpack(Buffer.from(compressSync(plain)), bitmask);
      expect(unpacked.equals(plain)).toBe(true);
    }
  });

  test(`${way}: what is larger than a batch may be is refused`, () => {
    const packed = Buffer.from(compressSync(zeros));
    expect(() => unpack(packed, bitmask)).toThrow(NotUnpacked);
    expect(() => unpack(packed, bitmask)).toThrow('unpacks to more than 64 MiB');
  });
}

test("the frames of Java's snappy count together", () => {
  const block = compressionsAlgorithms.snappy.compressSync(Buffer.alloc(1 << 20));
  const size = Buffer.alloc(4);
  size.writeUInt32BE(block.length);
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  const framed = Buffer.concat([header, size, block, size, block, size, block]);
  const { bitmask } = compressionsAlgorithms.snappy;
  expect(unpack(framed, bitmask).length).toBe(3 << 20);
  expect(() => unpack(framed, bitmask, 2 << 20)).toThrow('unpacks to more than 2 MiB');
});

test('what nobody knows is refused, and what is broken is no success', () => {
  expect(() => unpack(Buffer.alloc(9), 7)).toThrow('is compressed in an unknown way, 7');
  for (const way of WAYS) {
    const broken = Buffer.from('this was never packed by anybody');
    expect(() => unpack(broken, compressionsAlgorithms[way].bitmask)).toThrow();
  }
});
