import { HOUR_MS } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import type { UserColumns } from '../model/base.ts';
import type { DayPlan } from '../model/calendar.ts';
import { GRADES } from '../model/grade.ts';
import {
  applyTimeVariation,
  buyerWeight,
  calculateBaseScore,
  meanBoost,
} from '../model/propensity.ts';
import type { RunOptions } from '../model/rules.ts';
import { AGE_GROUPS, ageGroupIndex } from '../model/user.ts';

/** What happened to one customer on one day of a run: day -1 is all before it. */
export type Activity = {
  user: number; // index into the base
  day: number;
  lastMs: number; // last successful order, whoever made it; 0: none
  carts: number; // of the run
};

export type GradeGiven = { user: number; atMs: number; grade: number };

/** A run as its stored rows tell it. */
export type ToldRun = {
  run: number;
  options: RunOptions;
  plans: readonly DayPlan[];
  users: UserColumns;
  startGrades: Uint8Array; // [users]
  activity: readonly Activity[];
  gradesGiven: readonly GradeGiven[]; // at midnights
  cartsByHour: ReadonlyMap<number, number>; // by the hour's first moment
};

export type ExpectedCarts = {
  carts: Float64Array; // [users]
  outside: number; // carts of customers who were not in their day's pool
};

/**
 * How many carts the rules expected of each customer, worked out from the stored rows and the
 * model's functions alone. It shares nothing with the generator but the model: the pools are put
 * together anew from who had bought until then, and everybody in them is weighed hour by hour.
 */
export function expectedCarts(told: ToldRun): ExpectedCarts {
  const { users, plans, options } = told;
  const carts = new Float64Array(users.count);
  const pools = new Pools(told);
  const grades = Uint8Array.from(told.startGrades);
  const byDay = Map.groupBy(told.activity, (row) => row.day);
  const gradesByTime = Map.groupBy(told.gradesGiven, (row) => row.atMs);
  let outside = 0;
  pools.take(byDay.get(-1) ?? []);
  for (const plan of plans) {
    for (const { user, grade } of gradesByTime.get(plan.startMs) ?? []) grades[user] = grade;
    const pool = pools.of(plan);
    const shares = new HourShares(pool, grades, users, options, plan.scenario);
    for (let hour = 0; hour < 24; hour++) {
      const sold = told.cartsByHour.get(plan.startMs + hour * HOUR_MS) ?? 0;
      if (sold > 0) shares.add(hour, sold, carts);
    }
    const today = byDay.get(plan.dayIndex) ?? [];
    const members = new Set(pool);
    for (const row of today) if (!members.has(row.user)) outside += row.carts;
    pools.take(today);
  }
  return { carts, outside };
}

/** Who may buy on each day: the rules of design.md, from last orders and sign-ups. */
class Pools {
  readonly #told: ToldRun;
  readonly #bought: Uint8Array; // [users] 1: has bought
  #buyers: number[] = []; // longest-ago last order first
  #signedUp = 0; // so many of the first users

  constructor(told: ToldRun) {
    this.#told = told;
    this.#bought = new Uint8Array(told.users.count);
  }

  /** Takes in what happened until the end of a day: its buyers are the latest of all. */
  take(rows: readonly Activity[]): void {
    const latest = rows
      .filter((row) => row.lastMs > 0)
      .toSorted((a, b) => a.lastMs - b.lastMs || a.user - b.user)
      .map((row) => row.user);
    const moved = new Set(latest);
    this.#buyers = this.#buyers.filter((user) => !moved.has(user)).concat(latest);
    for (const user of latest) this.#bought[user] = 1;
  }

