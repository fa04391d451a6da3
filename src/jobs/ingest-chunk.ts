import type { PipelineError } from '../base/errors.ts';
import { dayIn } from '../recommend/day.ts';
import { CopyBuffer } from '../store/copy-buffer.ts';
import type { RowStream } from '../store/copy-out.ts';
import { databaseFailure } from '../store/failure.ts';
import { beginJson, copyField, endJson, JsonObject, putByte } from '../store/json-copy.ts';
import {
  CONTRACT_FIELD,
  CONTRACT_KEYS,
  PURCHASE_FIELD,
  PURCHASE_KEYS,
  USER_FIELD,
  USER_KEYS,
} from '../store/source-rows.ts';
import { noOddities, ODDITIES, VectorRow } from './ingest-vector.ts';

/** The three sources, each in order of customer codes. */
export type SourceStreams = { customers: RowStream; contracts: RowStream; purchases: RowStream };

export const FEATURE_COLUMNS = [
  'ccod',
  'snapshot_month',
  'user_information',
  'contract_info',
  'purchase_logs',
  'interaction_history',
] as const;

/** What a chunk holds, besides its rows. */
export type ChunkCounts = Record<(typeof COUNTS)[number], number>;

/** `contracts` and `purchases` are entries of contract_info and purchase_logs. */
const COUNTS = ['customers', 'active', 'contracts', 'purchases', ...ODDITIES] as const;

/** Some customers in a row as COPY takes them, features and vectors; neither header nor trailer. */
export type Chunk = {
  features: Uint8Array<ArrayBuffer>;
  vectors: Uint8Array<ArrayBuffer>;
  firstCode: string;
  lastCode: string;
  checksum: string; // of both
  counts: ChunkCounts;
};

export const noCounts = (): ChunkCounts => ({
  ...noOddities(),
  customers: 0,
  active: 0,
  contracts: 0,
  purchases: 0,
});

export function addCounts(to: ChunkCounts, from: ChunkCounts): void {
  for (const key of COUNTS) to[key] += from[key];
}

const OPEN = 0x5b; // [
const CLOSE = 0x5d;
const COMMA = 0x2c;
const CODE = 0; // contracts and purchases begin with the customer's code
const BEHIND_ALL = Uint8Array.of(0xff); // no code in UTF-8 is above

const USER = new JsonObject(USER_KEYS);
const CONTRACT = new JsonObject(CONTRACT_KEYS);
const PURCHASE = new JsonObject(PURCHASE_KEYS);

/**
 * Merges the three sources into chunks. What a month did not know is left out: customers registered,
 * contracts signed and purchases made after its end; a date that is none does not keep a row out.
 */
export class ChunkAssembler {
  readonly #streams: SourceStreams;
  readonly #monthEnd: number;
  readonly #monthMs: number;
  readonly #vector: VectorRow;
  readonly #features = new CopyBuffer(8 << 20);
  readonly #vectors = new CopyBuffer(1 << 20);
  readonly #waiting = { contracts: false, purchases: false }; // a row is in hand and not yet used
  readonly #last = { code: new Uint8Array(0) };
  readonly #passed = { contracts: new Uint8Array(0), purchases: new Uint8Array(0) }; // last codes used
  #strangers = 0;

  constructor(
    streams: SourceStreams,
    month: { end: number; ms: number },
    industryNames: ReadonlyMap<string, string>,
  ) {
    this.#streams = streams;
    this.#monthEnd = month.end;
    this.#monthMs = month.ms;
    this.#vector = new VectorRow(month.end, month.ms, industryNames);
  }

  /** Rows whose customer is in no row of customers; they are passed over. All, behind the last chunk. */
  get strangers(): number {
    return this.#strangers;
  }

