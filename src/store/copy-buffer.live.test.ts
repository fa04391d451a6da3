import { afterAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { testDatabase } from '../stack/testing.ts';
import { connect, transaction } from './client.ts';
import type { CopyBuffer } from './copy-buffer.ts';
import { copyRows } from './copy.ts';

const database = await testDatabase('copy buffer');
const client = await connect(database.url);
const COLUMNS = ['id', 't', 'i2', 'i4', 'i8', 'f8', 'b', 'at'];
await client.query(`
  create table copied (id int, t text, i2 int2, i4 int4, i8 int8, f8 float8, b bool, at timestamptz);
  create table inserted (like copied)`);

afterAll(async () => {
  await client.end();
  await database.drop();
});

const orNull = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { freq: 8 });
const TEXTS = [
  '',
  '\\N',
  '\\.',
  '"',
  "'",
  '\\',
  '\t',
  '\n',
  '\r\n',
  '한글',
  '🙂',
  '𝄞\\"',
  'NULL',
  '￿',
];
const text = fc
  .oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'binary', maxLength: 40 }))
  .filter((value) => value.isWellFormed() && !value.includes('\0'));
const within = (min: number, max: number) =>
  fc.oneof(fc.constantFrom(min, -1, 0, 1, max), fc.integer({ min, max }));
const time = fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(2199, 11, 31) });

const row = fc.record({
  t: orNull(text),
  i2: orNull(within(-32_768, 32_767)),
  i4: orNull(within(-(2 ** 31), 2 ** 31 - 1)),
  i8: orNull(
    fc.oneof(fc.maxSafeInteger(), fc.constantFrom(-(2 ** 53) + 1, 2 ** 53 - 1, -(2 ** 32))),
  ),
  f8: orNull(fc.double()),
  b: orNull(fc.boolean()),
  at: orNull(time),
});
type Row = typeof row extends fc.Arbitrary<infer Value> ? Value : never;

function write(to: CopyBuffer, [id, fields]: [number, Row]): void {
  const { t, i2, i4, i8, f8, b, at } = fields;
  to.int32(id);
  if (t === null) to.null();
  else to.text(t);
  if (i2 === null) to.null();
  else to.int16(i2);
  if (i4 === null) to.null();
  else to.int32(i4);
  if (i8 === null) to.null();
  else to.int64(i8);
  if (f8 === null) to.null();
  else to.float64(f8);
  if (b === null) to.null();
  else to.boolean(b);
  if (at === null) to.null();
  else to.timestamp(at);
}

const parameters = ([id, fields]: [number, Row]): unknown[] => [
  id,
  fields.t,
  fields.i2,
  fields.i4,
  fields.i8,
  fields.f8 === null ? null : String(fields.f8),
  fields.b,
  fields.at === null ? null : new Date(fields.at).toISOString(),
];

test('any row comes through COPY as it does through parameters', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), async (rows) => {
      const numbered = rows.map((fields, id): [number, Row] => [id, fields]);
      await client.query('truncate copied, inserted');
      expect(await copyRows(client, 'copied', COLUMNS, numbered, write)).toBe(rows.length);
      const holes = rows.map((_, at) => `(${COLUMNS.map((_c, n) => `$${at * 8 + n + 1}`).join()})`);
      await client.query(
        `insert into inserted values ${holes.join()}`,
        numbered.flatMap((one) => parameters(one)),
      );
      const differing = await client.query(
        `(table copied except all table inserted) union all (table inserted except all table copied)`,
      );
      expect(differing.rows).toEqual([]);
    }),
    { numRuns: 150, seed: 5 },
  );
});

test('text of any characters reads back the same, over several megabytes', async () => {
  await client.query('truncate copied');
  const texts = Array.from({ length: 4_000 }, (_, at) => `${at}${TEXTS.join('|').repeat(at % 40)}`);
  await copyRows(client, 'copied', ['id', 't'], texts.entries(), (to, [id, value]) => {
    to.int32(id);
    to.text(value);
  });
  const { rows } = await client.query<{ t: string }>('select t from copied order by id');
  expect(rows.map(({ t }) => t)).toEqual(texts);
});

test('a COPY whose rows run out half-way leaves nothing, and the connection works on', async () => {
  await client.query('truncate copied');
  function* broken(): Generator<number> {
    for (let id = 0; id < 200_000; id++) yield id;
    throw new Error('no more');
  }
  const copying = transaction(client, 'copying', () =>
    copyRows(client, 'copied', ['id'], broken(), (to, id) => to.int32(id)),
  );
  expect(await copying.catch((cause: Error) => cause.message)).toContain('no more');
  expect((await client.query('select from copied')).rowCount).toBe(0);
}, 10_000);

test('a row that PostgreSQL refuses late fails the COPY in one line, and the connection works on', async () => {
  await client.query(
    'truncate copied; alter table copied add constraint small check (id < 150000)',
  );
  const rows = Array.from({ length: 200_000 }, (_, id) => id);
  const copying = copyRows(client, 'copied', ['id'], rows, (to, id) => to.int32(id));
  const failure = await copying.catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'DATABASE_FAILED' });
  expect(String(failure)).toMatch(/^[^\n]*copying into copied[^\n]*23514[^\n]*$/);
  expect((await client.query('select from copied')).rowCount).toBe(0);
}, 10_000);
