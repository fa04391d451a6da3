import { SEOUL_OFFSET_MS } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import type { Base } from '../model/base.ts';
import type { DayPlan } from '../model/calendar.ts';
import { determineGrade, GRADES, stepGrade, type GradeRules } from '../model/grade.ts';
import type { ShopSettings } from '../model/settings.ts';
import type { Chances, Effects, ShopDay } from './carts.ts';
import { Ranking } from './ranking.ts';

/** What one day added, by user and by product; only successful rows. No user or product twice. */
export type DayEffects = {
  users: Int32Array;
  amount: Float64Array; // [users] won
  orders: Int32Array; // [users] rows
  lastOrderedMs: Float64Array; // [users]
  products: Int32Array;
  sold: Int32Array; // [products] rows
};

/** A customer's grade changed at a refresh: what a row of grade_changes says. */
export type GradeChange = {
  user: number;
  atMs: number;
  from: number; // index into GRADES
  to: number;
  amount: number;
  orders: number;
};

type WindowDay = Pick<DayEffects, 'users' | 'amount' | 'orders'> & { startMs: number };

/**
 * The shop as it stands at the start of each day of a history: who has bought when, what has sold
 * how often, who holds which grade. The days' orders are made elsewhere; their effects come back
 * here, in order. Deterministic: the state is a function of the base, the settings and the effects.
 */
export class History {
  readonly gradeChanges: GradeChange[] = [];
  readonly grade: Uint8Array; // [users] index into GRADES
  readonly lastOrderedMs: Float64Array; // [users] 0: never
  readonly sold: Float64Array; // [products] successful rows, those before the run included
  readonly runLastOrderedMs: Float64Array; // [users] by the run's own orders alone; 0: none
  readonly runSold: Float64Array; // [products] by the run's own orders alone
  readonly expectedCarts: Float64Array; // [users] what the rules expected of each
  readonly #base: Base;
  readonly #settings: ShopSettings;
  readonly #rules: GradeRules;
  readonly #random: Random;
  readonly #idleIsLowest: boolean; // who buys nothing earns nothing, as every shipped preset has it
  readonly #early = new Set<number>(); // midnights
  readonly #amount: Float64Array; // [users] won within the window
  readonly #orders: Int32Array; // [users] rows within the window
  readonly #window: WindowDay[] = [];
  #windowStart = 0; // index into #window
  readonly #buyers: Ranking; // longest-ago last order first
  readonly #popular: Ranking; // most sold first
  readonly #soldKey: Float64Array; // [products] minus rows sold
  readonly #usersBySeed: Int32Array;
  readonly #productsBySeed: Int32Array;
  readonly #offered: Uint8Array; // [products] 1 while a pool is put together: in its first half

