import { describe, expect, test } from 'bun:test';
import { HOUR_MS, seoulMidnight } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import type { Base } from '../model/base.ts';
import { CATEGORIES } from '../model/category.ts';
import { CHUNK_ROWS } from '../model/order-batch.ts';
import { ORDER_STATUSES, paymentBandIndex } from '../model/order.ts';
import { productWeight } from '../model/propensity.ts';
import { categoryWeights, scenario } from '../model/scenario.ts';
import { DEFAULT_SETTINGS, parseSettings } from '../model/settings.ts';
import {
  CartMaker,
  type Chances,
  type Chunk,
  chunksOf,
  type Effects,
  type ShopDay,
  noEffects,
} from './carts.ts';
import { addEffects } from './history.ts';

const USERS = 1_300;
const PRODUCTS = 1_400;
const random = new Random(3, 'user').at(0);
const bytes = (count: number, below: number): Uint8Array =>
  Uint8Array.from({ length: count }, () => random.below(below));
const base: Base = {
  users: {
    count: USERS,
    createdAtMs: new Float64Array(USERS),
    age: Uint8Array.from({ length: USERS }, () => 14 + random.below(60)),
    female: bytes(USERS, 2),
    active: bytes(USERS, 2),
    marketing: bytes(USERS, 2),
    grade: new Uint8Array(USERS),
    randomSeed: new Float64Array(USERS),
  },
  products: {
    count: PRODUCTS,
    createdAtMs: new Float64Array(PRODUCTS),
    category: bytes(PRODUCTS, CATEGORIES.length + 1), // the last one is unknown to the rules
    price: Float64Array.from({ length: PRODUCTS }, () => 100 * (50 + random.below(40_000))),
  },
};
const day: ShopDay = {
  startMs: seoulMidnight(2025, 5, 5),
  scenario: 9,
  users: Int32Array.from({ length: 1_000 }, (_, slot) => (slot * 11 + 5) % USERS),
  grades: bytes(1_000, 4),
  products: Int32Array.from({ length: 1_000 }, (_, slot) => (slot * 13 + 2) % PRODUCTS),
};

type Row = ReturnType<typeof rowAt>;

function rowAt({ batch }: CartMaker, at: number) {
  return {
    cart: batch.cart[at],
    item: batch.item[at],
    createdAtMs: batch.createdAtMs[at],
    user: batch.user[at],
    product: batch.product[at],
    quantity: batch.quantity[at],
    unitPrice: batch.unitPrice[at],
    totalAmount: batch.totalAmount[at],
    shippingCost: batch.shippingCost[at],
    discountAmount: batch.discountAmount[at],
    payment: batch.payment[at],
    status: batch.status[at],
  };
}

type Made = { rows: Row[]; effects: Effects };

function make(maker: CartMaker, chunk: Chunk): Made {
  const effects = maker.make(day, chunk);
  const rows = Array.from({ length: maker.batch.count }, (_, at) => rowAt(maker, at));
  return { rows, effects };
}

const CHANCES: Chances = { seed: 42, run: 1 };

function makeDay(
  unit: 'rows' | 'carts',
  count: number,
  chances = CHANCES,
  settings = DEFAULT_SETTINGS,
): Made {
  const maker = new CartMaker(base, settings, chances);
  maker.open(day);
  const all: Made = { rows: [], effects: noEffects(day) };
  for (const chunk of chunksOf(unit, count, 100)) {
    const made = make(maker, chunk);
    all.rows.push(...made.rows);
    addEffects(all.effects, made.effects);
  }
  return all;
}

const cartsOf = (rows: Row[]): Row[][] => [...Map.groupBy(rows, (row) => row.cart).values()];

/** How far counts are from a law, in standard deviations of the chi-square of that many classes. */
function distance(seen: ArrayLike<number>, weights: readonly number[]): number {
  const all = Array.from(seen).reduce((sum, value) => sum + value, 0);
  const total = weights.reduce((sum, value) => sum + value, 0);
  const freedom = weights.filter((weight) => weight > 0).length - 1;
  let chiSquare = 0;
  for (const [at, weight] of weights.entries()) {
    if (weight === 0) expect(seen[at]).toBe(0);
    const expected = (all * weight) / total;
    if (weight > 0) chiSquare += (seen[at] - expected) ** 2 / expected;
  }
  return (chiSquare - freedom) / Math.sqrt(2 * freedom);
}

function tally(values: number[], classes: number): Float64Array {
  const seen = new Float64Array(classes);
  for (const value of values) seen[value]++;
  return seen;
}

const ROWS = 40_000;
const large = makeDay('rows', ROWS);
const carts = cartsOf(large.rows);

