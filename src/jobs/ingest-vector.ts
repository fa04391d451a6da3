import { districtLabel } from '../model/district.ts';
import { activeItems, type Contract } from '../recommend/active.ts';
import { findPlace, type Place } from '../recommend/address.ts';
import { dayIn } from '../recommend/day.ts';
import { sidoNumber } from '../recommend/districts.ts';
import { industryOf } from '../recommend/industry.ts';
import { CopyBuffer } from '../store/copy-buffer.ts';
import type { RowStream } from '../store/copy-out.ts';
import { copyField } from '../store/json-copy.ts';
import { CONTRACT_FIELD, PURCHASE_FIELD, USER_FIELD } from '../store/source-rows.ts';
import { compareWords, Words, type Word } from '../store/words.ts';

export const VECTOR_COLUMNS = [
  'snapshot_month',
  'ccod',
  'name',
  'latitude',
  'longitude',
  'sido',
  'sigungu',
  'large',
  'middle',
  'small',
  'detail',
  'business_type',
  'area',
  'contracts',
  'products',
  'more_contracts',
  'first_contract',
  'more_products',
  'registered_type',
] as const;

/** What is met on the way and worth a line in the result, counted over customers; 세종 has no district. */
export const ODDITIES = [
  'withoutSido',
  'withoutDistrict',
  'withoutPosition',
  'withoutArea',
  'withoutLevels',
] as const;
export type Oddities = Record<(typeof ODDITIES)[number], number>;

export const noOddities = (): Oddities => ({
  withoutSido: 0,
  withoutDistrict: 0,
  withoutPosition: 0,
  withoutArea: 0,
  withoutLevels: 0,
});

const TEXT_OID = 25;
const MEMO_MAX = 100_000; // entries of each memo, then it starts over

/** Where a position must be to be believed: the country with its islands. */
const SOUTH = 33;
const NORTH = 39;
const WEST = 124;
const EAST = 132;

const NO_FIELD = nullField();
const SEJONG = '세종특별자치시';

type Industry = { levels: readonly Uint8Array[]; type: Uint8Array; known: boolean };

/**
 * Gathers what `customer_vector` holds of one customer from the rows of the sources, and writes it.
 * Call `contract` and `purchase` for his rows, then `write` while his own row is in hand.
 */
export class VectorRow {
  readonly oddities: Oddities = noOddities();
  readonly #monthEnd: number;
  readonly #monthMs: number;
  readonly #names: ReadonlyMap<string, string>;
  readonly #words = new Words();
  readonly #contracts: (Contract & { word: Word })[] = [];
  readonly #products: Word[] = [];
  readonly #moreContracts: Word[] = [];
  readonly #moreProducts: Word[] = [];
  readonly #districts = new Map<string, Uint8Array>();
  readonly #byLevels = new Map<number, Map<number, Uint8Array>>();
  readonly #byCode = new Map<string, Industry>();
  #largest = Number.NaN; // 면적 of his contracts

  constructor(monthEnd: number, monthMs: number, names: ReadonlyMap<string, string>) {
    this.#monthEnd = monthEnd;
    this.#monthMs = monthMs;
    this.#names = names;
  }

