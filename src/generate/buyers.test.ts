import { describe, expect, test } from 'bun:test';
import { Random } from '../base/random.ts';
import type { UserColumns } from '../model/base.ts';
import { GRADES } from '../model/grade.ts';
import {
  applyTimeVariation,
  buyerWeight,
  calculateBaseScore,
  meanBoost,
} from '../model/propensity.ts';
import { scenario } from '../model/scenario.ts';
import { DEFAULT_SETTINGS, type ShopSettings } from '../model/settings.ts';
import { AGE_GROUPS, ageGroupIndex } from '../model/user.ts';
import { BuyerTable } from './buyers.ts';

const random = new Random(7, 'user').at(0);
const COUNT = 400;
const bits = (): Uint8Array => Uint8Array.from({ length: COUNT }, () => random.below(2));
const users: UserColumns = {
  count: COUNT,
  createdAtMs: new Float64Array(COUNT),
  age: Uint8Array.from({ length: COUNT }, () => 5 + random.below(80)),
  female: bits(),
  active: bits(),
  marketing: bits(),
  grade: new Uint8Array(COUNT).fill(3), // not what counts: grades come with the day
  randomSeed: new Float64Array(COUNT),
};
const pool = Int32Array.from({ length: 150 }, (_, slot) => (slot * 7 + 3) % COUNT);
const grades = Uint8Array.from(pool, () => random.below(4));

/** The weight of each slot, from the rules' public functions alone. */
function weights(hour: number, number: number): number[] {
  return [...pool].map((user, slot) => {
    const rules = scenario(number);
    const group = ageGroupIndex(users.age[user]);
    const propensity = scoreOf(user, grades[slot], hour);
    const gender = users.female[user] ? rules.gender.F : rules.gender.M;
    return buyerWeight(propensity, gender, rules.ages[group]);
  });
}

function scoreOf(user: number, grade: number, hour: number): number {
  const marketingAgree = users.marketing[user] === 1;
  const base = calculateBaseScore({
    age: users.age[user],
    gender: users.female[user] ? 'F' : 'M',
    status: users.active[user] ? 'ACTIVE' : 'DORMANT',
    marketingAgree,
    grade: GRADES[grade],
  });
  const group = AGE_GROUPS[ageGroupIndex(users.age[user])];
  return applyTimeVariation(base, group, hour) * meanBoost(marketingAgree);
}

/** The slot that the running sum of the weights reaches first, found one by one. */
function slow(all: number[], u: number): number {
  let left = u * all.reduce((sum, weight) => sum + weight, 0);
  return all.findIndex((weight) => (left -= weight) < 0);
}

describe('weighted choice', () => {
  const table = new BuyerTable(users, DEFAULT_SETTINGS);
  for (const [hour, number] of [
    [0, 0],
    [13, 1],
    [20, 2],
    [4, 19],
  ]) {
    test(`at ${hour} in scenario ${number} each is picked as often as the rules weigh`, () => {
      table.open(pool, grades, scenario(number));
      const all = weights(hour, number);
      const total = all.reduce((sum, weight) => sum + weight, 0);
      const picks = 200_000;
      const seen = new Float64Array(pool.length);
      for (let i = 0; i < picks; i++) seen[table.pick(hour, random.next())]++;
      const chiSquare = all.reduce((sum, weight, slot) => {
        const expected = (picks * weight) / total;
        return sum + (seen[slot] - expected) ** 2 / expected;
      }, 0);
      const freedom = pool.length - 1;
      expect(Math.abs(chiSquare - freedom)).toBeLessThan(4 * Math.sqrt(2 * freedom));
      for (let i = 0; i < 2_000; i++) {
        const u = random.next();
        expect(table.pick(hour, u)).toBe(slow(all, u));
      }
    });
  }

  test('both ends of the uniform are somebody', () => {
    expect(table.pick(3, 0)).toBe(0);
    expect(table.pick(3, 1 - 2 ** -32)).toBe(pool.length - 1);
  });

  test('expected carts are shared by the same weights and add up', () => {
    table.open(pool, grades, scenario(5));
    const expected = new Float64Array(pool.length);
    table.addExpected(9, 700, expected);
    table.addExpected(21, 300, expected);
    const [nine, late] = [weights(9, 5), weights(21, 5)];
    const sums = [nine, late].map((all) => all.reduce((sum, weight) => sum + weight, 0));
    for (const slot of pool.keys()) {
      const share = (700 * nine[slot]) / sums[0] + (300 * late[slot]) / sums[1];
      expect(expected[slot]).toBeCloseTo(share, 8);
    }
  });

  test('a day with another pool is not the day before', () => {
    const short = pool.subarray(0, 1);
    table.open(short, grades, scenario(0));
    expect(table.pick(9, 0.99)).toBe(0);
  });
});

describe("choice 'top'", () => {
  const settings: ShopSettings = { ...DEFAULT_SETTINGS, buyers: { choice: 'top', topN: 20 } };

  test('only the topN of the highest propensity buy, by their weights', () => {
    const table = new BuyerTable(users, settings);
    table.open(pool, grades, scenario(3));
    const score = (slot: number): number => scoreOf(pool[slot], grades[slot], 20);
    const ranked = [...pool.keys()].toSorted((a, b) => score(b) - score(a) || a - b);
    const top = new Set(ranked.slice(0, 20));
    const all = weights(20, 3).map((weight, slot) => (top.has(slot) ? weight : 0));
    const seen = new Set<number>();
    for (let i = 0; i < 5_000; i++) {
      const u = random.next();
      const slot = table.pick(20, u);
      expect(slot).toBe(slow(all, u));
      seen.add(slot);
    }
    expect(seen).toEqual(top);
  });

  test('a pool no larger than topN is whole', () => {
    const table = new BuyerTable(users, { ...settings, buyers: { choice: 'top', topN: 150 } });
    table.open(pool, grades, scenario(3));
    const all = weights(8, 3);
    for (let i = 0; i < 1_000; i++) {
      const u = random.next();
      expect(table.pick(8, u)).toBe(slow(all, u));
    }
  });
});
