import { SEOUL_OFFSET_MS } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { GRADES } from '../model/grade.ts';
import type { PoolProduct, PoolUser } from '../model/pool.ts';
import { GENDERS, USER_STATUSES } from '../model/user.ts';

/** A user as the hash `cache:users` holds one: JSON, the fields named as the columns. */
export function writeUser(user: PoolUser): string {
  return JSON.stringify({
    user_id: user.userId,
    name: user.name,
    gender: user.gender,
    age: user.age,
    birth_year: user.birthYear,
    address: user.address,
    address_district: user.addressDistrict,
    email: user.email,
    grade: user.grade,
    status: user.status,
    marketing_agree: user.marketingAgree,
    last_ordered_at: user.lastOrderedAtMs === null ? null : writeTime(user.lastOrderedAtMs),
    random_seed: user.randomSeed,
    created_at: writeTime(user.createdAtMs),
  });
}

/** A product as the hash `cache:products` holds one. */
export function writeProduct(product: PoolProduct): string {
  return JSON.stringify({
    product_id: product.productId,
    category: product.category,
    name: product.name,
    org_price: product.orgPrice,
    price: product.price,
    discount_rate: product.discountRate,
    description: product.description,
    brand: product.brand,
    stock: product.stock,
    order_count: product.orderCount,
    created_at: writeTime(product.createdAtMs),
  });
}

/** Takes only what a user is made of; anything else in the entry, or missing, is an error. */
export function readUser(entry: string): PoolUser {
  const fields = new Fields('cache:users', entry);
  return {
    userId: fields.text('user_id'),
    name: fields.text('name'),
    gender: fields.oneOf('gender', GENDERS),
    age: fields.whole('age'),
    birthYear: fields.whole('birth_year'),
    address: fields.text('address'),
    addressDistrict: fields.text('address_district'),
    email: fields.text('email'),
    grade: fields.oneOf('grade', GRADES),
    status: fields.oneOf('status', USER_STATUSES),
    marketingAgree: fields.boolean('marketing_agree'),
    lastOrderedAtMs: fields.isNull('last_ordered_at') ? null : fields.time('last_ordered_at'),
    randomSeed: fields.number('random_seed'),
    createdAtMs: fields.time('created_at'),
  };
}

export function readProduct(entry: string): PoolProduct {
  const fields = new Fields('cache:products', entry);
  return {
    productId: fields.text('product_id'),
    category: fields.text('category'),
    name: fields.text('name'),
    orgPrice: fields.whole('org_price'),
    price: fields.whole('price'),
    discountRate: fields.number('discount_rate'),
    description: fields.text('description'),
    brand: fields.text('brand'),
    stock: fields.whole('stock'),
    orderCount: fields.whole('order_count'),
    createdAtMs: fields.time('created_at'),
  };
}

/** ISO in Seoul's zone, to the millisecond. */
export function writeTime(ms: number): string {
  return `${new Date(ms + SEOUL_OFFSET_MS).toISOString().slice(0, 23)}+09:00`;
}

/** The fields of one entry, each checked as it is taken. */
class Fields {
  readonly #key: string;
  readonly #fields: Record<string, unknown>;

  constructor(key: string, entry: string) {
    this.#key = key;
    let value: unknown;
    try {
      value = JSON.parse(entry);
    } catch {
      throw this.#wrong('an entry is not JSON');
    }
    if (!isRecord(value)) throw this.#wrong('an entry is no object');
    this.#fields = value;
  }

  isNull(name: string): boolean {
    return this.#fields[name] === null;
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value === 'string') return value;
    throw this.#wrong(`${name} is not text`);
  }

  boolean(name: string): boolean {
    const value = this.#fields[name];
    if (typeof value === 'boolean') return value;
    throw this.#wrong(`${name} is neither true nor false`);
  }

  number(name: string): number {
    const value = this.#fields[name];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.#wrong(`${name} is not a number`);
  }

  whole(name: string): number {
    const value = this.#fields[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#wrong(`${name} is not a whole number`);
  }

  time(name: string): number {
    const value = this.#fields[name];
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(ms)) return ms;
    throw this.#wrong(`${name} is not a time`);
  }

  oneOf<Value extends string>(name: string, values: readonly Value[]): Value {
    const value = this.#fields[name];
    const known = values.find((each) => each === value);
    if (known !== undefined) return known;
    throw this.#wrong(`${name} is none of ${values.join(', ')}`);
  }

  #wrong(what: string): PipelineError {
    return new PipelineError(
      'REDIS_FAILED',
      `reading ${this.#key}: ${what}; is another program writing there? The next refresh replaces it`,
      { retryable: true },
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
