import { describe, expect, test } from 'bun:test';
import { DAY_MS, seoulDate, seoulMidnight } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import type { Base } from '../model/base.ts';
import { planDays } from '../model/calendar.ts';
import {
  determineGrade,
  GRADE_PRESETS,
  type GradeRules,
  GRADES,
  stepGrade,
} from '../model/grade.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { type Chances, noEffects, type Effects, type ShopDay } from './carts.ts';
import { History, monthsBefore } from './history.ts';

const plans = planDays({ from: '2025-01', to: '2025-03', unit: 'rows' });
const random = new Random(21, 'live').at(0);

/** Registered one after the other, `before` of them before the history and the rest during it. */
function registrations(before: number, during: number): Float64Array {
  const start = plans[0].startMs;
  const old = Array.from({ length: before }, () => start - random.below(700 * 86_400) * 1_000);
  const young = Array.from({ length: during }, () => start + random.below(90 * 86_400) * 1_000);
  if (young.length > 0) young[0] = plans[40].startMs; // just in time for a day
  return Float64Array.from([...old, ...young]).toSorted();
}

function makeBase(users: [number, number], products: [number, number]): Base {
  const [userTimes, productTimes] = [registrations(...users), registrations(...products)];
  const zeros = new Uint8Array(userTimes.length);
  return {
    users: {
      count: userTimes.length,
      createdAtMs: userTimes,
      age: new Uint8Array(userTimes.length).fill(30),
      female: zeros,
      active: zeros,
      marketing: zeros,
      grade: zeros,
      randomSeed: Float64Array.from(userTimes, () => random.next()),
    },
    products: {
      count: productTimes.length,
      createdAtMs: productTimes,
      category: new Uint8Array(productTimes.length),
      price: new Float64Array(productTimes.length).fill(1_000),
    },
  };
}

/** A day on which some of the pools buy and are bought. */
function effectsOf(day: ShopDay, buyers: number, sold: number): Effects {
  const effects = noEffects(day);
  for (let i = 0; i < buyers; i++) {
    const slot = random.below(day.users.length);
    effects.orders[slot]++;
    effects.amount[slot] += 1_000;
    effects.lastOrderedMs[slot] = day.startMs + random.below(86_400) * 1_000;
  }
  for (let i = 0; i < sold; i++) effects.sold[random.below(day.products.length)]++;
  return effects;
}

/** The pools by definition: everybody looked at, everything sorted, every day anew. */
class Oracle {
  readonly last = new Map<number, number>();
  readonly sold = new Map<number, number>();
  readonly #base: Base;

  constructor(base: Base) {
    this.#base = base;
  }

  take(day: ShopDay, effects: Effects): void {
    for (const [slot, user] of day.users.entries()) {
      if (effects.orders[slot] === 0) continue;
      this.last.set(user, Math.max(this.last.get(user) ?? 0, effects.lastOrderedMs[slot]));
    }
    for (const [slot, product] of day.products.entries()) {
      if (effects.sold[slot] === 0) continue;
      this.sold.set(product, (this.sold.get(product) ?? 0) + effects.sold[slot]);
    }
  }

  users(startMs: number): number[] {
    const bought = [...this.last.keys()].toSorted(
      (a, b) => (this.last.get(a) ?? 0) - (this.last.get(b) ?? 0) || a - b,
    );
    return halves(bought, 600, this.#newest(this.#base.users.createdAtMs, startMs, this.last), 400);
  }

  /**
   * The 700 most ordered. Of the rest, those never ordered first, newest first, then the newest of the
   * others: 300 of them, and as many more as the most ordered are short of 700 (design, pools).
   */
  products(startMs: number): number[] {
    const { createdAtMs } = this.#base.products;
    const orderCount = (product: number): number => this.sold.get(product) ?? 0;
    const registered = [...createdAtMs.keys()].filter((product) => createdAtMs[product] <= startMs);
    const popular = registered
      .filter((product) => orderCount(product) > 0)
      .toSorted((a, b) => orderCount(b) - orderCount(a) || a - b)
      .slice(0, 700);
    const rest = registered
      .filter((product) => !popular.includes(product))
      .toSorted(
        (a, b) =>
          Math.min(orderCount(a), 1) - Math.min(orderCount(b), 1) ||
          createdAtMs[b] - createdAtMs[a] ||
          b - a,
      );
    return [...popular, ...rest.slice(0, 1_000 - popular.length)];
  }

  #newest(createdAtMs: Float64Array, startMs: number, without: Map<number, number>): number[] {
    const registered = [...createdAtMs.keys()].filter((member) => createdAtMs[member] <= startMs);
    return registered
      .filter((member) => !without.has(member))
      .toSorted((a, b) => createdAtMs[b] - createdAtMs[a] || b - a);
  }
}