  /** The next `size` customers, fewer at the end, or null behind the last. */
  async next(size: number): Promise<Chunk | null> {
    const { customers } = this.#streams;
    const counts = noCounts();
    Object.assign(this.#vector.oddities, noOddities());
    let firstCode = '';
    while (counts.customers < size && (customers.advance() || (await customers.next()))) {
      this.#checkOrder(customers);
      if (this.#isLater(customers, USER_FIELD.등록일자)) {
        await this.#passOver();
        continue;
      }
      if (counts.customers === 0) firstCode = decode(this.#last.code);
      await this.#customer(customers, counts);
    }
    if (counts.customers === 0) {
      this.#last.code = BEHIND_ALL;
      await this.#passOver();
      return null;
    }
    const features = this.#features.take();
    const vectors = this.#vectors.take();
    const hash = Bun.hash.xxHash64(vectors, Bun.hash.xxHash64(features));
    return {
      features,
      vectors,
      firstCode,
      lastCode: decode(this.#last.code),
      checksum: hash.toString(16).padStart(16, '0'),
      counts: { ...counts, ...this.#vector.oddities },
    };
  }

  async #customer(row: RowStream, counts: ChunkCounts): Promise<void> {
    const to = this.#features;
    to.row(FEATURE_COLUMNS.length);
    copyField(to, row, USER_FIELD.고객코드);
    to.date(this.#monthMs);
    let start = beginJson(to);
    USER.write(to, row, 0);
    endJson(to, start);
    start = beginJson(to);
    counts.contracts += await this.#entries('contracts');
    endJson(to, start);
    start = beginJson(to);
    counts.purchases += await this.#entries('purchases');
    endJson(to, start);
    start = beginJson(to);
    putByte(to, OPEN); // no source of interactions is connected
    putByte(to, CLOSE);
    endJson(to, start);
    counts.customers++;
    if (this.#vector.write(this.#vectors, row)) counts.active++;
  }

  /** Reads on behind what is of the customer in hand, and keeps none of it. */
  async #passOver(): Promise<void> {
    await this.#entries('contracts', false);
    await this.#entries('purchases', false);
  }

  /** Writes the customer's rows of a source as a JSON array, if they are kept; returns how many. */
  async #entries(source: 'contracts' | 'purchases', kept = true): Promise<number> {
    const row = this.#streams[source];
    const to = this.#features;
    let count = 0;
    if (kept) putByte(to, OPEN);
    for (;;) {
      if (!this.#waiting[source] && !row.advance() && !(row.ended ? false : await row.next()))
        break;
      this.#waiting[source] = true;
      const order = compareCodes(row, this.#last.code);
      if (order > 0) break;
      this.#waiting[source] = false;
      if (order < 0) this.#stranger(source, row);
      else this.#passed[source] = this.#last.code;
      if (order === 0 && kept && this.#entry(source, row, count > 0)) count++;
    }
    if (kept) putByte(to, CLOSE);
    return count;
  }

  /** Counts a row of nobody; one that comes too late would be lost like it, and is refused. */
  #stranger(source: 'contracts' | 'purchases', row: RowStream): void {
    const passed = this.#passed[source];
    if (compareCodes(row, passed) < 0) throw outOfOrder(source, decode(passed));
    this.#passed[source] = codeOf(row);
    this.#strangers++;
  }

  #entry(source: 'contracts' | 'purchases', row: RowStream, comma: boolean): boolean {
    const date = source === 'contracts' ? CONTRACT_FIELD.계약일자 : PURCHASE_FIELD.purchase_date;
    if (this.#isLater(row, date)) return false;
    if (comma) putByte(this.#features, COMMA);
    if (source === 'contracts') {
      CONTRACT.write(this.#features, row, 1);
      this.#vector.contract(row);
    } else {
      PURCHASE.write(this.#features, row, 1);
      this.#vector.purchase(row);
    }
    return true;
  }

  #isLater(row: RowStream, field: number): boolean {
    const day = dayIn(row.bytes, row.starts[field], row.lengths[field]);
    return day !== null && day > this.#monthEnd;
  }

  /** The merge, and resuming, rest on codes that grow. Keeps the code of the customer in hand. */
  #checkOrder(customers: RowStream): void {
    if (customers.rows > 1 && compareCodes(customers, this.#last.code) <= 0) {
      throw outOfOrder('customers', decode(this.#last.code));
    }
    this.#last.code = codeOf(customers);
  }
}

function outOfOrder(source: keyof SourceStreams, code: string): PipelineError {
  return databaseFailure(
    new Error(`the codes after ${code} do not grow; the source must send them by code point`),
    `reading ${source}`,
  );
}

/** A copy that outlives the row. */
function codeOf({ bytes, starts, lengths }: RowStream): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(starts[CODE], starts[CODE] + lengths[CODE]));
}

/** By bytes: below, at or above. */
function compareCodes(row: RowStream, code: Uint8Array): number {
  const { bytes } = row;
  const from = row.starts[CODE];
  const length = row.lengths[CODE];
  const shared = Math.min(length, code.length);
  for (let i = 0; i < shared; i++) {
    const order = bytes[from + i] - code[i];
    if (order !== 0) return order;
  }
  return length - code.length;
}

const decoder = new TextDecoder();

function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
