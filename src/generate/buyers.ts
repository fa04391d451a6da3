import type { Base } from '../model/base.ts';
import { GRADES } from '../model/grade.ts';
import { buyerWeight, calculateBaseScore, meanBoost } from '../model/propensity.ts';
import type { ScenarioWeights } from '../model/scenario.ts';
import type { ShopSettings } from '../model/settings.ts';
import { AGE_GROUPS, ageGroupIndex } from '../model/user.ts';

/** The part of a scenario that decides who buys. */
export type BuyerShares = Pick<ScenarioWeights, 'gender' | 'ages'>;

/**
 * Who buys at an hour: weighted choice over the day's pool by propensity x the scenario's shares of
 * gender and age (original-shop.md section 7). The promotion and the life event, which chance
 * decides anew for every cart, enter as their mean, so one table serves every cart of an hour.
 */
export class BuyerTable {
  readonly #settings: ShopSettings;
  readonly #kinds: Kinds;
  readonly #hours: (Float64Array | null)[] = Array.from({ length: 24 }, () => null);
  readonly #spare: Float64Array[] = [];
  #kind: Uint8Array = new Uint8Array(0); // [pool]

  constructor(base: Base['users'], settings: ShopSettings) {
    this.#settings = settings;
    this.#kinds = new Kinds(base, settings);
  }

  /** Takes the pool of a day, with the grades its members have on it. */
  open(pool: Int32Array, grade: Uint8Array, scenario: BuyerShares): void {
    this.#kinds.weigh(scenario);
    if (this.#kind.length !== pool.length) this.#kind = new Uint8Array(pool.length);
    for (let slot = 0; slot < pool.length; slot++) {
      this.#kind[slot] = this.#kinds.of(pool[slot], grade[slot]);
    }
    for (let hour = 0; hour < 24; hour++) {
      const table = this.#hours[hour];
      if (table) this.#spare.push(table);
      this.#hours[hour] = null;
    }
  }

  /** The pool's slot of a buyer; `u` is uniform in [0, 1). */
  pick(hour: number, u: number): number {
    const sums = this.#sums(hour);
    const target = u * sums[sums.length - 1];
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle] > target) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Adds how many of `carts` at that hour the rules expect of each slot. */
  addExpected(
    hour: number,
    carts: number,
    expected: Float64Array, // IN OUT [pool]
  ): void {
    const sums = this.#sums(hour);
    const scale = carts / sums[sums.length - 1];
    let before = 0;
    for (let slot = 0; slot < sums.length; slot++) {
      expected[slot] += (sums[slot] - before) * scale;
      before = sums[slot];
    }
  }

  #sums(hour: number): Float64Array {
    return (this.#hours[hour] ??= this.#build(hour));
  }

  /** Running sums of the pool's weights at an hour. */
  #build(hour: number): Float64Array {
    const size = this.#kind.length;
    const spare = this.#spare.pop();
    const sums = spare?.length === size ? spare : new Float64Array(size);
    const weights = this.#kinds.weights;
    const from = hour * KINDS;
    for (let slot = 0; slot < size; slot++) sums[slot] = weights[from + this.#kind[slot]];
    const { choice, topN } = this.#settings.buyers;
    if (choice === 'top' && topN < size) this.#keepTop(hour, sums, topN);
    for (let slot = 1; slot < size; slot++) sums[slot] += sums[slot - 1];
    return sums;
  }

  /** Only the `topN` of the highest propensity may buy (seed 001, select_top_buyers). */
  #keepTop(
    hour: number,
    weights: Float64Array, // IN OUT [pool]
    topN: number,
  ): void {
    const score = Float64Array.from(this.#kind, (kind) => this.#kinds.propensity(kind, hour));
    const slots = Int32Array.from(weights.keys()).toSorted((a, b) => score[b] - score[a] || a - b);
    for (const slot of slots.subarray(topN)) weights[slot] = 0;
  }
}

/** Five age groups, two genders, active or not, agreed or not, four grades. */
const KINDS = AGE_GROUPS.length * 32;

/** A buyer's weight depends on few things, so it is worked out once for each mix of them. */
class Kinds {
  readonly weights = new Float64Array(24 * KINDS); // [hour, kind] under the scenario weighed last
  readonly #users: Base['users'];
  readonly #groupOfAge = Uint8Array.from({ length: 256 }, (_, age) => ageGroupIndex(age));
  readonly #scores = new Float64Array(KINDS); // mean propensity but for the hour
  readonly #hours: readonly (readonly number[])[]; // [group][hour]
  #scenario: BuyerShares | null = null;

  constructor(users: Base['users'], { propensity }: ShopSettings) {
    this.#users = users;
    this.#hours = AGE_GROUPS.map((name) => propensity.timeVariation[name]);
    for (let kind = 0; kind < KINDS; kind++) {
      const marketingAgree = (kind & 4) !== 0;
      const score = calculateBaseScore(
        {
          age: ((kind >> 5) + 1) * 10,
          gender: kind & 16 ? 'F' : 'M',
          status: kind & 8 ? 'ACTIVE' : 'DORMANT',
          marketingAgree,
          grade: GRADES[kind & 3],
        },
        propensity,
      );
      this.#scores[kind] = score * meanBoost(marketingAgree, propensity);
    }
  }

  of(user: number, grade: number): number {
    const { age, female, active, marketing } = this.#users;
    const traits = (female[user] << 4) | (active[user] << 3) | (marketing[user] << 2) | grade;
    return (this.#groupOfAge[age[user]] << 5) | traits;
  }

  propensity(kind: number, hour: number): number {
    return this.#scores[kind] * this.#hours[kind >> 5][hour];
  }

  /** Fills `weights` for a scenario. */
  weigh(scenario: BuyerShares): void {
    if (this.#scenario === scenario) return;
    this.#scenario = scenario;
    for (let hour = 0; hour < 24; hour++) {
      for (let kind = 0; kind < KINDS; kind++) {
        const gender = kind & 16 ? scenario.gender.F : scenario.gender.M;
        const weight = buyerWeight(this.propensity(kind, hour), gender, scenario.ages[kind >> 5]);
        this.weights[hour * KINDS + kind] = weight;
      }
    }
  }
}