  contract(row: RowStream): void {
    const { bytes, view, starts, lengths } = row;
    const day = (field: number): number | null => dayIn(bytes, starts[field], lengths[field]);
    const item = CONTRACT_FIELD.계약대상;
    const word = this.#words.of(bytes, starts[item], Math.max(lengths[item], 0));
    this.#contracts.push({
      word,
      item: word.text,
      signed: day(CONTRACT_FIELD.계약일자),
      starts: day(CONTRACT_FIELD.시작일자),
      ends: day(CONTRACT_FIELD.종료일자),
      cancelled: this.#text(row, CONTRACT_FIELD.해약여부),
      cancelledOn: day(CONTRACT_FIELD.해약일자),
    });
    const area = CONTRACT_FIELD.면적;
    if (lengths[area] < 0) return;
    const value = view.getFloat64(starts[area]);
    if (value > 0 && value < Infinity && !(value <= this.#largest)) this.#largest = value;
  }

  purchase(row: RowStream): void {
    const item = PURCHASE_FIELD.item_name;
    const length = Math.max(row.lengths[item], 0);
    const word = this.#words.of(row.bytes, row.starts[item], length);
    if (length === 0 || this.#products.some(({ text }) => text === word.text))
      this.#moreProducts.push(word);
    else this.#products.push(word);
  }

  /** Writes the row of an active customer; false where he is none. Forgets him either way. */
  write(to: CopyBuffer, row: RowStream): boolean {
    const items = activeItems(this.#contracts, this.#monthEnd);
    if (items.length > 0) this.#write(to, row, items);
    this.#contracts.length = 0;
    this.#products.length = 0;
    this.#moreProducts.length = 0;
    this.#largest = Number.NaN;
    return items.length > 0;
  }

  #write(to: CopyBuffer, row: RowStream, items: readonly string[]): void {
    to.row(VECTOR_COLUMNS.length);
    to.date(this.#monthMs);
    copyField(to, row, USER_FIELD.고객코드);
    copyField(to, row, USER_FIELD.고객명);
    this.#position(to, row);
    this.#place(to, row);
    this.#industry(to, row);
    this.#area(to, row);
    const held = this.#held(items);
    writeArray(to, held);
    if (this.#products.length > 1) this.#products.sort(compareWords);
    writeArray(to, this.#products);
    this.#entries(to, held);
    textOrNull(to, row, USER_FIELD.업태);
  }

  #position(to: CopyBuffer, row: RowStream): void {
    const latitude = number(row, USER_FIELD.위도);
    const longitude = number(row, USER_FIELD.경도);
    if (latitude > SOUTH && latitude < NORTH && longitude > WEST && longitude < EAST) {
      to.float64(latitude);
      to.float64(longitude);
      return;
    }
    this.oddities.withoutPosition++;
    to.null();
    to.null();
  }

  #place(to: CopyBuffer, row: RowStream): void {
    const address = decode(row, USER_FIELD.주소1);
    const { sido, sigungu }: Place = address === null ? NOWHERE : findPlace(address);
    to.int16(sidoNumber(sido));
    if (sido === null) this.oddities.withoutSido++;
    if (sido === null || sigungu === null) {
      if (sido !== SEJONG) this.oddities.withoutDistrict++;
      to.null();
      return;
    }
    const label = districtLabel({ sido, name: sigungu });
    let field = this.#districts.get(label);
    if (!field) this.#districts.set(label, (field = textField(label)));
    append(to, field);
  }

  /** Levels as the source has them, else from the industry code; 업태 from either. */
  #industry(to: CopyBuffer, row: RowStream): void {
    const large = this.#word(row, USER_FIELD.대분류);
    const middle = this.#word(row, USER_FIELD.중분류);
    if (!large || !middle) {
      this.#industryOfCode(to, row);
      return;
    }
    append(to, large.field);
    append(to, middle.field);
    textOrNull(to, row, USER_FIELD.소분류);
    textOrNull(to, row, USER_FIELD.세분류);
    let byMiddle = this.#byLevels.get(large.id);
    if (!byMiddle) this.#byLevels.set(large.id, (byMiddle = new Map()));
    let type = byMiddle.get(middle.id);
    if (!type) {
      if (this.#byLevels.size + byMiddle.size > MEMO_MAX) this.#byLevels.clear();
      type = this.#facts(large.text, middle.text, null, null, row).type;
      byMiddle.set(middle.id, type);
    }
    append(to, type);
  }

  #industryOfCode(to: CopyBuffer, row: RowStream): void {
    const [large, middle, small, detail] = LEVEL_FIELDS.map((field) => this.#text(row, field));
    const key = [large, middle, small, detail, ...EXTRA_FIELDS.map((field) => decode(row, field))];
    const id = JSON.stringify(key);
    let industry = this.#byCode.get(id);
    if (!industry) {
      if (this.#byCode.size >= MEMO_MAX) this.#byCode.clear();
      industry = this.#facts(large, middle, small, detail, row);
      this.#byCode.set(id, industry);
    }
    if (!industry.known) this.oddities.withoutLevels++;
    for (const level of industry.levels) append(to, level);
    append(to, industry.type);
  }

  #facts(
    large: string | null,
    middle: string | null,
    small: string | null,
    detail: string | null,
    row: RowStream,
  ): Industry {
    const facts = {
      large,
      middle,
      small,
      detail,
      industryName: null, // the sources have codes, not names
      industryCode: decode(row, USER_FIELD.표준산업코드),
      businessType: decode(row, USER_FIELD.업태),
    };
    const found = industryOf(facts, this.#names);
    const fields = [found.large, found.middle, found.small, found.detail].map(textField);
    return {
      levels: fields,
      type: textField(found.businessType),
      known: found.large !== null,
    };
  }

  #area(to: CopyBuffer, row: RowStream): void {
    const own = number(row, USER_FIELD.건물규모);
    const area = Number.isFinite(own) ? own : this.#largest;
    if (!Number.isNaN(area)) {
      to.float64(area);
      return;
    }
    this.oddities.withoutArea++;
    to.null();
  }

  /** A contract on nothing keeps its customer active and is no item to recommend by. */
  #held(items: readonly string[]): Word[] {
    const words: Word[] = [];
    for (const item of items) {
      if (item === '') continue;
      for (const { word } of this.#contracts) {
        if (word.text !== item) continue;
        words.push(word);
        break;
      }
    }
    return words;
  }

  /** What the lists of distinct items leave out of the entries, for the profile of his cluster. */
  #entries(to: CopyBuffer, held: readonly Word[]): void {
    const contracts = this.#contracts;
    const placeOf = (item: string): number => held.findIndex(({ text }) => text === item);
    this.#moreContracts.length = 0;
    for (const [at, { item, word }] of contracts.entries()) {
      const counted = contracts.findIndex((other) => other.item === item) === at;
      if (!counted || placeOf(item) < 0) this.#moreContracts.push(word);
    }
    writeArrayOrNull(to, this.#moreContracts);
    const first = placeOf(contracts[0].item);
    to.int16(1 + (first < 0 ? held.length : first)); // not held, it is the first of the others
    writeArrayOrNull(to, this.#moreProducts);
  }

  #word(row: RowStream, field: number): Word | null {
    const length = row.lengths[field];
    return length > 0 ? this.#words.of(row.bytes, row.starts[field], length) : null;
  }

  #text(row: RowStream, field: number): string | null {
    return this.#word(row, field)?.text ?? null;
  }
}

