import { describe, expect, test } from 'bun:test';
import { Random } from '../base/random.ts';
import {
  ageScore,
  applyLifeEvent,
  applyMarketingBoost,
  applyTimeVariation,
  buyerWeight,
  calculateBaseScore,
  calculatePropensity,
  DEFAULT_PROPENSITY,
  meanBoost,
  productWeight,
  type PropensitySettings,
  type Scored,
  selectTopBuyers,
} from './propensity.ts';
import { type AgeGroup, ageGroupIndex } from './user.ts';

const NOBODY: Scored = {
  age: 15,
  gender: 'M',
  status: 'DORMANT',
  marketingAgree: false,
  grade: 'BRONZE',
};

/** Values as they come from outside, where the types do not hold. */
function outside(values: Record<string, unknown>): Scored {
  return Object.assign({ ...NOBODY }, values);
}

describe('base scores', () => {
  const lowest = 12 + 12 + 5 + 8 + 10;
  const cells: [Partial<Scored>, number][] = [
    [{ age: 10 }, 12 - 12],
    [{ age: 19 }, 12 - 12],
    [{ age: 20 }, 20 - 12],
    [{ age: 29 }, 20 - 12],
    [{ age: 30 }, 25 - 12],
    [{ age: 39 }, 25 - 12],
    [{ age: 40 }, 22 - 12],
    [{ age: 49 }, 22 - 12],
    [{ age: 50 }, 18 - 12],
    [{ age: 69 }, 18 - 12],
    [{ age: 100 }, 18 - 12],
    [{ gender: 'M' }, 12 - 12],
    [{ gender: 'F' }, 15 - 12],
    [{ status: 'DORMANT' }, 5 - 5],
    [{ status: 'ACTIVE' }, 20 - 5],
    [{ marketingAgree: false }, 8 - 8],
    [{ marketingAgree: true }, 15 - 8],
    [{ grade: 'BRONZE' }, 10 - 10],
    [{ grade: 'SILVER' }, 15 - 10],
    [{ grade: 'GOLD' }, 20 - 10],
    [{ grade: 'VIP' }, 25 - 10],
  ];
  for (const [change, gain] of cells) {
    test(`${JSON.stringify(change)} adds ${gain} to the lowest score`, () => {
      expect(calculateBaseScore({ ...NOBODY, ...change })).toBe(lowest + gain);
    });
  }

  test('the worked example is 95', () => {
    const user: Scored = {
      age: 34,
      gender: 'F',
      status: 'ACTIVE',
      marketingAgree: true,
      grade: 'GOLD',
    };
    expect(calculateBaseScore(user)).toBe(95);
  });

  test('range from 47 to 100', () => {
    expect(calculateBaseScore(NOBODY)).toBe(47);
    expect(
      calculateBaseScore({
        age: 30,
        gender: 'F',
        status: 'ACTIVE',
        marketingAgree: true,
        grade: 'VIP',
      }),
    ).toBe(100);
  });

  test('unknown values have scores of their own, an unknown age is in its thirties', () => {
    expect(calculateBaseScore(outside({ gender: 'X' }))).toBe(47 - 12 + 12);
    expect(calculateBaseScore(outside({ status: '' }))).toBe(47 - 5 + 10);
    expect(calculateBaseScore(outside({ marketingAgree: undefined }))).toBe(47 - 8 + 8);
    expect(calculateBaseScore(outside({ grade: 'PLATINUM' }))).toBe(47 - 10 + 10);
    expect(calculateBaseScore(outside({ age: null }))).toBe(47 - 12 + 25);
    expect(calculateBaseScore(outside({ age: undefined }))).toBe(47 - 12 + 25);
    const without: PropensitySettings = { ...DEFAULT_PROPENSITY, age: JSON.parse('{}') };
    expect(ageScore('30대', without)).toBe(15);
  });
});

const GROUPS: AgeGroup[] = ['10대', '20대', '30대', '40대', '50대이상'];

