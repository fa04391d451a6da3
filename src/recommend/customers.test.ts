import { expect, test } from 'bun:test';

import { fieldText, itemsOf, readCustomers, VECTOR_FIELDS, type VectorRows } from './customers.ts';
import { Dictionary, sortWords } from './dictionary.ts';
import { fingerprint } from './fingerprint.ts';

type Row = (string | number | null | string[])[];
const encoder = new TextEncoder();

/** Rows as a COPY in binary sends them, one a fill. */
class Sent implements VectorRows {
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  readonly starts = new Int32Array(VECTOR_FIELDS.length);
  readonly lengths = new Int32Array(VECTOR_FIELDS.length);
  ended = false;
  readonly #rows: Row[];
  #here = false;

  constructor(rows: Row[]) {
    this.#rows = rows.slice();
  }

  advance(): boolean {
    if (this.#here) {
      this.#here = false;
      return true;
    }
    this.ended = this.#rows.length === 0;
    return false;
  }

  fill(): Promise<void> {
    const fields = (this.#rows.shift() ?? []).map(encode);
    this.bytes = new Uint8Array(Buffer.concat(fields.map((field) => field ?? new Uint8Array(0))));
    this.view = new DataView(this.bytes.buffer);
    let at = 0;
    for (const [i, field] of fields.entries()) {
      this.starts[i] = at;
      this.lengths[i] = field?.length ?? -1;
      at += field?.length ?? 0;
    }
    this.#here = true;
    return Promise.resolve();
  }
}

const SMALL = new Set<string>(['sido', 'first_contract']);

function encode(value: Row[number], field: number): Uint8Array | null {
  if (value === null) return null;
  if (typeof value === 'string') return encoder.encode(value);
  const bytes = Buffer.alloc(Array.isArray(value) ? 20 : 8);
  if (!Array.isArray(value)) {
    if (SMALL.has(VECTOR_FIELDS[field])) bytes.writeInt16BE(value);
    else bytes.writeDoubleBE(value);
    return bytes;
  }
  bytes.writeInt32BE(value.length === 0 ? 0 : 1);
  if (value.length === 0) return bytes.subarray(0, 12);
  bytes.writeInt32BE(value.length, 12);
  const items = value.map((item) => {
    const text = Buffer.from(item);
    const head = Buffer.alloc(4);
    head.writeInt32BE(text.length);
    return Buffer.concat([head, text]);
  });
  return Buffer.concat([bytes, ...items]);
}

// oxfmt-ignore
const ROWS: Row[] = [
  ['A', '가게', 37.5, 127, 9, '서울특별시 중구', '요식업체', null, '', '한식', '음식점업', 30, ['나', '하'], [], ['', '가', '나'], 4, null, '한식점'],
  ['AB', null, null, Infinity, -1, null, '일반사업체', '공장', null, '한식', null, null, [], ['힣', '😀'], null, null, ['😀', '', '😀'], null],
  ['B', '', 35, 129, 3, '서울특별시 중구', '요식업체', '공장', '', null, '음식점업', 0, ['가', '나'], ['힣'], [], 2, [], ''],
];

test('columns hold what the rows hold, null apart from empty', async () => {
  const done: number[] = [];
  const table = await readCustomers(new Sent(ROWS), 3, (rows) => done.push(rows));
  expect(done.at(-1)).toBe(3);
  const rows = [0, 1, 2];
  expect(rows.map((row) => fieldText(table.codes, row))).toEqual(['A', 'AB', 'B']);
  expect(rows.map((row) => fieldText(table.names, row))).toEqual(['가게', null, '']);
  expect([...table.latitude]).toEqual([37.5, Number.NaN, 35]);
  expect([...table.longitude]).toEqual([127, Number.NaN, 129]);
  expect([...table.sido]).toEqual([9, -1, 3]);
  expect([...table.area]).toEqual([30, Number.NaN, 0]);
  const texts = [table.sigungu, ...table.levels, table.businessType].map(({ codes, words }) =>
    Array.from(codes, (code) => (code < 0 ? null : words[code])),
  );
  const fields = [5, 6, 7, 8, 9, 10];
  const sent = fields.map((field) => ROWS.map((row) => row[field]));
  expect(JSON.stringify(texts)).toBe(JSON.stringify(sent));
  expect(rows.map((row) => itemsOf(table.contracts, row))).toEqual([
    ['나', '하'],
    [],
    ['가', '나'],
  ]);
  expect(rows.map((row) => itemsOf(table.products, row))).toEqual([[], ['힣', '😀'], ['힣']]);
  expect(rows.map((row) => itemsOf(table.moreContracts, row))).toEqual([['', '가', '나'], [], []]);
  expect(rows.map((row) => itemsOf(table.moreProducts, row))).toEqual([[], ['😀', '', '😀'], []]);
  expect([...table.firstContract]).toEqual([4, 0, 2]);
  const { codes, words } = table.registeredType;
  expect([...codes]).toEqual([0, -1, 1]);
  expect(words).toEqual(['한식점', '']);
  expect(table.contracts.words).toEqual(['가', '나', '하']);
  expect(table.products.words).toEqual(['힣', '😀']); // by code point, not by UTF-16
});

test('another number of rows or another order is a defect', async () => {
  const failure = (rows: Row[], count: number): Promise<unknown> =>
    readCustomers(new Sent(rows), count).catch((cause: unknown) => cause);
  expect(await failure(ROWS, 2)).toBeInstanceOf(Error);
  expect(await failure(ROWS, 4)).toBeInstanceOf(Error);
  expect(String(await failure([ROWS[1], ROWS[0]], 2))).toContain('do not ascend');
  expect(String(await failure([ROWS[0], ROWS[0]], 2))).toContain('do not ascend');
});

test('columns grow as they must', async () => {
  const long = '긴'.repeat(300);
  const items = Array.from({ length: 200 }, (_, i) => `item ${i}`);
  const rows = ROWS.map((row) => row.with(1, long).with(13, items));
  const table = await readCustomers(new Sent(rows), 3);
  for (const row of [0, 1, 2]) {
    expect(fieldText(table.names, row)).toBe(long);
    expect(itemsOf(table.products, row)).toEqual(items);
  }
});

test('a dictionary gives each word one number, and has an end', () => {
  const dictionary = new Dictionary('words', 3_000);
  const words = Array.from({ length: 3_000 }, (_, i) => encoder.encode(`낱말 ${i}`));
  const numbers = words.map((word) => dictionary.of(word, 0, word.length));
  expect(numbers).toEqual([...words.keys()]);
  expect(words.map((word) => dictionary.of(word, 0, word.length))).toEqual(numbers);
  expect(dictionary.of(encoder.encode('x낱말 7y'), 1, 8)).toBe(7);
  expect(() => dictionary.of(encoder.encode('more'), 0, 4)).toThrow('more than 3000');
  const { words: sorted, places } = sortWords(['b', 'c', 'a']);
  expect(sorted).toEqual(['a', 'b', 'c']);
  expect([...places]).toEqual([1, 2, 0]);
});

test('the fingerprint tells any other value apart, and is equal for equal ones', async () => {
  const of = async (rows: Row[]): Promise<string> =>
    fingerprint(await readCustomers(new Sent(rows), rows.length));
  const own = await of(ROWS);
  expect(own).toMatch(/^[0-9a-f]{16}$/);
  expect(await of(ROWS)).toBe(own);
  const others: Row = [
    'AC',
    '가개',
    37.6,
    128,
    8,
    '서울',
    '요',
    '공',
    '소',
    '세',
    '업',
    31,
    ['나'],
    ['힣'],
    [''],
    1,
    [''],
    '등',
  ];
  const sums = await Promise.all(
    others.map((value, field) => of(ROWS.with(1, ROWS[1].with(field, value)))),
  );
  expect(new Set([own, ...sums, await of(ROWS.slice(0, 2))]).size).toBe(VECTOR_FIELDS.length + 2);
});
