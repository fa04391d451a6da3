import { PipelineError } from '../base/errors.ts';
import { Dictionary, sortWords, type Coded } from './dictionary.ts';
import { sharedBytes, sharedDoubles, sharedIntegers } from './rows.ts';

/**
 * A month's active customers in order of their codes (by code point), as columns over shared
 * memory. Row numbers are places in this order everywhere, so the smaller row is the smaller code.
 */
export type CustomerTable = {
  count: number;
  codes: Fields;
  names: Fields;
  latitude: Float64Array; // NaN: not known
  longitude: Float64Array;
  sido: Int8Array; // place among the 17 names; -1: not known
  sigungu: Coded; // with its sido
  levels: readonly [large: Coded, middle: Coded, small: Coded, detail: Coded];
  businessType: Coded;
  area: Float64Array; // m²; NaN: not known
  contracts: Items;
  products: Items;
};

/** A text a row, with its length in 4 bytes before it (-1: null), as COPY's binary form has it. */
export type Fields = { bytes: Uint8Array; starts: Uint32Array };

/** Distinct items of each row, ascending: the row's are codes[starts[row]..starts[row + 1]]. */
export type Items = { starts: Uint32Array; codes: Uint16Array; words: readonly string[] };

/** The columns of `source.customer_vector` in the order in which they are read. */
// oxfmt-ignore
export const VECTOR_FIELDS = [
  'ccod', 'name', 'latitude', 'longitude', 'sido', 'sigungu', 'large', 'middle', 'small', 'detail',
  'business_type', 'area', 'contracts', 'products',
] as const;
const [CODE, NAME, LATITUDE, LONGITUDE, SIDO] = [0, 1, 2, 3, 4];
const CODED = ['sigungu', 'large', 'middle', 'small', 'detail', 'business_type'] as const;
const CODED_FIRST = 5;
const [AREA, CONTRACTS, PRODUCTS] = [11, 12, 13];

/** Rows as COPY's binary form has them, the one in hand in `bytes`; lengths are -1 for null. */
export type VectorRows = {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly ended: boolean;
  advance(): boolean;
  fill(): Promise<void>;
};

/** What 32-bit row numbers and the neighbours' trees can hold, with room. */
export const CUSTOMERS_MAX = 20_000_000;
const WORDS_MAX = 1_000_000; // of a text column
const ITEMS_MAX = 65_536; // codes are two bytes

/** Reads `count` customers; any other number of rows, or another order, is a defect. */
export async function readCustomers(
  rows: VectorRows,
  count: number,
  onRows: (done: number) => void = () => {},
): Promise<CustomerTable> {
  if (count > CUSTOMERS_MAX) {
    throw new PipelineError('USAGE', `${count} customers; up to ${CUSTOMERS_MAX} can be held`);
  }
  const reader = new Reader(count);
  let row = 0;
  for (;;) {
    while (rows.advance()) {
      if (row === count) throw new Error(`more than the ${count} customers that were counted`);
      reader.take(rows, row++);
    }
    if (rows.ended) break;
    onRows(row);
    await rows.fill();
  }
  if (row !== count) throw new Error(`${row} customers where ${count} were counted`);
  onRows(row);
  return reader.table();
}

class Reader {
  readonly #count: number;
  readonly #codes: FieldColumn;
  readonly #names: FieldColumn;
  readonly #latitude: Float64Array;
  readonly #longitude: Float64Array;
  readonly #sido: Int8Array;
  readonly #area: Float64Array;
  readonly #coded: readonly { codes: Int32Array; words: Dictionary }[];
  readonly #contracts: ItemColumn;
  readonly #products: ItemColumn;

  constructor(count: number) {
    this.#count = count;
    this.#codes = new FieldColumn(count);
    this.#names = new FieldColumn(count);
    this.#latitude = sharedDoubles(count);
    this.#longitude = sharedDoubles(count);
    this.#sido = new Int8Array(new SharedArrayBuffer(count));
    this.#area = sharedDoubles(count);
    this.#coded = CODED.map((name) => ({
      codes: sharedIntegers(count),
      words: new Dictionary(name, WORDS_MAX),
    }));
    this.#contracts = new ItemColumn('contracts', count);
    this.#products = new ItemColumn('products', count);
  }

  take(rows: VectorRows, row: number): void {
    const { bytes, view, starts, lengths } = rows;
    this.#codes.add(row, bytes, starts[CODE], lengths[CODE]);
    if (row > 0 && !this.#codes.ascends(row)) {
      throw new Error(`customer codes do not ascend at row ${row}`);
    }
    this.#names.add(row, bytes, starts[NAME], lengths[NAME]);
    this.#latitude[row] = number(view, starts[LATITUDE], lengths[LATITUDE]);
    this.#longitude[row] = number(view, starts[LONGITUDE], lengths[LONGITUDE]);
    this.#sido[row] = view.getInt16(starts[SIDO]);
    this.#area[row] = number(view, starts[AREA], lengths[AREA]);
    for (let i = 0; i < CODED.length; i++) {
      const { codes, words } = this.#coded[i];
      const length = lengths[CODED_FIRST + i];
      codes[row] = length < 0 ? -1 : words.of(bytes, starts[CODED_FIRST + i], length);
    }
    this.#contracts.add(row, bytes, view, starts[CONTRACTS]);
    this.#products.add(row, bytes, view, starts[PRODUCTS]);
  }

  table(): CustomerTable {
    const [sigungu, large, middle, small, detail, businessType] = this.#coded.map(
      ({ codes, words }): Coded => ({ codes, words: words.words }),
    );
    return {
      count: this.#count,
      codes: this.#codes.fields(),
      names: this.#names.fields(),
      latitude: this.#latitude,
      longitude: this.#longitude,
      sido: this.#sido,
      sigungu,
      levels: [large, middle, small, detail],
      businessType,
      area: this.#area,
      contracts: this.#contracts.items(),
      products: this.#products.items(),
    };
  }
}