  constructor(base: Base, settings: ShopSettings, { seed, run }: Chances, rules: GradeRules) {
    const { users, products } = base;
    this.#base = base;
    this.#settings = settings;
    this.#rules = rules;
    this.#random = new Random(seed, 'poolDay', run);
    this.#idleIsLowest = determineGrade(0, 0, rules) === GRADES[0];
    this.grade = Uint8Array.from(users.grade);
    this.lastOrderedMs = new Float64Array(users.count);
    this.sold = new Float64Array(products.count);
    this.runLastOrderedMs = new Float64Array(users.count);
    this.runSold = new Float64Array(products.count);
    this.expectedCarts = new Float64Array(users.count);
    this.#amount = new Float64Array(users.count);
    this.#orders = new Int32Array(users.count);
    this.#soldKey = new Float64Array(products.count);
    this.#buyers = new Ranking(this.lastOrderedMs);
    this.#popular = new Ranking(this.#soldKey);
    this.#usersBySeed = sortedBy(users.randomSeed);
    this.#productsBySeed = sortedBy(
      Float64Array.from({ length: products.count }, (_, product) =>
        this.#random.at(2 ** 32 + product).next(),
      ),
    );
    this.#offered = new Uint8Array(products.count);
  }

  /** Days on which someone not yet signed up, or something not yet listed, had to be taken. */
  get earlyDays(): number {
    return this.#early.size;
  }

  /** Grades first, where it is their day; then the pools, which stay fixed for the day. */
  open(plan: DayPlan): ShopDay {
    const { refreshDays } = this.#settings.grades;
    if (plan.dayIndex > 0 && plan.dayIndex % refreshDays === 0) this.#refreshGrades(plan.startMs);
    const random = plan.dayIndex < this.#settings.pools.randomDays;
    const users = random ? this.#randomUsers(plan) : this.#userPool(plan.startMs);
    const products = random ? this.#randomProducts(plan) : this.#productPool(plan.startMs);
    return {
      startMs: plan.startMs,
      scenario: plan.scenario,
      users,
      grades: Uint8Array.from(users, (user) => this.grade[user]),
      products,
    };
  }

  /** Takes in what a day's carts did, and how many the rules expected of each slot of the pool. */
  close(day: ShopDay, effects: Effects, expected: Float64Array): void {
    const ofDay = toDayEffects(day, effects);
    this.absorb(day.startMs, ofDay);
    const { users, products } = ofDay;
    for (let i = 0; i < users.length; i++) {
      const last = this.runLastOrderedMs[users[i]];
      this.runLastOrderedMs[users[i]] = Math.max(last, ofDay.lastOrderedMs[i]);
    }
    for (let i = 0; i < products.length; i++) this.runSold[products[i]] += ofDay.sold[i];
    for (let slot = 0; slot < expected.length; slot++) {
      this.expectedCarts[day.users[slot]] += expected[slot];
    }
  }

  /** Takes in a day's effects, the run's own or those of orders that were there before. */
  absorb(startMs: number, effects: DayEffects): void {
    const { users, amount, orders, lastOrderedMs, products, sold } = effects;
    for (let i = 0; i < users.length; i++) {
      const user = users[i];
      this.#amount[user] += amount[i];
      this.#orders[user] += orders[i];
      this.lastOrderedMs[user] = Math.max(this.lastOrderedMs[user], lastOrderedMs[i]);
    }
    for (let i = 0; i < products.length; i++) {
      this.sold[products[i]] += sold[i];
      this.#soldKey[products[i]] = -this.sold[products[i]];
    }
    this.#window.push({ startMs, users, amount, orders });
    this.#buyers.move(users);
    this.#popular.move(products);
  }

  #refreshGrades(atMs: number): void {
    this.#forgetBefore(monthsBefore(atMs, this.#settings.grades.windowMonths));
    const { demotion } = this.#settings.grades;
    for (let user = 0; user < this.grade.length; user++) {
      const from = this.grade[user];
      if (from === 0 && this.#orders[user] === 0 && this.#idleIsLowest) continue;
      const earned = determineGrade(this.#amount[user], this.#orders[user], this.#rules);
      const to = GRADES.indexOf(stepGrade(GRADES[from], earned, demotion));
      if (to === from) continue;
      this.grade[user] = to;
      const amount = this.#amount[user];
      this.gradeChanges.push({ user, atMs, from, to, amount, orders: this.#orders[user] });
    }
  }

  #forgetBefore(startMs: number): void {
    while (this.#windowStart < this.#window.length) {
      const day = this.#window[this.#windowStart];
      if (day.startMs >= startMs) break;
      for (let i = 0; i < day.users.length; i++) {
        this.#amount[day.users[i]] -= day.amount[i];
        this.#orders[day.users[i]] -= day.orders[i];
      }
      this.#windowStart++;
    }
    this.#window.splice(0, this.#windowStart);
    this.#windowStart = 0;
  }

  /** 600 who bought longest ago and 400 newest who never did; either half fills up for the other. */
  #userPool(startMs: number): Int32Array {
    const { returning, new: fresh } = this.#settings.pools.users;
    const { createdAtMs } = this.#base.users;
    const limit = this.#eligible(createdAtMs, startMs, returning + fresh);
    const never = newest(limit, returning + fresh, (user) => this.lastOrderedMs[user] === 0);
    return joinHalves(this.#buyers.first(returning + fresh), returning, never, fresh);
  }

  /**
   * 700 most sold; then 300 newest, those never sold before all others. Where fewer than 700 have
   * sold, the newest fill up: nobody of them has, since all that have are in the first half.
   */
  #productPool(startMs: number): Int32Array {
    const { popular, fresh } = this.#settings.pools.products;
    const { createdAtMs } = this.#base.products;
    const limit = this.#eligible(createdAtMs, startMs, popular + fresh);
    const first = this.#popular.first(popular);
    const wanted = popular + fresh - first.length;
    const unsold = newest(limit, wanted, (product) => this.sold[product] === 0);
    const others = this.#newestSold(limit, wanted - unsold.length, first);
    return Int32Array.from([...first, ...unsold, ...others]);
  }

  /** Of those that have sold, and are not among `without`. */
  #newestSold(limit: number, size: number, without: Int32Array): Int32Array {
    if (size === 0) return new Int32Array(0);
    for (const product of without) this.#offered[product] = 1;
    const found = newest(
      limit,
      size,
      (product) => this.sold[product] > 0 && this.#offered[product] === 0,
    );
    for (const product of without) this.#offered[product] = 0;
    return found;
  }

  /** Another part of the circle of random_seed every day. */
  #randomUsers(plan: DayPlan): Int32Array {
    const { returning, new: fresh } = this.#settings.pools.users;
    const size = returning + fresh;
    const limit = this.#eligible(this.#base.users.createdAtMs, plan.startMs, size);
    return fromCircle(this.#usersBySeed, this.#random.at(plan.dayIndex).next(), size, limit);
  }

  #randomProducts(plan: DayPlan): Int32Array {
    const { popular, fresh } = this.#settings.pools.products;
    const size = popular + fresh;
    const limit = this.#eligible(this.#base.products.createdAtMs, plan.startMs, size);
    const start = this.#random.at(2 ** 31 + plan.dayIndex).next();
    return fromCircle(this.#productsBySeed, start, size, limit);
  }

  /** How many members, oldest first, may take part on a day: those registered before it began. */
  #eligible(createdAtMs: Float64Array, startMs: number, size: number): number {
    let low = 0;
    let high = createdAtMs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (createdAtMs[middle] <= startMs) low = middle + 1;
      else high = middle;
    }
    const needed = Math.min(size, createdAtMs.length);
    if (low < needed) this.#early.add(startMs);
    return Math.max(low, needed);
  }
}

