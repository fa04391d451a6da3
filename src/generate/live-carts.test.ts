import { describe, expect, test } from 'bun:test';
import { DAY_MS, HOUR_MS, seoulMidnight } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import type { Base } from '../model/base.ts';
import { CATEGORIES } from '../model/category.ts';
import { GRADES } from '../model/grade.ts';
import { CART_MAX } from '../model/order.ts';
import type { Pool } from '../model/pool.ts';
import {
  applyTimeVariation,
  buyerWeight,
  calculateBaseScore,
  meanBoost,
  productWeight,
} from '../model/propensity.ts';
import { categoryWeights, scenario } from '../model/scenario.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { AGE_GROUPS, ageGroupIndex } from '../model/user.ts';
import { CartMaker, chunksOf } from './carts.ts';
import { LiveCarts, LIVE_ROWS_MAX } from './live-carts.ts';
import { productRows } from './products.ts';
import { userRows } from './users.ts';

const MIDNIGHT = seoulMidnight(2026, 11, 27);
const RUN = { seed: 42, run: 7, settings: DEFAULT_SETTINGS };
const window = { seed: 9, firstNumber: 1, fromMs: 0, toMs: MIDNIGHT };
const pool: Pool = {
  users: userRows({ ...window, count: 300 }).map((user, at) =>
    Object.assign(user, { grade: GRADES[at % 4] }),
  ),
  products: productRows({ ...window, count: 200 }),
};

type Cart = { cart: number; rows: Record<string, number>[] };

const COLUMNS = [
  'item',
  'createdAtMs',
  'user',
  'product',
  'quantity',
  'unitPrice',
  'totalAmount',
  'shippingCost',
  'discountAmount',
  'payment',
  'status',
] as const;

type Batched = Pick<CartMaker, 'batch'>;

function cartsOf({ batch }: Batched): Cart[] {
  const carts: Cart[] = [];
  for (let at = 0; at < batch.count; at++) {
    if (batch.item[at] === 0) carts.push({ cart: batch.cart[at], rows: [] });
    const row = Object.fromEntries(COLUMNS.map((name) => [name, batch[name][at]]));
    carts.at(-1)?.rows.push({ ...row, scenario: batch.scenario });
  }
  return carts;
}

/** Cart `n` at `timeOf(n)`, for as many carts as asked for, in one batch. */
function make(carts: LiveCarts, number: number, count: number, timeOf: (n: number) => number) {
  carts.begin(number);
  for (let i = 0; i < count; i++) carts.add(timeOf(carts.next));
  return cartsOf(carts);
}

const everyMinute = (cart: number): number => MIDNIGHT + cart * 60_000;