describe('counts', () => {
  for (const count of [0, 1, 9, 161, CHUNK_ROWS, CHUNK_ROWS + 1]) {
    test(`${count} rows are exactly ${count}`, () => {
      expect(makeDay('rows', count).rows).toHaveLength(count);
    });
    test(`${count} carts are exactly ${count}`, () => {
      const made = makeDay('carts', count);
      expect(new Set(made.rows.map((row) => row.cart)).size).toBe(count);
      expect(made.effects.carts).toBe(count);
    });
  }

  test('chunks follow each other without a gap', () => {
    for (const unit of ['rows', 'carts'] as const) {
      const chunks = chunksOf(unit, 100_000, 7);
      expect(chunks.reduce((sum, chunk) => sum + chunk.count, 0)).toBe(100_000);
      expect([chunks[0].firstCart, chunks[0].from, chunks.at(-1)?.to]).toEqual([7, 0, 1]);
      for (let i = 1; i < chunks.length; i++) {
        expect(chunks[i].from).toBe(chunks[i - 1].to);
        expect(chunks[i].firstCart).toBe(chunks[i - 1].firstCart + chunks[i - 1].count);
      }
    }
  });
});

test('carts come in time order, within the day', () => {
  for (const [at, row] of large.rows.entries()) {
    const before = large.rows[at - 1]?.createdAtMs ?? day.startMs;
    expect(row.createdAtMs).toBeGreaterThanOrEqual(before);
    expect(row.createdAtMs).toBeLessThan(day.startMs + 24 * HOUR_MS);
    expect(Number.isInteger(row.createdAtMs)).toBe(true);
  }
});

test('a cart has one buyer, one moment, one way to pay, and ships once', () => {
  for (const cart of carts) {
    for (const key of ['user', 'createdAtMs', 'payment'] as const) {
      expect(new Set(cart.map((row) => row[key])).size).toBe(1);
    }
    expect(cart.map((row) => row.item)).toEqual([...cart.keys()]);
    expect(cart.length).toBeWithin(1, 11);
    expect(DEFAULT_SETTINGS.orders.shippingCosts).toContain(cart[0].shippingCost);
    expect(cart.slice(1).every((row) => row.shippingCost === 0)).toBe(true);
  }
});

test('amounts add up', () => {
  for (const row of large.rows) {
    const price = base.products.price[row.product];
    const full = price * row.quantity;
    expect(row.unitPrice).toBe(price);
    expect(row.discountAmount).toBeGreaterThanOrEqual(0);
    expect(row.discountAmount).toBeLessThan(full * 0.1);
    expect(row.totalAmount).toBe(full + row.shippingCost - row.discountAmount);
  }
  const shares = large.rows.map((row) => row.discountAmount / (row.unitPrice * row.quantity));
  expect(shares.reduce((sum, share) => sum + share, 0) / ROWS).toBeCloseTo(0.05, 3);
});

describe('laws', () => {
  test('cart sizes', () => {
    const sizes = carts.slice(0, -1).map((cart) => cart.length - 1); // the last may be cut short
    expect(distance(tally(sizes, 10), DEFAULT_SETTINGS.orders.cartSizeWeights)).toBeLessThan(5);
  });

  test('hours', () => {
    const hours = carts.map((cart) => Math.floor((cart[0].createdAtMs - day.startMs) / HOUR_MS));
    const seen = tally(hours, 24);
    expect([...large.effects.cartsByHour]).toEqual([...seen]);
    expect(distance(seen, DEFAULT_SETTINGS.hourlyMultiplier)).toBeLessThan(5);
  });

  test('payments, by the band of age', () => {
    for (const [band, { weights }] of DEFAULT_SETTINGS.orders.paymentBands.entries()) {
      const of = carts.filter((cart) => paymentBandIndex(base.users.age[cart[0].user]) === band);
      const payments = of.map((cart) => cart[0].payment);
      expect(payments.length).toBeGreaterThan(500);
      expect(distance(tally(payments, 4), weights)).toBeLessThan(5);
    }
  });

  test('statuses, shipping costs, quantities by category', () => {
    const { shippingCosts, statusShares } = DEFAULT_SETTINGS.orders;
    const statuses = tally(
      large.rows.map((row) => row.status),
      4,
    );
    const shares = ORDER_STATUSES.map((status) => statusShares[status]);
    expect(distance(statuses, shares)).toBeLessThan(5);
    const costs = carts.map((cart) => shippingCosts.indexOf(cart[0].shippingCost));
    expect(distance(tally(costs, 3), [1, 1, 1])).toBeLessThan(5);
    for (const [index, category] of CATEGORIES.entries()) {
      const rows = large.rows.filter((row) => base.products.category[row.product] === index);
      const { quantityWeights } = category;
      const quantities = rows.map((row) => row.quantity - 1);
      expect(distance(tally(quantities, quantityWeights.length), quantityWeights)).toBeLessThan(5);
    }
  });

  test('products, by the scenario and how often each is bought', () => {
    const byCategory = categoryWeights(scenario(day.scenario));
    const weights = Array.from(day.products, (product) => {
      const category = base.products.category[product];
      // A category the rules do not know weighs 5 and is bought as often as the mean one.
      return productWeight(byCategory[category] ?? 5, CATEGORIES[category]?.frequency ?? 10);
    });
    const slots = new Map([...day.products].map((product, slot) => [product, slot]));
    const seen = tally(
      large.rows.map((row) => slots.get(row.product) ?? -1),
      weights.length,
    );
    expect(distance(seen, weights)).toBeLessThan(5);
  });
});

