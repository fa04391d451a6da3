import Cursor from 'pg-cursor';

import existingBefore from '../../sql/queries/existing_before.sql' with { type: 'text' };
import existingDays from '../../sql/queries/existing_days.sql' with { type: 'text' };
import { connect, query, type Client } from './client.ts';
import { databaseFailure } from './failure.ts';

/** What orders that are not the run's own did on a day; only successful ones, by id. */
export type ExistingEffects = {
  users: { userId: string; amount: number; orders: number; lastOrderedMs: number }[];
  products: { productId: string; sold: number }[];
};

const DOING = 'reading the orders that are there already';
const READ_ROWS = 10_000;

/**
 * Whether anybody but the run has ordered anything. The first such row answers: for a new run the
 * first of the table, for a resumed one the first behind its own, a scan of the table at worst.
 */
export async function anyExisting(client: Client, run: number): Promise<boolean> {
  const rows = await query(
    client,
    DOING,
    'select 1 from orders where order_run(order_id) <> $1 limit 1',
    [run],
  );
  return rows.length > 0;
}

type StandingRow = {
  user_id: string | null;
  product_id: string | null;
  last_ordered_at: Date | null;
  sold: string;
};

/**
 * How things stood at a moment: last orders and rows sold; amounts are left to the days. Every user
 * and product once, READ_ROWS at a time, so that memory holds no more than one such page.
 */
export async function* existingUntil(
  client: Client,
  run: number,
  beforeMs: number,
): AsyncGenerator<ExistingEffects> {
  const values = [new Date(beforeMs), run];
  const cursor = client.query(new Cursor<StandingRow>(existingBefore, values));
  for (let rows = await read(cursor); rows.length > 0; rows = await read(cursor)) {
    const effects: ExistingEffects = { users: [], products: [] };
    for (const row of rows) {
      if (row.user_id !== null) {
        const lastOrderedMs = row.last_ordered_at?.getTime() ?? 0;
        effects.users.push({ userId: row.user_id, amount: 0, orders: 0, lastOrderedMs });
      } else if (row.product_id !== null) {
        effects.products.push({ productId: row.product_id, sold: Number(row.sold) });
      }
    }
    yield effects;
  }
}

/** The next rows of a cursor, none at its end, where the connection takes queries again. */
async function read<Row>(cursor: Cursor<Row>): Promise<Row[]> {
  try {
    return await cursor.read(READ_ROWS);
  } catch (cause) {
    throw databaseFailure(cause, DOING);
  }
}

type DayRow = {
  day_ms: number;
  user_id: string | null;
  product_id: string | null;
  last_ordered_at: Date | null;
  amount: string | null;
  orders: number;
};

/**
 * What others ordered on the days of a window, read once and in order through a cursor, so that
 * neither the number of days nor that of orders shows in memory. Holds a connection of its own.
 */
export class ExistingDays {
  readonly #client: Client;
  readonly #cursor: Cursor<DayRow>;
  #rows: DayRow[] = [];
  #at = 0;
  #ended = false;

  private constructor(client: Client, cursor: Cursor<DayRow>) {
    this.#client = client;
    this.#cursor = cursor;
  }

  static async open(
    databaseUrl: string,
    run: number,
    fromMs: number,
    toMs: number,
  ): Promise<ExistingDays> {
    const client = await connect(databaseUrl, `millrace backfill ${run} reader`);
    const values = [new Date(fromMs), new Date(toMs), run];
    return new ExistingDays(client, client.query(new Cursor<DayRow>(existingDays, values)));
  }

  /** The effects of the day that begins at a midnight. Days must be asked for in order. */
  async day(startMs: number): Promise<ExistingEffects> {
    const effects: ExistingEffects = { users: [], products: [] };
    for (let row = await this.#peek(); row && row.day_ms <= startMs; row = await this.#peek()) {
      this.#at++;
      if (row.day_ms < startMs) continue;
      if (row.user_id !== null) {
        effects.users.push({
          userId: row.user_id,
          amount: Number(row.amount),
          orders: row.orders,
          lastOrderedMs: row.last_ordered_at?.getTime() ?? 0,
        });
      } else if (row.product_id !== null) {
        effects.products.push({ productId: row.product_id, sold: row.orders });
      }
    }
    return effects;
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined); // already gone: nothing is left to close
  }

  async #peek(): Promise<DayRow | undefined> {
    if (this.#at === this.#rows.length && !this.#ended) {
      this.#rows = await read(this.#cursor);
      this.#at = 0;
      this.#ended = this.#rows.length === 0;
    }
    return this.#rows[this.#at];
  }
}