/** NaN where it is null or no finite number. */
function number(view: DataView, at: number, length: number): number {
  const value = length < 0 ? Number.NaN : view.getFloat64(at);
  return Number.isFinite(value) ? value : Number.NaN;
}

const BYTES_FIRST = 24; // a row, then it grows

class FieldColumn {
  readonly #starts: Uint32Array;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(count: number) {
    this.#starts = new Uint32Array(new SharedArrayBuffer((count + 1) * 4));
    this.#bytes = sharedBytes(count * BYTES_FIRST + 64);
    this.#view = new DataView(this.#bytes.buffer);
  }

  add(row: number, from: Uint8Array, start: number, length: number): void {
    const size = 4 + Math.max(length, 0);
    const at = this.#starts[row];
    if (at + size > this.#bytes.length) this.#grow(at + size);
    this.#view.setInt32(at, length);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) bytes[at + 4 + i] = from[start + i];
    this.#starts[row + 1] = at + size;
  }

  /** Whether the text of a row comes after the one before it; neither is null. */
  ascends(row: number): boolean {
    const bytes = this.#bytes;
    const before = this.#starts[row - 1] + 4;
    const own = this.#starts[row] + 4;
    const shorter = Math.min(own - 4 - before, this.#starts[row + 1] - own);
    for (let i = 0; i < shorter; i++)
      if (bytes[before + i] !== bytes[own + i]) return bytes[before + i] < bytes[own + i];
    return own - 4 - before < this.#starts[row + 1] - own;
  }

  fields(): Fields {
    return { bytes: this.#bytes, starts: this.#starts };
  }

  #grow(size: number): void {
    const larger = sharedBytes(Math.max(this.#bytes.length * 2, size));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

const ITEMS_FIRST = 4; // a row, then they grow

/** Reads text arrays in COPY's binary form: dimensions, flags, type, (size, lower bound), items. */
class ItemColumn {
  readonly #starts: Uint32Array;
  readonly #words: Dictionary;
  #codes: Uint16Array;
  #at = 0;

  constructor(name: string, count: number) {
    this.#starts = new Uint32Array(new SharedArrayBuffer((count + 1) * 4));
    this.#words = new Dictionary(name, ITEMS_MAX);
    this.#codes = new Uint16Array(new SharedArrayBuffer((count * ITEMS_FIRST + 64) * 2));
  }

  add(row: number, bytes: Uint8Array, view: DataView, from: number): void {
    const items = view.getInt32(from) === 0 ? 0 : view.getInt32(from + 12);
    if (this.#at + items > this.#codes.length) this.#grow(items);
    let at = from + 20;
    for (let item = 0; item < items; item++) {
      const length = view.getInt32(at);
      this.#codes[this.#at++] = this.#words.of(bytes, at + 4, length);
      at += 4 + length;
    }
    this.#starts[row + 1] = this.#at;
  }

  /** Codes become places by code point; each row's items came in that order. */
  items(): Items {
    const { words, places } = sortWords(this.#words.words);
    const codes = this.#codes.subarray(0, this.#at);
    for (let i = 0; i < codes.length; i++) codes[i] = places[codes[i]];
    return { starts: this.#starts, codes, words };
  }

  #grow(items: number): void {
    const size = Math.max(this.#codes.length * 2, this.#at + items);
    const larger = new Uint16Array(new SharedArrayBuffer(size * 2));
    larger.set(this.#codes);
    this.#codes = larger;
  }
}

const decoder = new TextDecoder();

/** The text of a row, or null. */
export function fieldText({ bytes, starts }: Fields, row: number): string | null {
  const from = starts[row];
  if (starts[row + 1] === from + 4 && bytes[from] === 0xff) return null;
  return decoder.decode(bytes.slice(from + 4, starts[row + 1]));
}

export const itemsOf = ({ starts, codes, words }: Items, row: number): string[] =>
  Array.from(codes.subarray(starts[row], starts[row + 1]), (code) => words[code]);
