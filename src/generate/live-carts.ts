import { seoulHour } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import type { Base } from '../model/base.ts';
import { CATEGORIES, categoryIndex } from '../model/category.ts';
import { GRADES } from '../model/grade.ts';
import { CHUNK_ROWS, type OrderBatch } from '../model/order-batch.ts';
import { CART_MAX } from '../model/order.ts';
import type { Pool, PoolUser } from '../model/pool.ts';
import { scenario } from '../model/scenario.ts';
import type { ShopSettings } from '../model/settings.ts';
import { CART_ROWS_MAX, CartMaker, type Effects, noEffects, type ShopDay } from './carts.ts';

/** What makes a live run's chances its own. `run` is handed out by the database. */
export type LiveRun = { seed: number; run: number; settings: ShopSettings };

/** The most rows a batch of live carts may be asked to hold. */
export const LIVE_ROWS_MAX = CHUNK_ROWS;

/**
 * Carts of the running shop, numbered from 0 within the run. A cart depends on (seed, run, number,
 * pool, scenario, time) alone, by the same rules as the year's. The batch's users and products are
 * indexes into the pool.
 */
export class LiveCarts {
  readonly #run: LiveRun;
  #pool: Pool;
  #maker: CartMaker;
  #day: ShopDay;
  #effects: Effects; // CartMaker keeps it; the live shop learns what was bought from the database
  #open = false;
  #next: number;

  /** `firstCart` is for making one cart of a run again; a run itself begins with 0. */
  constructor(run: LiveRun, pool: Pool, firstCart = 0) {
    this.#next = firstCart;
    this.#run = run;
    this.#pool = pool;
    this.#maker = new CartMaker(baseOf(pool), run.settings, run);
    this.#day = dayOf(pool, 0);
    this.#effects = noEffects(this.#day);
  }

  get pool(): Pool {
    return this.#pool;
  }

  /** The rows added since `begin`; overwritten by the next one. */
  get batch(): OrderBatch {
    return this.#maker.batch;
  }

  /** Number of the cart that comes next. */
  get next(): number {
    return this.#next;
  }

  /** Goes on with another pool. The batch begun before it must have been used up. */
  take(pool: Pool): void {
    this.#maker = new CartMaker(baseOf(pool), this.#run.settings, this.#run);
    this.#day = dayOf(pool, this.#day.scenario);
    this.#effects = noEffects(this.#day);
    this.#pool = pool;
    this.#open = false;
  }

  /** Empties the batch, for carts of one scenario. */
  begin(number: number): OrderBatch {
    if (!this.#open || this.#day.scenario !== number) {
      this.#day.scenario = scenario(number).number;
      this.#maker.open(this.#day);
      this.#open = true;
    }
    this.batch.count = 0;
    return this.batch;
  }

  /** Whether the batch has room for one more cart, whatever its size, below `rowsMax` rows. */
  hasRoom(rowsMax: number = LIVE_ROWS_MAX): boolean {
    return this.batch.count + CART_ROWS_MAX <= Math.min(rowsMax, LIVE_ROWS_MAX);
  }

  /** Adds the next cart at a moment, whole ms, and returns how many rows it has. */
  add(timeMs: number): number {
    const cart = this.#next;
    if (cart > CART_MAX) {
      const { run } = this.#run;
      throw new PipelineError('RUN_CONFLICT', `run ${run} has no cart numbers left: start again`);
    }
    this.#next++;
    return this.#maker.add(this.#day, cart, timeMs, seoulHour(timeMs), this.#effects);
  }
}

/** The pool as the columns that carts are made from, in the pool's own order. */
function baseOf({ users, products }: Pool): Base {
  if (users.length === 0 || products.length === 0) {
    throw new PipelineError(
      'BASE_TOO_SMALL',
      `the pool has ${users.length} users and ${products.length} products: ` +
        'run `bun run millrace seed`, then the cache-worker',
    );
  }
  return {
    users: {
      count: users.length,
      createdAtMs: Float64Array.from(users, (user) => user.createdAtMs),
      age: Uint8Array.from(users, (user) => user.age),
      female: Uint8Array.from(users, (user) => (user.gender === 'F' ? 1 : 0)),
      active: Uint8Array.from(users, (user) => (user.status === 'ACTIVE' ? 1 : 0)),
      marketing: Uint8Array.from(users, (user) => (user.marketingAgree ? 1 : 0)),
      grade: Uint8Array.from(users, gradeIndex),
      randomSeed: Float64Array.from(users, (user) => user.randomSeed),
    },
    products: {
      count: products.length,
      createdAtMs: Float64Array.from(products, (product) => product.createdAtMs),
      category: Uint8Array.from(products, (product) => knownCategory(product.category)),
      price: Float64Array.from(products, (product) => product.price),
    },
  };
}

/** One behind the last stands for every category the rules do not know. */
function knownCategory(name: string): number {
  const index = categoryIndex(name);
  return index === -1 ? CATEGORIES.length : index;
}

/** A grade nobody knows counts as the lowest, as it does in the propensity tables. */
function gradeIndex({ grade }: PoolUser): number {
  return Math.max(0, GRADES.indexOf(grade));
}

function dayOf({ users, products }: Pool, number: number): ShopDay {
  return {
    startMs: 0, // a live cart is given its moment
    scenario: number,
    users: Int32Array.from(users.keys()),
    grades: Uint8Array.from(users, gradeIndex),
    products: Int32Array.from(products.keys()),
  };
}