const NOWHERE: Place = { sido: null, sigungu: null };
const LEVEL_FIELDS = [
  USER_FIELD.대분류,
  USER_FIELD.중분류,
  USER_FIELD.소분류,
  USER_FIELD.세분류,
] as const;
const EXTRA_FIELDS = [USER_FIELD.표준산업코드, USER_FIELD.업태] as const;

function number(row: RowStream, field: number): number {
  return row.lengths[field] < 0 ? Number.NaN : row.view.getFloat64(row.starts[field]);
}

/** Null for missing and for empty text alike. */
function decode(row: RowStream, field: number): string | null {
  const length = row.lengths[field];
  if (length <= 0) return null;
  const from = row.starts[field];
  return Buffer.from(row.bytes.buffer, row.bytes.byteOffset + from, length).toString();
}

function textOrNull(to: CopyBuffer, row: RowStream, field: number): void {
  if (row.lengths[field] === 0) to.null();
  else copyField(to, row, field);
}

function append(to: CopyBuffer, field: Uint8Array): void {
  to.reserve(field.length);
  const { bytes, at } = to;
  for (let i = 0; i < field.length; i++) bytes[at + i] = field[i];
  to.at = at + field.length;
}

/** A text[] of one dimension that counts from 1, as array_recv reads it; empty has none. */
function writeArray(to: CopyBuffer, words: readonly Word[]): void {
  let size = words.length === 0 ? 12 : 20;
  for (const { field } of words) size += field.length;
  to.reserve(4 + 20);
  const { view, at } = to;
  view.setInt32(at, size);
  view.setInt32(at + 4, words.length === 0 ? 0 : 1);
  view.setInt32(at + 8, 0); // none is null
  view.setInt32(at + 12, TEXT_OID);
  to.at = at + 16;
  if (words.length === 0) return;
  view.setInt32(at + 16, words.length);
  view.setInt32(at + 20, 1);
  to.at = at + 24;
  for (const { field } of words) append(to, field);
}

function writeArrayOrNull(to: CopyBuffer, words: readonly Word[]): void {
  if (words.length === 0) to.null();
  else writeArray(to, words);
}

function textField(text: string | null): Uint8Array {
  if (text === null) return NO_FIELD;
  const buffer = new CopyBuffer(4 + text.length * 3);
  buffer.text(text);
  return buffer.take();
}

function nullField(): Uint8Array {
  const buffer = new CopyBuffer(4);
  buffer.null();
  return buffer.take();
}