// One line an hour, ages from the teens to past fifty.
const HOURS = `
0.8 0.7 0.3 0.2 0.1
0.5 0.4 0.1 0.1 0.1
0.2 0.2 0.1 0.1 0.1
0.1 0.1 0.1 0.1 0.1
0.1 0.1 0.1 0.1 0.1
0.1 0.1 0.1 0.2 0.3
0.2 0.2 0.3 0.4 0.5
0.3 0.4 0.5 0.6 0.8
0.4 0.6 0.7 0.8 1.0
0.5 0.7 0.9 1.0 1.3
0.6 0.8 1.0 1.2 1.5
0.7 1.0 1.2 1.3 1.6
0.9 1.3 1.4 1.4 1.4
0.8 1.1 1.2 1.2 1.2
0.7 0.9 1.0 1.0 1.0
0.8 0.8 0.9 0.9 0.9
0.9 0.9 0.8 0.8 0.8
1.0 1.0 0.9 0.9 0.7
1.2 1.3 1.1 1.1 0.8
1.4 1.5 1.5 1.4 1.0
1.6 1.7 1.8 1.6 1.1
1.8 1.8 1.6 1.3 0.8
1.5 1.5 1.0 0.8 0.5
1.2 1.0 0.5 0.4 0.2
`;

describe('variation by hour', () => {
  test('has these 24 times 5 cells', () => {
    const lines = HOURS.trim().split('\n');
    expect(lines).toHaveLength(24);
    for (const [hour, line] of lines.entries()) {
      const expected = line.split(' ').map((cell) => Number(cell) * 100);
      expect(GROUPS.map((group) => applyTimeVariation(100, group, hour))).toEqual(expected);
    }
  });

  // The guide's table: hours, then the lowest and highest cell of each age group.
  const RANGES: [number, number, string][] = [
    [0, 5, '0.1~0.8 0.1~0.7 0.1~0.3 0.1~0.2 0.1~0.3'], // the guide has 0.1 for past fifty
    [6, 9, '0.2~0.5 0.2~0.7 0.3~0.9 0.4~1 0.5~1.3'],
    [10, 12, '0.6~0.9 0.8~1.3 1~1.4 1.2~1.4 1.4~1.6'],
    [13, 17, '0.7~1 0.8~1.1 0.8~1.2 0.8~1.2 0.7~1.2'],
    [18, 19, '1.2~1.4 1.3~1.5 1.1~1.5 1.1~1.4 0.8~1'],
    [20, 21, '1.6~1.8 1.7~1.8 1.6~1.8 1.3~1.6 0.8~1.1'],
    [22, 23, '1.2~1.5 1~1.5 0.5~1 0.4~0.8 0.2~0.5'],
  ];
  for (const [from, to, expected] of RANGES) {
    test(`hours ${from} to ${to} span the ranges of the guide`, () => {
      const spans = GROUPS.map((group) => {
        const cells = [];
        for (let hour = from; hour <= to; hour++) cells.push(applyTimeVariation(1, group, hour));
        return `${Math.min(...cells)}~${Math.max(...cells)}`;
      });
      expect(spans.join(' ')).toBe(expected);
    });
  }

  test('past fifty, only five in the morning leaves the range of the guide', () => {
    const cells = [0, 1, 2, 3, 4, 5].map((hour) => applyTimeVariation(1, '50대이상', hour));
    expect(cells).toEqual([0.1, 0.1, 0.1, 0.1, 0.1, 0.3]);
  });
});

test('a promotion reaches a fifth of those who agreed', () => {
  expect(applyMarketingBoost(100, true, 0)).toBe(130);
  expect(applyMarketingBoost(100, true, 0.1999)).toBe(130);
  expect(applyMarketingBoost(100, true, 0.2)).toBe(100);
  expect(applyMarketingBoost(100, true, 0.99)).toBe(100);
  expect(applyMarketingBoost(100, false, 0)).toBe(100);
});

test('life is ordinary for 85, dear for 12 and very dear for 3 of 100', () => {
  const counts = new Map<number, number>();
  for (let i = 0; i < 100; i++) {
    const score = applyLifeEvent(10, (i + 0.5) / 100);
    counts.set(score, (counts.get(score) ?? 0) + 1);
  }
  expect([...counts]).toEqual([
    [10, 85],
    [15, 12],
    [30, 3],
  ]);
  expect(applyLifeEvent(10, 0)).toBe(10);
  expect(applyLifeEvent(10, 0.85)).toBe(15);
  expect(applyLifeEvent(10, 1 - 2 ** -32)).toBe(30);
});