/** The same day of an earlier month at midnight in Seoul, or that month's last day if it is shorter. */
export function monthsBefore(midnightMs: number, months: number): number {
  const local = new Date(midnightMs + SEOUL_OFFSET_MS);
  const year = local.getUTCFullYear();
  const month = local.getUTCMonth() - months;
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(local.getUTCDate(), lastDay)) - SEOUL_OFFSET_MS;
}

/** Adds one chunk's effects to its day's. */
export function addEffects(
  day: Effects, // IN OUT
  chunk: Effects,
): void {
  day.carts += chunk.carts;
  for (let i = 0; i < 24; i++) day.cartsByHour[i] += chunk.cartsByHour[i];
  for (let i = 0; i < day.orders.length; i++) {
    day.orders[i] += chunk.orders[i];
    day.amount[i] += chunk.amount[i];
    day.lastOrderedMs[i] = Math.max(day.lastOrderedMs[i], chunk.lastOrderedMs[i]);
  }
  for (let i = 0; i < day.sold.length; i++) day.sold[i] += chunk.sold[i];
}

/** Only the slots to which something happened. */
function toDayEffects(day: ShopDay, effects: Effects): DayEffects {
  const bought = slotsAbove0(effects.orders);
  const sold = slotsAbove0(effects.sold);
  return {
    users: bought.map((slot) => day.users[slot]),
    amount: Float64Array.from(bought, (slot) => effects.amount[slot]),
    orders: bought.map((slot) => effects.orders[slot]),
    lastOrderedMs: Float64Array.from(bought, (slot) => effects.lastOrderedMs[slot]),
    products: sold.map((slot) => day.products[slot]),
    sold: sold.map((slot) => effects.sold[slot]),
  };
}

function slotsAbove0(counts: Int32Array): Int32Array {
  const slots = new Int32Array(counts.length);
  let found = 0;
  for (let slot = 0; slot < counts.length; slot++) if (counts[slot] > 0) slots[found++] = slot;
  return slots.slice(0, found);
}

/** The last `size` members below `limit` that `keep`, newest first. */
function newest(limit: number, size: number, keep: (member: number) => boolean): Int32Array {
  const found = new Int32Array(size);
  let count = 0;
  for (let member = limit - 1; member >= 0 && count < size; member--) {
    if (keep(member)) found[count++] = member;
  }
  return found.subarray(0, count);
}

/** `firstSize` of the first and `secondSize` of the second, each topped up from the other. */
function joinHalves(
  first: Int32Array,
  firstSize: number,
  second: Int32Array,
  secondSize: number,
): Int32Array {
  const missingSecond = Math.max(secondSize - second.length, 0);
  const fromFirst = Math.min(firstSize + missingSecond, first.length);
  const fromSecond = Math.min(firstSize + secondSize - fromFirst, second.length);
  const joined = new Int32Array(fromFirst + fromSecond);
  joined.set(first.subarray(0, fromFirst));
  joined.set(second.subarray(0, fromSecond), fromFirst);
  return joined;
}

/** The next `size` members below `limit` on a circle, from a point of it on. */
function fromCircle(circle: Int32Array, point: number, size: number, limit: number): Int32Array {
  const start = Math.floor(point * circle.length);
  const found = new Int32Array(size);
  let count = 0;
  for (let step = 0; step < circle.length && count < size; step++) {
    const member = circle[(start + step) % circle.length];
    if (member < limit) found[count++] = member;
  }
  return found.slice(0, count);
}

function sortedBy(keys: Float64Array): Int32Array {
  return Int32Array.from(keys.keys()).toSorted((a, b) => keys[a] - keys[b] || a - b);
}