function halves(
  first: number[],
  firstSize: number,
  second: number[],
  secondSize: number,
): number[] {
  const one = first.slice(0, firstSize);
  const two = second.slice(0, secondSize);
  if (two.length < secondSize)
    one.push(...first.slice(firstSize, firstSize + secondSize - two.length));
  else two.push(...second.slice(secondSize, secondSize + firstSize - one.length));
  return [...one, ...two];
}

const CHANCES: Chances = { seed: 42, run: 1 };

function play(
  base: Base,
  days: number,
  buyers: number,
  sold: number,
  chances = CHANCES,
): ShopDay[] {
  const history = new History(base, DEFAULT_SETTINGS, chances, GRADE_PRESETS.history);
  const oracle = new Oracle(base);
  const played: ShopDay[] = [];
  for (const plan of plans.slice(0, days)) {
    const day = history.open(plan);
    if (plan.dayIndex >= 7) {
      expect([...day.users]).toEqual(oracle.users(plan.startMs));
      expect([...day.products]).toEqual(oracle.products(plan.startMs));
    }
    const effects = effectsOf(day, buyers, sold);
    history.close(day, effects, new Float64Array(day.users.length));
    oracle.take(day, effects);
    played.push(day);
  }
  expect(history.earlyDays).toBe(0);
  expect([...history.runSold]).toEqual([...history.sold]);
  expect([...history.runLastOrderedMs]).toEqual([...history.lastOrderedMs]);
  return played;
}

describe('pools', () => {
  test('600 + 400 customers and 700 + 300 products, as of every day', () => {
    const base = makeBase([2_500, 1_500], [3_000, 1_200]);
    const days = play(base, 90, 60, 120);
    for (const day of days) {
      expect([day.users.length, day.products.length]).toEqual([1_000, 1_000]);
      expect(day.users.every((user) => base.users.createdAtMs[user] <= day.startMs)).toBe(true);
      const { createdAtMs } = base.products;
      expect(day.products.every((product) => createdAtMs[product] <= day.startMs)).toBe(true);
    }
  });

  test('either half fills up for the other', () => {
    play(makeBase([1_100, 100], [1_050, 30]), 60, 400, 900); // soon nobody is new
    play(makeBase([2_500, 100], [2_500, 100]), 20, 2, 2); // hardly anybody has bought
  });

  test('the first seven days are drawn by the seed, another part every day', () => {
    const base = makeBase([3_000, 500], [4_000, 500]);
    const days = play(base, 8, 50, 50).slice(0, 7);
    for (const [index, day] of days.entries()) {
      for (const key of ['users', 'products'] as const) {
        const pool = new Set(day[key]);
        expect(pool.size).toBe(1_000);
        const { createdAtMs } = base[key];
        expect(day[key].every((member) => createdAtMs[member] <= day.startMs)).toBe(true);
        for (const other of days.slice(0, index)) expect(new Set(other[key])).not.toEqual(pool);
      }
    }
    const again = play(base, 8, 50, 50).slice(0, 7);
    expect(again.map(({ users }) => users)).toEqual(days.map(({ users }) => users));
    for (const chances of [
      { seed: 43, run: 1 },
      { seed: 42, run: 2 },
    ]) {
      const other = play(base, 8, 50, 50, chances).slice(0, 7);
      for (const [index, day] of other.entries()) {
        expect(day.users).not.toEqual(days[index].users);
        expect(day.products).not.toEqual(days[index].products);
      }
    }
  });

  test('random days take everybody as often', () => {
    const base = makeBase([2_000, 0], [2_000, 0]);
    const settings = {
      ...DEFAULT_SETTINGS,
      pools: { ...DEFAULT_SETTINGS.pools, randomDays: 90 },
    };
    const taken = new Float64Array(2_000);
    for (let seed = 0; seed < 20; seed++) {
      const history = new History(base, settings, { seed, run: 1 }, GRADE_PRESETS.history);
      for (const plan of plans) for (const user of history.open(plan).users) taken[user]++;
    }
    expect(Math.min(...taken)).toBeGreaterThan(900 * 0.85);
    expect(Math.max(...taken)).toBeLessThan(900 * 1.15);
  });

  test('a base that is too young lends its oldest, and says so', () => {
    const base = makeBase([900, 600], [1_200, 0]);
    const history = new History(base, DEFAULT_SETTINGS, CHANCES, GRADE_PRESETS.history);
    const day = history.open(plans[0]);
    expect([...day.users].toSorted((a, b) => a - b)).toEqual([...Array(1_000).keys()]);
    expect(history.earlyDays).toBe(1);
  });

  test('a day that is too early for users and for products is one day', () => {
    const base = makeBase([900, 600], [900, 600]);
    const history = new History(base, DEFAULT_SETTINGS, CHANCES, GRADE_PRESETS.history);
    history.open(plans[0]);
    history.open(plans[1]);
    expect(history.earlyDays).toBe(2);
  });

  test('products never sold come first among the new, then the newest that did', () => {
    const base = makeBase([10, 0], [8, 0]);
    const pools = { ...DEFAULT_SETTINGS.pools, products: { popular: 2, fresh: 3 }, randomDays: 0 };
    const settings = { ...DEFAULT_SETTINGS, pools };
    // Products 0 to 7 in order of registration; the two most sold are 1 and 0.
    const cases: [sold: number[], pool: number[]][] = [
      [
        [8, 9, 7, 6, 1, 2, 0, 1],
        [1, 0, 6, 7, 5],
      ],
      [
        [8, 9, 1, 1, 0, 0, 0, 0],
        [1, 0, 7, 6, 5],
      ],
      [
        [8, 9, 7, 6, 5, 4, 3, 2],
        [1, 0, 7, 6, 5],
      ],
      [
        [0, 9, 0, 0, 0, 0, 0, 0],
        [1, 7, 6, 5, 4],
      ],
    ];
    for (const [sold, pool] of cases) {
      const history = new History(base, settings, CHANCES, GRADE_PRESETS.history);
      history.absorb(0, {
        users: new Int32Array(0),
        amount: new Float64Array(0),
        orders: new Int32Array(0),
        lastOrderedMs: new Float64Array(0),
        products: Int32Array.from(sold.keys()).filter((product) => sold[product] > 0),
        sold: Int32Array.from(sold).filter((count) => count > 0),
      });
      expect([...history.open(plans[0]).products]).toEqual(pool);
    }
  });
});