describe('a cart', () => {
  test('is the one that the year would have at the same moment', () => {
    const base: Base = {
      users: {
        count: pool.users.length,
        createdAtMs: new Float64Array(pool.users.length),
        age: Uint8Array.from(pool.users, ({ age }) => age),
        female: Uint8Array.from(pool.users, ({ gender }) => Number(gender === 'F')),
        active: Uint8Array.from(pool.users, ({ status }) => Number(status === 'ACTIVE')),
        marketing: Uint8Array.from(pool.users, ({ marketingAgree }) => Number(marketingAgree)),
        grade: new Uint8Array(pool.users.length),
        randomSeed: new Float64Array(pool.users.length),
      },
      products: {
        count: pool.products.length,
        createdAtMs: new Float64Array(pool.products.length),
        category: Uint8Array.from(pool.products, ({ category }) =>
          CATEGORIES.findIndex(({ name }) => name === category),
        ),
        price: Float64Array.from(pool.products, ({ price }) => price),
      },
    };
    const maker = new CartMaker(base, DEFAULT_SETTINGS, RUN);
    const day = {
      startMs: MIDNIGHT,
      scenario: 3,
      users: Int32Array.from(pool.users.keys()),
      grades: Uint8Array.from(pool.users, ({ grade }) => GRADES.indexOf(grade)),
      products: Int32Array.from(pool.products.keys()),
    };
    maker.open(day);
    maker.make(day, chunksOf('carts', 1_500, 0)[0]);
    const ofYear = cartsOf(maker);
    const timeOf = (cart: number): number => ofYear[cart].rows[0]['createdAtMs'];
    expect(make(new LiveCarts(RUN, pool), 3, 1_500, timeOf)).toEqual(ofYear);
  });

  test('depends on seed, run, number, pool, scenario and time, and not on what came before', () => {
    const whole = make(new LiveCarts(RUN, pool), 5, 900, everyMinute);
    const pieces = new LiveCarts(RUN, { users: pool.users.slice(7), products: pool.products });
    pieces.begin(2);
    pieces.take(pool);
    const [first, other] = [make(pieces, 5, 300, everyMinute), make(pieces, 1, 300, everyMinute)];
    const last = make(pieces, 5, 300, everyMinute);
    expect([...first, ...last]).toEqual([...whole.slice(0, 300), ...whole.slice(600)]);
    expect(other).not.toEqual(whole.slice(300, 600));
    expect(make(new LiveCarts(RUN, pool, 899), 5, 1, everyMinute)).toEqual(whole.slice(899));
  });

  test('of another seed or run is another one', () => {
    const buyers = (run: typeof RUN): number[] =>
      make(new LiveCarts(run, pool), 0, 1_000, everyMinute).map(({ rows }) => rows[0]['user']);
    const mine = buyers(RUN);
    for (const run of [
      { ...RUN, run: 8 },
      { ...RUN, seed: 43 },
    ]) {
      const same = buyers(run).filter((user, cart) => user === mine[cart]).length;
      expect(same).toBeLessThan(30); // about 1,000 / 300 by chance
    }
  });

  test('numbers end where the ids do', () => {
    const carts = new LiveCarts(RUN, pool, CART_MAX);
    carts.begin(0);
    carts.add(MIDNIGHT);
    expect(carts.batch.cart[0]).toBe(CART_MAX);
    expect(() => carts.add(MIDNIGHT)).toThrow('run 7 has no cart numbers left');
  });
});

/** How far counts are from a law, in standard deviations of the chi-square of that many classes. */
function distance(seen: Float64Array, weights: readonly number[]): number {
  const all = seen.reduce((sum, value) => sum + value, 0);
  const total = weights.reduce((sum, value) => sum + value, 0);
  const chiSquare = weights.reduce((sum, weight, at) => {
    const expected = (all * weight) / total;
    return sum + (seen[at] - expected) ** 2 / expected;
  }, 0);
  return (chiSquare - weights.length + 1) / Math.sqrt(2 * (weights.length - 1));
}

/** The weight of each of the pool, from the rules' public functions alone. */
function buyerWeights(hour: number, number: number): number[] {
  const rules = scenario(number);
  return pool.users.map((user) => {
    const group = ageGroupIndex(user.age);
    const score = applyTimeVariation(calculateBaseScore(user), AGE_GROUPS[group], hour);
    const propensity = score * meanBoost(user.marketingAgree);
    return buyerWeight(propensity, rules.gender[user.gender], rules.ages[group]);
  });
}

