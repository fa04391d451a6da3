import existingBefore from '../../sql/queries/existing_before.sql' with { type: 'text' };
import existingDay from '../../sql/queries/existing_day.sql' with { type: 'text' };
import { query, type Client } from './client.ts';

/** What orders that are not the run's own did on a day; only successful ones, by id. */
export type ExistingEffects = {
  users: { userId: string; amount: number; orders: number; lastOrderedMs: number }[];
  products: { productId: string; sold: number }[];
};

const DOING = 'reading the orders that are there already';

/** Whether anybody but the run has ordered anything. One row answers, so it costs nothing. */
export async function anyExisting(client: Client, run: number): Promise<boolean> {
  const rows = await query(
    client,
    DOING,
    'select 1 from orders where order_run(order_id) <> $1 limit 1',
    [run],
  );
  return rows.length > 0;
}

/** How things stood at a moment: last orders and rows sold; amounts are left to the days. */
export async function existingUntil(
  client: Client,
  run: number,
  beforeMs: number,
): Promise<ExistingEffects> {
  type Row = {
    user_id: string | null;
    product_id: string | null;
    last_ordered_at: Date | null;
    sold: string;
  };
  const rows = await query<Row>(client, DOING, existingBefore, [new Date(beforeMs), run]);
  const effects: ExistingEffects = { users: [], products: [] };
  for (const row of rows) {
    if (row.user_id !== null) {
      const lastOrderedMs = row.last_ordered_at?.getTime() ?? 0;
      effects.users.push({ userId: row.user_id, amount: 0, orders: 0, lastOrderedMs });
    } else if (row.product_id !== null) {
      effects.products.push({ productId: row.product_id, sold: Number(row.sold) });
    }
  }
  return effects;
}

/** What others ordered from one moment until another. */
export async function existingBetween(
  client: Client,
  run: number,
  fromMs: number,
  toMs: number,
): Promise<ExistingEffects> {
  type Row = {
    user_id: string | null;
    product_id: string | null;
    last_ordered_at: Date | null;
    amount: string | null;
    orders: number;
  };
  const values = [new Date(fromMs), new Date(toMs), run];
  const rows = await query<Row>(client, DOING, existingDay, values);
  const effects: ExistingEffects = { users: [], products: [] };
  for (const row of rows) {
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