test('who orders nothing is graded by zeros, as anybody else by his sums', () => {
  const base = makeBase([1_200, 0], [1_200, 0]);
  base.users.grade = base.users.grade.map((_, user) => user % 4);
  const presets: GradeRules[] = [
    [{ grade: 'GOLD', amountMin: 0, ordersMin: 0 }],
    [
      { grade: 'VIP', amountMin: 0, ordersMin: 1 },
      { grade: 'SILVER', amountMin: 0, ordersMin: 0 },
    ],
    [{ grade: 'VIP', amountMin: 1, ordersMin: 0 }],
  ];
  for (const rules of presets) {
    const history = new History(base, DEFAULT_SETTINGS, CHANCES, rules);
    const orders = new Int32Array(1_200);
    for (const plan of plans.slice(0, 8)) {
      const day = history.open(plan);
      const effects = effectsOf(day, 20, 20);
      history.close(day, effects, new Float64Array(1_000));
      if (plan.dayIndex === 7) break;
      for (const [slot, user] of day.users.entries()) orders[user] += effects.orders[slot];
    }
    for (const [user, held] of base.users.grade.entries()) {
      const earned = determineGrade(orders[user] * 1_000, orders[user], rules);
      expect(GRADES[history.grade[user]]).toBe(stepGrade(GRADES[held], earned));
    }
    expect(orders.filter((count) => count === 0).length).toBeGreaterThan(600);
  }
});

test('a window of months begins on the same day, or on the last of a shorter month', () => {
  const from = (year: number, month: number, day: number): string =>
    seoulDate(monthsBefore(seoulMidnight(year, month, day), 6));
  expect(from(2025, 7, 9)).toBe('2025-01-09');
  expect(from(2025, 8, 31)).toBe('2025-02-28');
  expect(from(2024, 8, 30)).toBe('2024-02-29');
  expect(from(2025, 1, 1)).toBe('2024-07-01');
  expect(from(2025, 12, 31)).toBe('2025-06-30');
  expect((seoulMidnight(2025, 7, 9) - monthsBefore(seoulMidnight(2025, 7, 9), 6)) / DAY_MS).toBe(
    181,
  );
});
