import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { createRecordsBatch, Reader, readRecordsBatches } from '@platformatic/kafka';

import type { StreamRecord } from '../../model/event.ts';
import type { OutgoingRecord } from '../port.ts';
import { encodeBatch, RecordCursor, recordSizeMax } from './record-batch.ts';

const data = fc.uint8Array({ maxLength: 300 });
const record: fc.Arbitrary<OutgoingRecord> = fc.record({
  topic: fc.constant('t'),
  key: fc.option(data),
  value: fc.option(data),
  headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 8 }), data), {
    maxLength: 4,
  }),
});
const identity = { producerId: 7n, epoch: 3, sequence: 11 };
const plain = (bytes: Uint8Array | null | undefined): number[] | null =>
  bytes ? [...bytes] : null;

function readAll(bytes: Buffer, from: number, max = 7): StreamRecord[] {
  const cursor = new RecordCursor(bytes, 't', 2, from);
  const records: StreamRecord[] = [];
  while (cursor.read(max, records));
  return records;
}

test('what is encoded is what the client reads, and what the cursor reads', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 200 }),
      fc.constantFrom('none', 'lz4'),
      (records, compression) => {
        const bytes = encodeBatch(records, identity, 1_700_000_000_123, compression);
        const [batch, ...others] = readRecordsBatches(Reader.from(bytes));
        expect(others).toEqual([]);
        expect(batch).toMatchObject({
          producerId: 7n,
          producerEpoch: 3,
          firstSequence: 11,
          firstTimestamp: 1_700_000_000_123n,
          lastOffsetDelta: records.length - 1,
        });
        const wanted = records.map(({ key, value, headers }) => ({
          key: plain(key),
          value: plain(value),
          headers: headers.map(([name, bytesOf]) => [name, plain(bytesOf)]),
        }));
        expect(
          batch.records.map(({ key, value, headers }) => ({
            key: plain(key),
            value: plain(value),
            headers: headers.map(([name, bytesOf]) => [name?.toString(), plain(bytesOf)]),
          })),
        ).toEqual(wanted);
        expect(
          readAll(bytes, 0).map(({ key, value, headers }) => ({
            key: plain(key),
            value: plain(value),
            headers: headers.map(([name, bytesOf]) => [name, plain(bytesOf)]),
          })),
        ).toEqual(wanted);
        if (compression === 'none') {
          const sizes = records.reduce((sum, one) => sum + recordSizeMax(one), 0);
          expect(bytes.length - 61).toBeLessThanOrEqual(sizes);
        }
      },
    ),
    { numRuns: 150 },
  );
});

/** Batches of the client's own making, at given offsets. */
function batchAt(offset: number, values: string[], compression = 'none'): Buffer {
  const messages = values.map((value) => ({ topic: 't', value: Buffer.from(value) }));
  const bytes = createRecordsBatch(messages, { compression } as object).buffer;
  bytes.writeBigInt64BE(BigInt(offset), 0);
  return bytes;
}

test('batches are read one after another, from the wanted offset, up to the last whole one', () => {
  const first = batchAt(10, ['a', 'b', 'c']);
  const second = batchAt(2 ** 40, ['d', 'e'], 'gzip');
  const torn = batchAt(2 ** 40 + 2, ['f']).subarray(0, -1);
  const response = Buffer.concat([first, second, torn]);
  const cursor = new RecordCursor(response, 't', 2, 11);
  expect(cursor.next).toBe(2 ** 40 + 2);
  expect(cursor.bytes).toBe(first.length + second.length);
  const found = readAll(response, 11, 1).map(({ offset, value }) => [offset, value?.toString()]);
  expect(found).toEqual([
    [11, 'b'],
    [12, 'c'],
    [2 ** 40, 'd'],
    [2 ** 40 + 1, 'e'],
  ]);
  const empty = new RecordCursor(Buffer.alloc(0), 't', 2, 11);
  expect([empty.next, empty.bytes, empty.read(5, [])]).toEqual([11, 0, false]);
});

test('a batch with a flipped bit is refused', () => {
  const bytes = batchAt(0, ['some', 'values']);
  bytes[bytes.length - 3] ^= 1;
  expect(() => readAll(bytes, 0)).toThrow('checksum');
});

test('what Kafka writes for itself is passed over', () => {
  const marker = batchAt(5, ['commit']);
  marker.writeInt16BE(1 << 5, 21);
  const cursor = new RecordCursor(Buffer.concat([marker, batchAt(6, ['x'])]), 't', 0, 5);
  const records: StreamRecord[] = [];
  cursor.read(10, records);
  expect(records.map(({ offset }) => offset)).toEqual([6]);
});

test('a batch that would fill the memory is refused by its place, and what to do is said', () => {
  const bytes = batchAt(3, ['x'.repeat(70 << 20)], 'gzip');
  expect(() => readAll(bytes, 0)).toThrow(
    'a batch of t 2 before offset 4 unpacks to more than 64 MiB; to go on behind it, delete',
  );
});