test('the whole score is the product of its parts', () => {
  const user: Scored = {
    age: 34,
    gender: 'F',
    status: 'ACTIVE',
    marketingAgree: true,
    grade: 'GOLD',
  };
  const seen = new Set<number>();
  const random = new Random(1, 'propensity').at(0);
  for (let i = 0; i < 2000; i++) seen.add(calculatePropensity(user, 20, random));
  const expected = [1, 1.5, 3].flatMap((life) => [95 * 1.8 * life, 95 * 1.8 * 1.3 * life]);
  expect([...seen].toSorted((a, b) => a - b)).toEqual(expected.toSorted((a, b) => a - b));
});

test('a score takes two draws, whoever it is for', () => {
  for (const marketingAgree of [true, false]) {
    const random = new Random(1, 'propensity').at(5);
    calculatePropensity({ ...NOBODY, marketingAgree }, 3, random);
    const after = random.next();
    random.at(5).next();
    random.next();
    expect(random.next()).toBe(after);
  }
});

test('the mean boost is what the draws come to', () => {
  expect(meanBoost(false)).toBeCloseTo(1.12, 12);
  expect(meanBoost(true)).toBeCloseTo(1.06 * 1.12, 12);
  const settings: PropensitySettings = {
    ...DEFAULT_PROPENSITY,
    promotion: { chance: 0.5, factor: 2 },
    life: { weights: [1, 1, 2], factors: [1, 2, 4] },
  };
  expect(meanBoost(true, settings)).toBeCloseTo(1.5 * 2.75, 12);
  const random = new Random(3, 'propensity').at(0);
  const user: Scored = { ...NOBODY, marketingAgree: true };
  let sum = 0;
  for (let i = 0; i < 100_000; i++) sum += calculatePropensity(user, 17, random);
  const mean = 54 * 1 * 1.06 * 1.12; // teens at 17 o'clock: base 47 + 7
  expect(Math.abs(sum / 100_000 / mean - 1)).toBeLessThan(0.01);
});

describe('the best buyers', () => {
  const users = Array.from({ length: 1000 }, (_, index) => ({
    ...NOBODY,
    userId: `U_${String(index).padStart(8, '0')}`,
    age: 14 + (index % 50),
    grade: (['BRONZE', 'SILVER', 'GOLD', 'VIP'] as const)[index % 4],
  }));

  test('are 200 unless told, falling, and the same for the same seed', () => {
    const best = selectTopBuyers(users, undefined, 20, new Random(1, 'propensity').at(0));
    expect(best).toHaveLength(200);
    for (let i = 1; i < best.length; i++) {
      const [before, now] = [best[i - 1], best[i]];
      expect(before.score).toBeGreaterThanOrEqual(now.score);
      if (before.score === now.score) expect(before.user.userId < now.user.userId).toBe(true);
    }
    expect(selectTopBuyers(users, 200, 20, new Random(1, 'propensity').at(0))).toEqual(best);
  });

  test('are those a full sort finds', () => {
    const random = new Random(9, 'propensity').at(0);
    const scores = users.map((user) => calculatePropensity(user, 11, random));
    const lowest = scores.toSorted((a, b) => b - a)[9];
    const best = selectTopBuyers(users, 10, 11, new Random(9, 'propensity').at(0));
    expect(best).toHaveLength(10);
    expect(best[9].score).toBe(lowest);
    for (const { user, score } of best) expect(score).toBe(scores[users.indexOf(user)]);
  });

  test('are all there are, when there are fewer', () => {
    const random = new Random(1, 'propensity').at(0);
    expect(selectTopBuyers(users.slice(0, 3), 200, 20, random)).toHaveLength(3);
    expect(selectTopBuyers([], 200, 20, random)).toEqual([]);
  });
});

test('weights of buyers and articles have a floor', () => {
  expect(buyerWeight(95, 50, 20)).toBe(95);
  expect(buyerWeight(100, 90, 35)).toBeCloseTo(315, 10);
  expect(buyerWeight(5, 10, 1)).toBe(0.1);
  expect(productWeight(20, 18)).toBe(36);
  expect(productWeight(0.5, 2)).toBe(0.1);
  expect(productWeight(0.5, 3)).toBeCloseTo(0.15, 10);
});

test('ages fall into the groups of the guides', () => {
  const groups = [9, 14, 19, 20, 30, 40, 49, 50, 60, 99].map((age) => GROUPS[ageGroupIndex(age)]);
  expect(groups.join(' ')).toBe('10대 10대 10대 20대 30대 40대 40대 50대이상 50대이상 50대이상');
  expect(GROUPS[ageGroupIndex(undefined)]).toBe('30대');
});
