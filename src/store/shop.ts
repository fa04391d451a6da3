import { PipelineError } from '../base/errors.ts';
import type { Product } from '../model/product.ts';
import type { User } from '../model/user.ts';
import { query, type Client } from './client.ts';
import { copyRows } from './copy.ts';
import { PRODUCT_FACTS, writeProductFacts } from './product-columns.ts';
import { USER_FACTS, writeUserFacts } from './user-columns.ts';

export type ShopStatus = { users: number; products: number; orders: number };

/** How many rows the three tables hold. */
export async function shopStatus(client: Client): Promise<ShopStatus> {
  const [row] = await query<{ users: string; products: string; orders: string }>(
    client,
    'counting the shop',
    `select (select count(*) from users) as users, (select count(*) from products) as products,
       (select count(*) from orders) as orders`,
  );
  return { users: Number(row.users), products: Number(row.products), orders: Number(row.orders) };
}

/** Reserves `count` ids of a kind and returns the first. Part of the caller's transaction. */
export async function takeNumbers(
  client: Client,
  kind: 'user' | 'product',
  count: number,
): Promise<number> {
  const [row] = await query<{ first: string }>(
    client,
    'reserving ids',
    'update id_counters set next = next + $2 where kind = $1 returning next - $2 as first',
    [kind, count],
  );
  if (!row) throw new PipelineError('DATABASE_FAILED', `there is no counter of ${kind} ids`);
  return Number(row.first);
}

export async function copyUsers(client: Client, users: Iterable<User>): Promise<number> {
  return await copyRows(client, 'users', USER_COLUMNS, users, (to, user) => {
    writeUserFacts(to, user);
    if (user.lastOrderedAtMs === null) to.null();
    else to.timestamp(user.lastOrderedAtMs);
  });
}

export async function copyProducts(client: Client, products: Iterable<Product>): Promise<number> {
  return await copyRows(client, 'products', PRODUCT_COLUMNS, products, (to, product) => {
    writeProductFacts(to, product);
    to.int64(product.orderCount);
  });
}

const USER_COLUMNS = [...USER_FACTS, 'last_ordered_at'];
const PRODUCT_COLUMNS = [...PRODUCT_FACTS, 'order_count'];
