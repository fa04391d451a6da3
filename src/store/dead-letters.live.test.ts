import { afterAll, beforeEach, expect, test } from 'bun:test';
import fc from 'fast-check';

import { REJECT_REASONS, type Place, type Rejected, type StreamRecord } from '../model/event.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect, transaction } from './client.ts';
import { bytesArray, int32Array, textArray, timestampArray } from './copy-array.ts';
import {
  buryLetters,
  closeDeadLetters,
  countDeadLetters,
  findDeadLetters,
  readDeadLetter,
} from './dead-letters.ts';
import { migrate } from './migrate.ts';
import { orderSink } from './sink-orders.ts';
import { batchAt, orderEvent, recordAt } from './testing.ts';

const database = await testDatabase('dead letters');
const admin = await connect(database.url);
await migrate(admin);
const ROLE = { role: 'millrace_ingest' };
const client = await connect(database.url, 'dead letters', { settings: ROLE });

beforeEach(async () => {
  await admin.query('truncate orders, consumer_offsets, dead_letters, order_effects');
});
afterAll(async () => {
  await Promise.all([client.end(), admin.end()]);
  await database.drop();
});

const bury = (letters: Rejected[]): Promise<void> =>
  transaction(client, 'burying', () => buryLetters(client, letters));

const letter = (record: StreamRecord, changes: Partial<Rejected> = {}): Rejected => ({
  record,
  reason: 'json',
  message: 'no JSON',
  ...changes,
});

test('a dead letter is the record byte for byte, with headers in order', async () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 300 }));
  const name = fc.string({ unit: 'binary', maxLength: 10 }).filter((text) => text.isWellFormed());
  const record = fc.record({
    topic: fc.constantFrom('users', 'products', 'orders'),
    partition: fc.nat(2),
    offset: fc.nat(Number.MAX_SAFE_INTEGER),
    key: bytes,
    value: bytes,
    headers: fc.array(fc.tuple(fc.oneof(name, fc.constantFrom('twice', '\uFEFFmarked')), bytes), {
      maxLength: 5,
    }),
  });
  const message = fc.string({ unit: 'binary', maxLength: 30 });
  const rejected = fc.record({ record, reason: fc.constantFrom(...REJECT_REASONS), message });
  const placeOf = ({ record: { topic, partition, offset } }: Rejected): string =>
    `${topic} ${partition} ${offset}`;
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(rejected, { maxLength: 12, selector: placeOf }),
      async (letters) => {
        await admin.query('truncate dead_letters');
        await bury(letters);
        for (const { record: sent, reason, message: text } of letters) {
          expect(await readDeadLetter(client, sent)).toMatchObject({
            record: sent,
            reason,
            message: text.replaceAll('\0', '\uFFFD').toWellFormed(),
            state: 'open',
            keyBytes: sent.key?.length ?? null,
            valueBytes: sent.value?.length ?? null,
          });
        }
        expect(await findDeadLetters(client)).toHaveLength(letters.length);
      },
    ),
    { numRuns: 25, seed: 3 },
  );
}, 30_000);

test('large ones and many go in, and a message never keeps one out', async () => {
  const large = { ...recordAt('orders', 0, 0), value: new Uint8Array(5 << 20).fill(0xff) };
  const odd = `\0\ud800${'x'.repeat(5_000)}`;
  const many = Array.from({ length: 2_500 }, (_, index) =>
    letter(recordAt('orders', 1, index), { message: odd }),
  );
  await bury([letter(large), ...many]);
  expect((await readDeadLetter(client, large))?.record.value).toEqual(large.value);
  expect(await countDeadLetters(client)).toEqual([
    { topic: 'orders', reason: 'json', state: 'open', count: 2_501, unpublished: 2_501 },
  ]);
}, 20_000);

test('in a batch they share its fate, and come once', async () => {
  const sink = orderSink({ databaseUrl: database.url, settings: ROLE });
  const batch = {
    ...batchAt('orders', 0, 0, [orderEvent(0), orderEvent(1, { quantity: 0 })]),
    ranges: [{ partition: 0, from: 0, next: 4 }],
    rejected: [
      letter(recordAt('orders', 0, 2), { reason: 'field', message: 'no user_id' }),
      letter(
        { ...recordAt('orders', 0, 3), value: null, key: new Uint8Array([0, 255]) },
        { reason: 'empty' },
      ),
    ],
  };
  expect(await sink.write(batch)).toMatchObject({ inserted: 1, rejected: 3 });
  await closeDeadLetters(client, [{ topic: 'orders', partition: 0, offset: 2 }], 'dismissed');
  await admin.query('delete from consumer_offsets');
  expect(await sink.write(batch)).toMatchObject({ inserted: 0, duplicates: 1, rejected: 3 });
  const found = await findDeadLetters(client);
  expect(found.map(({ offset, reason, state }) => [offset, reason, state])).toEqual([
    [1, 'database', 'open'],
    [2, 'field', 'dismissed'],
    [3, 'empty', 'open'],
  ]);
  await sink.close();
});