test('effects are those of the successful rows', () => {
  const expected = noEffects(day);
  expected.carts = carts.length;
  for (const cart of carts) {
    expected.cartsByHour[Math.floor((cart[0].createdAtMs - day.startMs) / HOUR_MS)]++;
  }
  const users = new Map([...day.users].map((user, slot) => [user, slot]));
  const products = new Map([...day.products].map((product, slot) => [product, slot]));
  for (const row of large.rows.filter(({ status }) => status === 0)) {
    const slot = users.get(row.user) ?? -1;
    expected.amount[slot] += row.totalAmount;
    expected.orders[slot]++;
    expected.lastOrderedMs[slot] = row.createdAtMs;
    expected.sold[products.get(row.product) ?? -1]++;
  }
  expect(large.effects).toEqual(expected);
});

test('chunks come out the same in any order, on any maker', () => {
  for (const unit of ['rows', 'carts'] as const) {
    const chunks = chunksOf(unit, 12_345 * (unit === 'rows' ? 4 : 1), 5);
    const forwards = new CartMaker(base, DEFAULT_SETTINGS, CHANCES);
    forwards.open(day);
    const made = chunks.map((chunk) => make(forwards, chunk));
    const backwards = new CartMaker(base, DEFAULT_SETTINGS, CHANCES);
    backwards.open({ ...day, scenario: 2, users: day.users.subarray(0, 50) });
    backwards.make({ ...day, scenario: 2, users: day.users.subarray(0, 50) }, chunks[0]);
    backwards.open(day);
    const again = chunks.toReversed().map((chunk) => make(backwards, chunk));
    expect(again.toReversed()).toEqual(made);
  }
});

test('another seed, or another run of the same seed, makes another day', () => {
  const one = makeDay('rows', 500);
  expect(makeDay('rows', 500)).toEqual(one);
  const times = (made: Made): Set<number> => new Set(made.rows.map((row) => row.createdAtMs));
  for (const chances of [
    { seed: 43, run: 1 },
    { seed: 42, run: 2 },
  ]) {
    const other = makeDay('rows', 500, chances);
    expect(makeDay('rows', 500, chances)).toEqual(other);
    expect(other.rows.filter((row, at) => row.user === one.rows[at].user).length).toBeLessThan(100);
    expect(times(other).intersection(times(one)).size).toBeLessThan(3);
  }
});

test('a chunk of carts of one row each has a moment for every one of them', () => {
  const sizes = { cartSizeWeights: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0] };
  const settings = parseSettings({ orders: sizes });
  const { rows, effects } = makeDay('rows', CHUNK_ROWS + 5, CHANCES, settings);
  expect(effects.carts).toBe(CHUNK_ROWS + 5);
  for (const [at, row] of rows.entries()) {
    expect(row.createdAtMs).toBeWithin(day.startMs, day.startMs + 24 * HOUR_MS);
    expect(row.createdAtMs).toBeGreaterThanOrEqual(rows[at - 1]?.createdAtMs ?? 0);
  }
});

test('scenarios and categories are as the settings have them', () => {
  const settings = parseSettings({
    scenarios: {
      9: {
        gender: { M: 0, F: 100 },
        ages: [0, 0, 100, 0, 0],
        categories: { 스킨케어: 1e9, '신선(과일/채소)': 1e9 },
      },
    },
    categories: {
      스킨케어: { frequency: 1, quantityWeights: [0, 0, 0, 0, 0, 0, 0, 1] },
      '신선(과일/채소)': { frequency: 3, quantityWeights: [1] },
    },
    propensity: { status: { DORMANT: 20 } },
  });
  const { rows } = makeDay('rows', 2_000, CHANCES, settings);
  const categories = tally(
    rows.map((row) => base.products.category[row.product]),
    CATEGORIES.length + 1,
  );
  const inPool = (category: number): number =>
    day.products.filter((product) => base.products.category[product] === category).length;
  const weights = CATEGORIES.map((_, index) => (index === 2 ? 1 : index === 4 ? 3 : 0));
  expect(
    distance(
      categories,
      weights.map((weight, index) => weight * inPool(index)),
    ),
  ).toBeLessThan(5);
  for (const row of rows) {
    expect(row.quantity).toBe(base.products.category[row.product] === 2 ? 8 : 1);
  }
  // Nobody else weighs more than the floor of 0.1, and no woman in her thirties less than 60 by day.
  const wanted = rows.filter(
    ({ user }) => base.users.female[user] === 1 && Math.floor(base.users.age[user] / 10) === 3,
  );
  expect(wanted.length / rows.length).toBeGreaterThan(0.95);
});