describe('laws', () => {
  for (const [hour, number, otherHour] of [
    [20, 3, 10],
    [3, 19, 0],
    [10, 9, 20],
    [0, 0, 10],
  ]) {
    const rules = scenario(number);
    const carts = new LiveCarts(RUN, pool);
    const buyers = new Float64Array(pool.users.length);
    const sold = new Float64Array(pool.products.length);
    for (let batch = 0; batch < 16; batch++) {
      const timeMs = MIDNIGHT + batch * DAY_MS + hour * HOUR_MS + (batch % 2) * (HOUR_MS - 1);
      carts.begin(number);
      while (carts.hasRoom()) carts.add(timeMs);
      for (let at = 0; at < carts.batch.count; at++) {
        if (carts.batch.item[at] === 0) buyers[carts.batch.user[at]]++;
        sold[carts.batch.product[at]]++;
      }
    }

    test(`buyers at ${hour} in scenario ${number}, by propensity, gender and age`, () => {
      expect(distance(buyers, buyerWeights(hour, number))).toBeLessThan(4);
      expect(distance(buyers, buyerWeights(otherHour, number))).toBeGreaterThan(20);
    });

    test(`products in scenario ${number}, by category and how often each is bought`, () => {
      const byCategory = categoryWeights(rules);
      const weights = pool.products.map(({ category }) => {
        const index = CATEGORIES.findIndex(({ name }) => name === category);
        return productWeight(byCategory[index], CATEGORIES[index].frequency);
      });
      expect(distance(sold, weights)).toBeLessThan(4);
    });
  }

  test('a category that the rules do not know weighs 5 x 10 / 10 and sells 1 to 5 pieces', () => {
    const [known, unknown] = [{ ...pool.products[0] }, { ...pool.products[1] }];
    [known.category, unknown.category] = ['골프', '문구'];
    const carts = new LiveCarts(RUN, { users: pool.users, products: [known, unknown] });
    const { batch } = carts;
    carts.begin(20); // golf weighs 5.3 x 3 / 10
    while (carts.hasRoom()) carts.add(MIDNIGHT);
    const ofUnknown = [...batch.quantity.subarray(0, batch.count)].filter(
      (_, at) => batch.product[at] === 1,
    );
    expect(ofUnknown.length / batch.count).toBeCloseTo(5 / (5 + 1.59), 1);
    expect(new Set(ofUnknown)).toEqual(new Set([1, 2, 3, 4, 5]));
  });
});

test('a batch takes carts while the largest one fits, and begins again empty', () => {
  const carts = new LiveCarts(RUN, pool);
  expect(LIVE_ROWS_MAX).toBe(16_384);
  for (const rowsMax of [10, 11, 500, LIVE_ROWS_MAX, 1e9]) {
    expect(carts.begin(0).count).toBe(0);
    const first = carts.next;
    while (carts.hasRoom(rowsMax)) carts.add(MIDNIGHT);
    const { count } = carts.batch;
    expect(count).toBeWithin(1, Math.min(rowsMax, LIVE_ROWS_MAX) + 1);
    expect(count).toBeGreaterThan(Math.min(rowsMax, LIVE_ROWS_MAX) - 10);
    const numbers = cartsOf(carts).map(({ cart }) => cart);
    expect(numbers).toEqual(Array.from(numbers, (_, at) => first + at));
    expect(carts.next).toBe(first + numbers.length);
  }
  carts.begin(0);
  expect(carts.hasRoom(9)).toBe(false);
});

describe('a pool', () => {
  test('of one user and one product is enough', () => {
    const carts = new LiveCarts(RUN, {
      users: pool.users.slice(3, 4),
      products: pool.products.slice(5, 6),
    });
    for (const { rows } of make(carts, 0, 50, everyMinute)) {
      for (const row of rows) {
        expect([row['user'], row['product'], row['unitPrice']]).toEqual([
          0,
          0,
          pool.products[5].price,
        ]);
      }
    }
  });

  test('of nobody, or of nothing, is refused, and the one before stays', () => {
    const carts = new LiveCarts(RUN, pool);
    const nobody: Pool = { users: [], products: pool.products };
    expect(() => new LiveCarts(RUN, nobody)).toThrow(PipelineError);
    expect(() => carts.take(nobody)).toThrow('the pool has 0 users and 200 products');
    expect(() => carts.take({ users: pool.users, products: [] })).toThrow('and 0 products');
    expect(carts.pool).toBe(pool);
    expect(make(carts, 0, 10, everyMinute)).toEqual(
      make(new LiveCarts(RUN, pool), 0, 10, everyMinute),
    );
  });

  test('of everybody with a grade that nobody knows is one of BRONZE', () => {
    const graded = (grade: string): Pool => ({
      users: pool.users.map((user) => Object.assign({}, user, { grade })),
      products: pool.products,
    });
    const buyers = (grade: string) => make(new LiveCarts(RUN, graded(grade)), 0, 200, everyMinute);
    expect(buyers('PLATINUM')).toEqual(buyers('BRONZE'));
  });
});