test('another record in the place of a dead letter stops the batch, the same one does not', async () => {
  const kept = {
    ...recordAt('orders', 0, 7),
    key: new Uint8Array([1]),
    value: new Uint8Array([2]),
  };
  await bury([letter({ ...kept, headers: [['h', null]] })]);
  await bury([letter({ ...kept, headers: [['h', null]] }, { reason: 'field', message: 'other' })]);
  const others: Partial<StreamRecord>[] = [
    { key: null },
    { value: new Uint8Array([3]) },
    { headers: [['h', new Uint8Array()]] },
  ];
  for (const change of others) {
    const other = letter({ ...kept, headers: [['h', null]], ...change });
    const failure = await bury([letter(recordAt('orders', 0, 6)), other]).catch((cause) => cause);
    expect(failure).toMatchObject({ code: 'DATABASE_FAILED', retryable: false });
    expect(failure.message).toContain('kept in dead_letters for orders/0 at 7');
    expect(failure.message).toContain("delete from dead_letters where topic = 'orders'");
  }
  expect(await findDeadLetters(client)).toMatchObject([{ offset: 7, reason: 'json' }]);

  const sink = orderSink({ databaseUrl: database.url, settings: ROLE });
  const batch = {
    ...batchAt('orders', 0, 7, []),
    ranges: [{ partition: 0, from: 7, next: 8 }],
    rejected: [letter({ ...kept, headers: [] })],
  };
  const stopped = await sink.write(batch).catch((cause) => cause);
  expect(stopped.message).toContain('dead_letters_of_old_orders');
  await sink.close();
  const { rows } = await admin.query('select * from consumer_offsets where next_offset > 7');
  expect(rows).toEqual([]);
});

test('pages follow each other, and filters narrow them', async () => {
  const letters = [0, 1, 2].flatMap((partition) =>
    Array.from({ length: 20 }, (_, offset) =>
      letter(recordAt(offset % 2 === 0 ? 'orders' : 'users', partition, offset), {
        reason: offset % 3 === 0 ? 'json' : 'field',
      }),
    ),
  );
  await bury(letters);
  const seen: Place[] = [];
  for (;;) {
    const after = seen.at(-1);
    const page = await findDeadLetters(client, { limit: 7, ...(after && { after }) });
    if (page.length === 0) break;
    seen.push(...page);
  }
  const order = letters
    .map(({ record: { topic, partition, offset } }) => ({ topic, partition, offset }))
    .toSorted(
      (a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition || a.offset - b.offset,
    );
  expect(seen.map(({ topic, partition, offset }) => ({ topic, partition, offset }))).toEqual(order);
  const some = await findDeadLetters(client, { topic: 'users', reason: 'json' });
  expect(some.map(({ offset }) => offset)).toEqual([3, 9, 15, 3, 9, 15, 3, 9, 15]);
});

test('only one can take a dead letter that is open', async () => {
  const places = [0, 1, 2, 3].map((offset) => ({ topic: 'orders', partition: 0, offset }));
  await bury(places.slice(0, 3).map(({ offset }) => letter(recordAt('orders', 0, offset))));
  const other = await connect(database.url);
  const [a, b] = await Promise.all([
    closeDeadLetters(client, places, 'redriven'),
    closeDeadLetters(other, places.slice(1), 'dismissed'),
  ]);
  await other.end();
  expect(new Set([...a, ...b].map(({ offset }) => offset))).toEqual(new Set([0, 1, 2]));
  expect(a.length + b.length).toBe(3);
  expect(await findDeadLetters(client, { state: 'open' })).toEqual([]);
  const redriven = await findDeadLetters(client, { state: 'redriven' });
  expect(redriven).toHaveLength(a.length);
  expect(redriven.every(({ redrivenAtMs }) => redrivenAtMs !== null)).toBe(true);
  const dismissed = await findDeadLetters(client, { state: 'dismissed' });
  expect(dismissed.every(({ redrivenAtMs }) => redrivenAtMs === null)).toBe(true);
  expect(await readDeadLetter(client, places[3])).toBeNull();
});

test('arrays arrive as PostgreSQL would have read them from text', async () => {
  const times = [0, 946_684_800_000, Date.UTC(2026, 10, 21, 7, 0, 0, 123)];
  const { rows } = await client.query<Record<string, unknown>>(
    'select $1::text[] as t, $2::integer[] as i, $3::timestamptz[] as at, $4::bytea[] as b, $5::text[] as none',
    [
      textArray(['', 'NULL', '{"a"}', '한글\\']),
      int32Array([0, -1, 2 ** 31 - 1]),
      timestampArray(times),
      bytesArray([null, new Uint8Array([0, 255])]),
      textArray([]),
    ],
  );
  expect(rows).toEqual([
    {
      t: ['', 'NULL', '{"a"}', '한글\\'],
      i: [0, -1, 2 ** 31 - 1],
      at: times.map((ms) => new Date(ms)),
      b: [null, Buffer.from([0, 255])],
      none: [],
    },
  ]);
});
