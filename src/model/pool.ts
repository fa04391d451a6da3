import type { Product } from './product.ts';
import type { User } from './user.ts';

/** A customer as the cache holds one: what the live shop chooses by and what an order copies. */
export type PoolUser = Pick<
  User,
  | 'userId'
  | 'name'
  | 'gender'
  | 'age'
  | 'birthYear'
  | 'address'
  | 'addressDistrict'
  | 'email'
  | 'grade'
  | 'status'
  | 'marketingAgree'
  | 'lastOrderedAtMs'
  | 'randomSeed'
  | 'createdAtMs'
>;

/** An article as the cache holds one. */
export type PoolProduct = Pick<
  Product,
  | 'productId'
  | 'category'
  | 'name'
  | 'orgPrice'
  | 'price'
  | 'discountRate'
  | 'description'
  | 'brand'
  | 'stock'
  | 'orderCount'
  | 'createdAtMs'
>;

/** Who may buy now, and what there is to buy: one generation of the cache, 1,000 of each. */
export type Pool = { users: readonly PoolUser[]; products: readonly PoolProduct[] };