  of(plan: DayPlan): number[] {
    const { options, users } = this.#told;
    const { returning, new: fresh } = options.settings.pools.users;
    const size = returning + fresh;
    while (users.createdAtMs[this.#signedUp] <= plan.startMs) this.#signedUp++;
    // A base that is too young lends its oldest members.
    const eligible = Math.max(this.#signedUp, Math.min(size, users.count));
    if (plan.dayIndex < options.settings.pools.randomDays) {
      return this.#random(plan.dayIndex, size, eligible);
    }
    const never: number[] = [];
    for (let user = eligible - 1; user >= 0 && never.length < size; user--) {
      if (this.#bought[user] === 0) never.push(user);
    }
    const buyers = this.#buyers.slice(0, Math.max(returning, size - never.length));
    return [...buyers, ...never.slice(0, size - buyers.length)];
  }

  /** A part of everybody in the order of random_seed, from a point that the day decides. */
  #random(dayIndex: number, size: number, eligible: number): number[] {
    const { run, options, users } = this.#told;
    const circle = [...users.randomSeed.keys()].toSorted(
      (a, b) => users.randomSeed[a] - users.randomSeed[b] || a - b,
    );
    const point = new Random(options.seed, 'poolDay', run).at(dayIndex).next();
    const from = Math.floor(point * circle.length);
    return [...circle.slice(from), ...circle.slice(0, from)]
      .filter((user) => user < eligible)
      .slice(0, size);
  }
}

/** How the carts of an hour are shared among the members of a pool. */
class HourShares {
  readonly #pool: readonly number[];
  readonly #options: RunOptions;
  readonly #groups: Uint8Array; // [pool] index into AGE_GROUPS
  readonly #scores: Float64Array; // [pool] propensity but for the hour
  readonly #genderShares: Float64Array; // [pool] the scenario's
  readonly #ageShares: Float64Array; // [pool] the scenario's

  constructor(
    pool: readonly number[],
    grades: Uint8Array, // [users]
    users: UserColumns,
    options: RunOptions,
    scenario: number,
  ) {
    const { propensity, scenarios } = options.settings;
    const { gender, ages } = scenarios[scenario];
    this.#pool = pool;
    this.#options = options;
    this.#groups = Uint8Array.from(pool, (user) => ageGroupIndex(users.age[user]));
    this.#ageShares = Float64Array.from(this.#groups, (group) => ages[group]);
    this.#genderShares = Float64Array.from(pool, (user) =>
      users.female[user] === 1 ? gender.F : gender.M,
    );
    this.#scores = Float64Array.from(pool, (user) => {
      const marketingAgree = users.marketing[user] === 1;
      const customer = {
        age: users.age[user],
        gender: users.female[user] === 1 ? ('F' as const) : ('M' as const),
        status: users.active[user] === 1 ? ('ACTIVE' as const) : ('DORMANT' as const),
        marketingAgree,
        grade: GRADES[grades[user]],
      };
      return calculateBaseScore(customer, propensity) * meanBoost(marketingAgree, propensity);
    });
  }

  /** Adds to each member's carts what is expected of him at an hour with so many. */
  add(
    hour: number,
    sold: number,
    carts: Float64Array, // IN OUT [users]
  ): void {
    const weights = this.#weights(hour);
    let total = 0;
    for (let slot = 0; slot < weights.length; slot++) total += weights[slot];
    for (let slot = 0; slot < weights.length; slot++) {
      carts[this.#pool[slot]] += (sold * weights[slot]) / total;
    }
  }

  #weights(hour: number): Float64Array {
    const { propensity, buyers } = this.#options.settings;
    const scores = this.#scores.map((score, slot) =>
      applyTimeVariation(score, AGE_GROUPS[this.#groups[slot]], hour, propensity),
    );
    const weights = scores.map((score, slot) =>
      buyerWeight(score, this.#genderShares[slot], this.#ageShares[slot]),
    );
    if (buyers.choice === 'weighted') return weights;
    const ranked = [...scores.keys()].toSorted((a, b) => scores[b] - scores[a] || a - b);
    for (const slot of ranked.slice(buyers.topN)) weights[slot] = 0;
    return weights;
  }
}
