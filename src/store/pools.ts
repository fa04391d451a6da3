import poolProducts from '../../sql/queries/pool_products.sql' with { type: 'text' };
import poolUsers from '../../sql/queries/pool_users.sql' with { type: 'text' };
import type { Grade } from '../model/grade.ts';
import type { Pool, PoolProduct, PoolUser } from '../model/pool.ts';
import { DEFAULT_SETTINGS, type ShopSettings } from '../model/settings.ts';
import type { Gender, UserStatus } from '../model/user.ts';
import { query, type Client } from './client.ts';

/**
 * Who may buy now and what is on offer: 600 users who bought longest ago and 400 newest who never
 * did, 700 products most ordered and 300 newest, unsold ones first. Where one half is short the other
 * fills up. Each in an order of its own that depends on nothing but the rows.
 */
export async function readPoolRows(
  client: Client,
  sizes: ShopSettings['pools'] = DEFAULT_SETTINGS.pools,
): Promise<Pool> {
  const { users, products } = sizes;
  const userRows = await query<UserRow>(client, 'reading the pool of users', poolUsers, [
    users.returning,
    users.new,
  ]);
  const productRows = await query<ProductRow>(
    client,
    'reading the pool of products',
    poolProducts,
    [products.popular, products.fresh],
  );
  return { users: userRows.map(toUser), products: productRows.map(toProduct) };
}

/** The rows of these users and products, those apart that changed after a moment. */
export async function readPoolMembers(
  client: Client,
  userIds: readonly string[],
  productIds: readonly string[],
  sinceMs: number,
): Promise<{ pool: Pool; changed: Set<string> }> {
  const since = new Date(sinceMs);
  const users = await query<UserRow & { changed: boolean }>(
    client,
    'reading users by id',
    'select *, updated_datetime > $2 as changed from users where user_id = any ($1)',
    [userIds, since],
  );
  const products = await query<ProductRow & { changed: boolean }>(
    client,
    'reading products by id',
    'select *, updated_datetime > $2 as changed from products where product_id = any ($1)',
    [productIds, since],
  );
  const changed = new Set([
    ...users.filter((row) => row.changed).map((row) => row.user_id),
    ...products.filter((row) => row.changed).map((row) => row.product_id),
  ]);
  return { pool: { users: users.map(toUser), products: products.map(toProduct) }, changed };
}

type UserRow = {
  user_id: string;
  name: string;
  gender: Gender;
  age: number;
  birth_year: number;
  address: string;
  address_district: string;
  email: string;
  grade: Grade;
  status: UserStatus;
  last_ordered_at: Date | null;
  marketing_agree: boolean;
  random_seed: number;
  created_at: Date;
};

type ProductRow = {
  product_id: string;
  category: string;
  name: string;
  org_price: string;
  price: string;
  discount_rate: number;
  description: string;
  brand: string;
  stock: number;
  order_count: string;
  created_at: Date;
};

function toUser(row: UserRow): PoolUser {
  return {
    userId: row.user_id,
    name: row.name,
    gender: row.gender,
    age: row.age,
    birthYear: row.birth_year,
    address: row.address,
    addressDistrict: row.address_district,
    email: row.email,
    grade: row.grade,
    status: row.status,
    lastOrderedAtMs: row.last_ordered_at?.getTime() ?? null,
    marketingAgree: row.marketing_agree,
    randomSeed: row.random_seed,
    createdAtMs: row.created_at.getTime(),
  };
}

function toProduct(row: ProductRow): PoolProduct {
  return {
    productId: row.product_id,
    category: row.category,
    name: row.name,
    orgPrice: Number(row.org_price),
    price: Number(row.price),
    discountRate: row.discount_rate,
    description: row.description,
    brand: row.brand,
    stock: row.stock,
    orderCount: Number(row.order_count),
    createdAtMs: row.created_at.getTime(),
  };
}
