import { describe, expect, test } from 'bun:test';
import { DAY_MS, seoulDate, seoulMidnight } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import type { Base } from '../model/base.ts';
import { planDays } from '../model/calendar.ts';
import { GRADE_PRESETS } from '../model/grade.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { noEffects, type Effects, type ShopDay } from './carts.ts';
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

  products(startMs: number): number[] {
    const popular = [...this.sold.keys()].toSorted(
      (a, b) => (this.sold.get(b) ?? 0) - (this.sold.get(a) ?? 0) || a - b,
    );
    const fresh = this.#newest(this.#base.products.createdAtMs, startMs, this.sold);
    return halves(popular, 700, fresh, 300);
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

function play(base: Base, days: number, buyers: number, sold: number, seed = 42): ShopDay[] {
  const history = new History(base, DEFAULT_SETTINGS, seed, GRADE_PRESETS.history);
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
    const other = play(base, 8, 50, 50, 43).slice(0, 7);
    for (const [index, day] of other.entries()) {
      expect(day.users).not.toEqual(days[index].users);
      expect(day.products).not.toEqual(days[index].products);
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
      const history = new History(base, settings, seed, GRADE_PRESETS.history);
      for (const plan of plans) for (const user of history.open(plan).users) taken[user]++;
    }
    expect(Math.min(...taken)).toBeGreaterThan(900 * 0.85);
    expect(Math.max(...taken)).toBeLessThan(900 * 1.15);
  });

  test('a base that is too young lends its oldest, and says so', () => {
    const base = makeBase([900, 600], [1_200, 0]);
    const history = new History(base, DEFAULT_SETTINGS, 1, GRADE_PRESETS.history);
    const day = history.open(plans[0]);
    expect([...day.users].toSorted((a, b) => a - b)).toEqual([...Array(1_000).keys()]);
    expect(history.earlyDays).toBe(1);
  });
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
