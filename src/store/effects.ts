import foldProducts from '../../sql/queries/fold_products.sql' with { type: 'text' };
import foldUsers from '../../sql/queries/fold_users.sql' with { type: 'text' };
import noteEffects from '../../sql/queries/note_effects.sql' with { type: 'text' };
import type { OrderEvent } from '../model/event.ts';
import { spanLength, spanStart, WrittenOrder, type Span } from '../model/written-order.ts';
import { query, transaction, type Client } from './client.ts';
import { int32Array, textArray, timestampArray } from './copy-array.ts';
import { serverError } from './failure.ts';
import { IdTable } from './id-table.ts';
import type { EffectsOf } from './sink-table.ts';

/**
 * Stored orders change two columns elsewhere: users.last_ordered_at and products.order_count. Every
 * batch leaves one row of folded changes, in its own transaction, and a folder applies many such
 * rows at once: a customer who is in all of them is written once, and consumers never wait for each
 * other's customers. Until then the two columns are `pendingEffects().ageSeconds` old.
 */
export type Folded = { batches: number; users: number; products: number };

export type Pending = {
  batches: number; // stored, and not applied yet
  ageSeconds: number; // of the oldest of them, 0 if there is none
  waitingUsers: number; // ordered, but their own event has not come
  waitingProducts: number;
};

const FOLD_BATCHES_MAX = 256; // that one fold applies

const PAUSE_MS_MIN = 1_000;
const PAUSE_MS_MAX = 10_000;
const PAUSE_FACTOR = 10; // a folder works a tenth of its time at most

/**
 * How long a folder does best to wait after a fold. A fold writes a customer once however often it
 * is in the batches, so the busier the shop, the more is saved by waiting for more of them.
 */
export function foldPauseMs(tookMs: number): number {
  return Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, tookMs * PAUSE_FACTOR));
}

/** Any constant: who holds it folds. */
const ADVISORY_LOCK = 4_711_003;

/** The folded changes of one batch; only successful orders change anything. */
export class OrderEffects implements EffectsOf<OrderEvent> {
  readonly #users = new IdTable();
  readonly #products = new IdTable();
  readonly #lastOrderedMs: number[] = []; // by the customer's number
  readonly #sold: number[] = []; // rows, by the article's number

  add(order: OrderEvent): void {
    if (order.status !== 'Success') return;
    const isWritten = order instanceof WrittenOrder;
    const user = isWritten
      ? numberAt(this.#users, order.bytes, order.userIdSpan)
      : numberOf(this.#users, order.userId);
    const product = isWritten
      ? numberAt(this.#products, order.bytes, order.productIdSpan)
      : numberOf(this.#products, order.productId);
    if (user === this.#lastOrderedMs.length) this.#lastOrderedMs.push(order.createdAtMs);
    else if (this.#lastOrderedMs[user] < order.createdAtMs) {
      this.#lastOrderedMs[user] = order.createdAtMs;
    }
    if (product === this.#sold.length) this.#sold.push(1);
    else this.#sold[product]++;
  }

  statement(): { sql: string; values: unknown[] } | null {
    if (this.#sold.length === 0) return null;
    const values = [
      textArray(this.#users.ids()),
      timestampArray(this.#lastOrderedMs),
      textArray(this.#products.ids()),
      int32Array(this.#sold),
    ];
    return { sql: noteEffects, values };
  }
}

const encoder = new TextEncoder();

function numberOf(ids: IdTable, id: string): number {
  const bytes = encoder.encode(id);
  return ids.numberOf(bytes, 0, bytes.length);
}

function numberAt(ids: IdTable, bytes: Uint8Array, span: Span): number {
  const from = spanStart(span);
  return ids.numberOf(bytes, from, from + spanLength(span));
}

/**
 * Folds with as many batches at a time as the server manages: one that takes longer than the
 * connection's statement timeout would take as long the next time, so then it is half as many, and
 * twice as many again after one that was done.
 */
export class EffectsFolder {
  #batchesMax = FOLD_BATCHES_MAX;

  get batchesMax(): number {
    return this.#batchesMax;
  }

  /** Applies what waits, oldest first; `more`: there may be more of it. */
  async fold(client: Client): Promise<Folded & { more: boolean }> {
    const batchesMax = this.#batchesMax;
    try {
      const folded = await foldEffects(client, batchesMax);
      this.#batchesMax = Math.min(FOLD_BATCHES_MAX, batchesMax * 2);
      return { ...folded, more: folded.batches === batchesMax };
    } catch (cause) {
      const late = serverError(cause)?.code === STATEMENT_TIMEOUT;
      if (late) this.#batchesMax = Math.max(1, Math.floor(batchesMax / 2));
      throw cause;
    }
  }
}

const STATEMENT_TIMEOUT = '57014';

/** Applies what waits, oldest first. Does nothing while another folder is at it. */
export async function foldEffects(client: Client, batchesMax = FOLD_BATCHES_MAX): Promise<Folded> {
  return await transaction(client, 'applying order effects', async () => {
    const { rows } = await client.query<{ held: boolean }>(
      'select pg_try_advisory_xact_lock($1) as held',
      [ADVISORY_LOCK],
    );
    if (!rows[0].held) return { batches: 0, users: 0, products: 0 };
    // By number and not up to a number: a batch with a smaller one may commit later.
    const taken = await client.query<{ effect_id: string }>(
      'select effect_id from order_effects order by effect_id limit $1',
      [batchesMax],
    );
    const effects = taken.rows.map((row) => row.effect_id);
    const users = await client.query<{ changed: number }>(foldUsers, [effects]);
    const products = await client.query<{ changed: number }>(foldProducts, [effects]);
    await client.query('delete from order_effects where effect_id = any ($1::bigint[])', [effects]);
    return {
      batches: effects.length,
      users: users.rows[0].changed,
      products: products.rows[0].changed,
    };
  });
}

/** How long the first and the last of the batches not applied yet have waited, s; 0 without any. */
export async function effectsAges(
  client: Client,
): Promise<{ oldestSeconds: number; newestSeconds: number }> {
  const [row] = await query<{ oldest: number; newest: number }>(
    client,
    'reading how old the order effects are',
    `select
       coalesce(greatest(extract(epoch from clock_timestamp() - min(created_at)), 0), 0)::float8 as oldest,
       coalesce(greatest(extract(epoch from clock_timestamp() - max(created_at)), 0), 0)::float8 as newest
     from order_effects`,
  );
  return { oldestSeconds: row.oldest, newestSeconds: row.newest };
}

/** What is stored and not applied yet. */
export async function pendingEffects(client: Client): Promise<Pending> {
  type Row = { batches: string; age: number; users: string; products: string };
  const [row] = await query<Row>(
    client,
    'reading the order effects that wait',
    `select count(*) as batches,
       coalesce(greatest(extract(epoch from clock_timestamp() - min(created_at)), 0), 0)::float8 as age,
       (select count(*) from waiting_effects where kind = 'user') as users,
       (select count(*) from waiting_effects where kind = 'product') as products
     from order_effects`,
  );
  return {
    batches: Number(row.batches),
    ageSeconds: row.age,
    waitingUsers: Number(row.users),
    waitingProducts: Number(row.products),
  };
}
