import { fieldText, type CustomerTable, type Items } from '../recommend/customers.ts';
import { similarity, type Inference } from '../recommend/recommender.ts';
import { contractReason, pickTop, productReason, TOP, type Usage } from '../recommend/usage.ts';
import { CopyBuffer } from '../store/copy-buffer.ts';

/** Of `analytics.user_recommendation`; id and created_at are made by default. */
export const RECOMMENDATION_COLUMNS = [
  'ccod',
  'snapshot_month',
  ...['contract', 'product'].flatMap((kind) =>
    [1, 2, 3].flatMap((place) => [`rec_${kind}_${place}`, `rec_${kind}_${place}_reason`]),
  ),
  'user_cluster',
  'cluster_similarity',
  'sim_ccod',
  'sim_user_name',
  'sim_user_contracts',
  'sim_user_products',
];

const JSONB_VERSION = 1;
const OPENED = '['.charCodeAt(0);
const CLOSED = ']'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);
const NULL_FIELD = new Uint8Array(4).fill(0xff);
const NO_ITEM = new Uint8Array(8).fill(0xff); // neither name nor reason

/** Writes rows of recommendations in COPY's binary form, all repeated texts made beforehand. */
export class RecommendationRows {
  readonly #table: CustomerTable;
  readonly #inference: Inference;
  readonly #monthMs: number;
  readonly #includeOwned: boolean;
  readonly #contracts: readonly (readonly Uint8Array[])[];
  readonly #products: readonly (readonly Uint8Array[])[];
  readonly #contractWords: readonly Uint8Array[];
  readonly #productWords: readonly Uint8Array[];
  readonly #top = new Uint16Array(TOP);

  constructor(
    table: CustomerTable,
    inference: Inference,
    { monthMs, includeOwned }: { monthMs: number; includeOwned: boolean },
  ) {
    this.#table = table;
    this.#inference = inference;
    this.#monthMs = monthMs;
    this.#includeOwned = includeOwned;
    this.#contracts = withReasons(inference.contracts, contractReason);
    this.#products = withReasons(inference.products, productReason);
    this.#contractWords = table.contracts.words.map(quoted);
    this.#productWords = table.products.words.map(quoted);
  }

  /** Rows of customers from one up to another, without it. */
  write(to: CopyBuffer, from: number, until: number): void {
    for (let row = from; row < until; row++) this.#row(to, row);
  }

  /** The customer's code, for the ledger. */
  code(row: number): string {
    return fieldText(this.#table.codes, row) ?? '';
  }

  #row(to: CopyBuffer, row: number): void {
    const { codes, names, contracts, products } = this.#table;
    const inference = this.#inference;
    const cluster = inference.labels[row];
    to.row(RECOMMENDATION_COLUMNS.length);
    append(to, codes.bytes, codes.starts[row], codes.starts[row + 1]);
    to.date(this.#monthMs);
    this.#recommend(to, row, inference.contracts, contracts, this.#contracts[cluster]);
    this.#recommend(to, row, inference.products, products, this.#products[cluster]);
    to.int32(cluster);
    to.float64(similarity(inference, row));
    const other = inference.nearest[row];
    if (other < 0) {
      for (let field = 0; field < 4; field++) append(to, NULL_FIELD, 0, 4);
      return;
    }
    append(to, codes.bytes, codes.starts[other], codes.starts[other + 1]);
    append(to, names.bytes, names.starts[other], names.starts[other + 1]);
    list(to, contracts, this.#contractWords, other);
    list(to, products, this.#productWords, other);
  }

  #recommend(
    to: CopyBuffer,
    row: number,
    usage: Usage,
    items: Items,
    fields: readonly Uint8Array[],
  ): void {
    const cluster = this.#inference.labels[row];
    const found = pickTop(usage, cluster, items, row, this.#includeOwned, this.#top);
    for (let place = 0; place < TOP; place++) {
      const field = place < found ? fields[this.#top[place]] : NO_ITEM;
      append(to, field, 0, field.length);
    }
  }
}

/** Name and reason of each item that a cluster holds, as two fields behind each other. */
function withReasons(
  usage: Usage,
  reason: (usage: Usage, cluster: number, item: number) => string,
): Uint8Array[][] {
  return usage.counts.map((counts, cluster) =>
    usage.words.map((name, item) => {
      if (counts[item] === 0) return NO_ITEM;
      const fields = new CopyBuffer(256);
      fields.text(name);
      fields.text(reason(usage, cluster, item));
      return fields.take();
    }),
  );
}

const encoder = new TextEncoder();
const quoted = (word: string): Uint8Array => encoder.encode(JSON.stringify(word));

/** A jsonb array of texts. */
function list(to: CopyBuffer, items: Items, words: readonly Uint8Array[], row: number): void {
  const from = items.starts[row];
  const until = items.starts[row + 1];
  let size = 3 + Math.max(0, until - from - 1); // version, brackets, commas
  for (let i = from; i < until; i++) size += words[items.codes[i]].length;
  to.reserve(4 + size);
  to.view.setInt32(to.at, size);
  to.bytes[to.at + 4] = JSONB_VERSION;
  to.bytes[to.at + 5] = OPENED;
  to.at += 6;
  for (let i = from; i < until; i++) {
    if (i > from) to.bytes[to.at++] = COMMA;
    const word = words[items.codes[i]];
    append(to, word, 0, word.length);
  }
  to.bytes[to.at++] = CLOSED;
}

function append(to: CopyBuffer, source: Uint8Array, from: number, until: number): void {
  to.reserve(until - from);
  const { bytes } = to;
  let at = to.at;
  for (let i = from; i < until; i++) bytes[at++] = source[i];
  to.at = at;
}
