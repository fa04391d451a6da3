import { PipelineError } from '../base/errors.ts';
import { CodedColumn, FieldColumn, ItemColumn } from './columns.ts';
import type { Coded } from './dictionary.ts';
import { sharedDoubles } from './rows.ts';

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
  // What the profiles of clusters count besides: entries as they were ingested.
  moreContracts: Items; // 계약대상 of the entries that `contracts` leaves out, '' where there is none
  firstContract: Int16Array; // the first entry's place in contracts and moreContracts, from 1; 0: no entry
  moreProducts: Items; // item_name of the entries that `products` leaves out
  registeredType: Coded; // 업태 as registered
};

/** A text a row, with its length in 4 bytes before it (-1: null), as COPY's binary form has it. */
export type Fields = { bytes: Uint8Array; starts: Uint32Array };

/**
 * Items of each row: the row's are codes[starts[row]..starts[row + 1]]. Codes are places by code
 * point; those of contracts and products are distinct and ascend.
 */
export type Items = { starts: Uint32Array; codes: Uint16Array; words: readonly string[] };

/** The columns of `source.customer_vector` in the order in which they are read. */
// oxfmt-ignore
export const VECTOR_FIELDS = [
  'ccod', 'name', 'latitude', 'longitude', 'sido', 'sigungu', 'large', 'middle', 'small', 'detail',
  'business_type', 'area', 'contracts', 'products', 'more_contracts', 'first_contract',
  'more_products', 'registered_type',
] as const;
const [CODE, NAME, LATITUDE, LONGITUDE, SIDO, AREA, FIRST_CONTRACT] = [0, 1, 2, 3, 4, 11, 15];
// oxfmt-ignore
const CODED = ['sigungu', 'large', 'middle', 'small', 'detail', 'business_type', 'registered_type'] as const;
const LISTS = ['contracts', 'products', 'more_contracts', 'more_products'] as const;
const CODED_AT = CODED.map((name) => VECTOR_FIELDS.indexOf(name));
const LISTS_AT = LISTS.map((name) => VECTOR_FIELDS.indexOf(name));

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
  readonly #firstContract: Int16Array;
  readonly #coded: readonly CodedColumn[];
  readonly #lists: readonly ItemColumn[];

  constructor(count: number) {
    this.#count = count;
    this.#codes = new FieldColumn(count);
    this.#names = new FieldColumn(count);
    this.#latitude = sharedDoubles(count);
    this.#longitude = sharedDoubles(count);
    this.#sido = new Int8Array(new SharedArrayBuffer(count));
    this.#area = sharedDoubles(count);
    this.#firstContract = new Int16Array(new SharedArrayBuffer(count * 2));
    this.#coded = CODED.map((name) => new CodedColumn(name, count));
    this.#lists = LISTS.map((name) => new ItemColumn(name, count));
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
    const first = starts[FIRST_CONTRACT];
    this.#firstContract[row] = lengths[FIRST_CONTRACT] < 0 ? 0 : view.getInt16(first);
    for (let i = 0; i < CODED_AT.length; i++)
      this.#coded[i].add(row, bytes, starts[CODED_AT[i]], lengths[CODED_AT[i]]);
    for (let i = 0; i < LISTS_AT.length; i++)
      this.#lists[i].add(row, bytes, view, starts[LISTS_AT[i]], lengths[LISTS_AT[i]]);
  }

  table(): CustomerTable {
    const [sigungu, large, middle, small, detail, businessType, registeredType] = this.#coded.map(
      (column) => column.coded(),
    );
    const [contracts, products, moreContracts, moreProducts] = this.#lists.map((column) =>
      column.items(),
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
      contracts,
      products,
      moreContracts,
      firstContract: this.#firstContract,
      moreProducts,
      registeredType,
    };
  }
}

/** NaN where it is null or no finite number. */
function number(view: DataView, at: number, length: number): number {
  const value = length < 0 ? Number.NaN : view.getFloat64(at);
  return Number.isFinite(value) ? value : Number.NaN;
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
