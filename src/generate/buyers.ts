import type { Base } from '../model/base.ts';
import { GRADES } from '../model/grade.ts';
import { buyerWeight, calculateBaseScore, meanBoost } from '../model/propensity.ts';
import type { Scenario } from '../model/scenario.ts';
import type { ShopSettings } from '../model/settings.ts';
import { AGE_GROUPS, ageGroupIndex } from '../model/user.ts';

/**
 * Who buys at an hour: weighted choice over the day's pool by propensity x the scenario's shares of
 * gender and age (original-shop.md section 7). The promotion and the life event, which chance
 * decides anew for every cart, enter as their mean, so one table serves every cart of an hour.
 */
export class BuyerTable {
  readonly #settings: ShopSettings;
  readonly #scores: Scores;
  readonly #hours: (Float64Array | null)[] = Array.from({ length: 24 }, () => null);
  readonly #spare: Float64Array[] = [];
  readonly #base: Base['users'];
  #pool: Int32Array = new Int32Array(0);
  #grade: Uint8Array = new Uint8Array(0); // [pool] index into GRADES
  #scenario: Scenario | null = null;

  constructor(base: Base['users'], settings: ShopSettings) {
    this.#base = base;
    this.#settings = settings;
    this.#scores = new Scores(settings);
  }

  /** Takes the pool of a day, with the grades its members have on it. */
  open(pool: Int32Array, grade: Uint8Array, scenario: Scenario): void {
    this.#pool = pool;
    this.#grade = grade;
    this.#scenario = scenario;
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
    const size = this.#pool.length;
    const spare = this.#spare.pop();
    const sums = spare?.length === size ? spare : new Float64Array(size);
    this.#weigh(hour, sums);
    const { choice, topN } = this.#settings.buyers;
    if (choice === 'top' && topN < size) this.#keepTop(hour, sums, topN);
    for (let slot = 1; slot < size; slot++) sums[slot] += sums[slot - 1];
    return sums;
  }

  #weigh(
    hour: number,
    weights: Float64Array, // OUT [pool]
  ): void {
    const scenario = this.#scenario;
    if (!scenario) throw new Error('BuyerTable.open comes first');
    for (let slot = 0; slot < weights.length; slot++) {
      const user = this.#pool[slot];
      const group = this.#scores.groupOfAge[this.#base.age[user]];
      const propensity = this.#scores.of(this.#base, user, this.#grade[slot], hour);
      const gender = this.#base.female[user] === 1 ? scenario.gender.F : scenario.gender.M;
      weights[slot] = buyerWeight(propensity, gender, scenario.ages[group]);
    }
  }

  /** Only the `topN` of the highest propensity may buy (seed 001, select_top_buyers). */
  #keepTop(
    hour: number,
    weights: Float64Array, // IN OUT [pool]
    topN: number,
  ): void {
    const score = (slot: number): number =>
      this.#scores.of(this.#base, this.#pool[slot], this.#grade[slot], hour);
    const slots = Int32Array.from(weights.keys()).toSorted((a, b) => score(b) - score(a) || a - b);
    for (const slot of slots.subarray(topN)) weights[slot] = 0;
  }
}

/** Mean propensity by table: base score and boost by who the user is, times the hour's factor. */
class Scores {
  readonly groupOfAge = Uint8Array.from({ length: 256 }, (_, age) => ageGroupIndex(age));
  readonly #base: Float64Array; // [group, female, active, marketing, grade]
  readonly #hours: Float64Array; // [group, hour]

  constructor(settings: ShopSettings) {
    const { propensity } = settings;
    this.#base = new Float64Array(AGE_GROUPS.length * 32);
    this.#hours = new Float64Array(AGE_GROUPS.length * 24);
    for (const [group, name] of AGE_GROUPS.entries()) {
      this.#hours.set(propensity.timeVariation[name], group * 24);
      for (let key = 0; key < 32; key++) {
        const marketingAgree = (key & 4) !== 0;
        const rest = calculateBaseScore(
          {
            age: (group + 1) * 10,
            gender: key & 16 ? 'F' : 'M',
            status: key & 8 ? 'ACTIVE' : 'DORMANT',
            marketingAgree,
            grade: GRADES[key & 3],
          },
          propensity,
        );
        this.#base[group * 32 + key] = rest * meanBoost(marketingAgree, propensity);
      }
    }
  }

  of(users: Base['users'], user: number, grade: number, hour: number): number {
    const group = this.groupOfAge[users.age[user]];
    const key =
      (users.female[user] << 4) | (users.active[user] << 3) | (users.marketing[user] << 2) | grade;
    return this.#base[group * 32 + key] * this.#hours[group * 24 + hour];
  }
}
