import { PipelineError } from '../base/errors.ts';
import type { Product } from '../model/product.ts';
import type { User } from '../model/user.ts';
import { query, type Client } from './client.ts';
import { copyRows } from './copy.ts';

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
    to.text(user.userId);
    to.text(user.name);
    to.text(user.gender);
    to.int16(user.age);
    to.int16(user.birthYear);
    to.text(user.address);
    to.text(user.addressDistrict);
    to.text(user.email);
    to.text(user.grade);
    to.text(user.status);
    to.timestamp(user.lastLoginAtMs);
    if (user.lastOrderedAtMs === null) to.null();
    else to.timestamp(user.lastOrderedAtMs);
    to.boolean(user.marketingAgree);
    to.float64(user.randomSeed);
    to.timestamp(user.createdAtMs);
  });
}

export async function copyProducts(client: Client, products: Iterable<Product>): Promise<number> {
  return await copyRows(client, 'products', PRODUCT_COLUMNS, products, (to, product) => {
    to.text(product.productId);
    to.text(product.category);
    to.text(product.name);
    to.int64(product.orgPrice);
    to.int64(product.price);
    to.float64(product.discountRate);
    to.text(product.description);
    to.text(product.brand);
    to.int32(product.stock);
    to.float64(product.rating);
    to.int32(product.reviewCount);
    to.boolean(product.isBest);
    to.int64(product.orderCount);
    to.timestamp(product.createdAtMs);
  });
}

const USER_COLUMNS = [
  'user_id',
  'name',
  'gender',
  'age',
  'birth_year',
  'address',
  'address_district',
  'email',
  'grade',
  'status',
  'last_login_at',
  'last_ordered_at',
  'marketing_agree',
  'random_seed',
  'created_at',
] as const;

const PRODUCT_COLUMNS = [
  'product_id',
  'category',
  'name',
  'org_price',
  'price',
  'discount_rate',
  'description',
  'brand',
  'stock',
  'rating',
  'review_count',
  'is_best',
  'order_count',
  'created_at',
] as const;
