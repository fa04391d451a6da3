import { describe, expect, test } from 'bun:test';
import { PipelineError } from '../base/errors.ts';
import { DEFAULT_SETTINGS, parseSettings } from './settings.ts';

test('nothing asked for is the defaults, as new objects', () => {
  const settings = parseSettings({});
  expect(settings).toEqual(DEFAULT_SETTINGS);
  expect(settings).not.toBe(DEFAULT_SETTINGS);
  expect(settings.propensity.life).not.toBe(DEFAULT_SETTINGS.propensity.life);
  expect(settings.calendar.monthTargets).not.toBe(DEFAULT_SETTINGS.calendar.monthTargets);
});

test('the defaults are those of the specification', () => {
  expect(DEFAULT_SETTINGS.pools).toEqual({
    users: { returning: 600, new: 400 },
    products: { popular: 700, fresh: 300 },
    randomDays: 7,
  });
  const { live, backfill, demotion, refreshDays, windowMonths } = DEFAULT_SETTINGS.grades;
  expect([live, backfill, demotion, refreshDays, windowMonths]).toEqual([
    'live',
    'history',
    'step',
    7,
    6,
  ]);
  const { ages, femaleShare, marketingShare, dormantShare, growth } = DEFAULT_SETTINGS.users;
  expect(ages.map((band) => band.join(' '))).toEqual([
    '14 19 8',
    '20 29 28',
    '30 39 28',
    '40 49 22',
    '50 69 14',
  ]);
  expect([femaleShare, marketingShare, dormantShare]).toEqual([0.5, 0.5, 0.2]);
  expect(growth).toEqual({ midpoint: 0.5, steepness: 10 });
  expect(DEFAULT_SETTINGS.products.priceBeta).toEqual({ alpha: 2, beta: 5 });
  expect(DEFAULT_SETTINGS.buyers).toEqual({ choice: 'weighted', topN: 200 });
  expect([...DEFAULT_SETTINGS.calendar.blackFridayFactors]).toEqual([2, 1.8]);
  const factors = [1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
  expect([...DEFAULT_SETTINGS.live.volumeFactors]).toEqual(factors);
});

test('the defaults pass their own check and travel between threads', () => {
  expect(parseSettings(structuredClone(DEFAULT_SETTINGS))).toEqual(DEFAULT_SETTINGS);
  expect(parseSettings(JSON.parse(JSON.stringify(DEFAULT_SETTINGS)))).toEqual(DEFAULT_SETTINGS);
});

test('a part overrides that part only', () => {
  const before = structuredClone(DEFAULT_SETTINGS);
  const settings = parseSettings({
    propensity: { age: { '30대': 40 }, promotion: { chance: 0.5 } },
    pools: { users: { returning: 10 } },
    grades: { presets: { live: [{ grade: 'VIP', amountMin: 1, ordersMin: 1 }] } },
    calendar: { blackFridayFactors: [3, 3] },
  });
  expect(settings.propensity.age).toEqual({ ...before.propensity.age, '30대': 40 });
  expect(settings.propensity.promotion).toEqual({ chance: 0.5, factor: 1.3 });
  expect(settings.propensity.life).toEqual(before.propensity.life);
  expect(settings.pools.users).toEqual({ returning: 10, new: 400 });
  expect(settings.grades.presets.live).toHaveLength(1);
  expect(settings.grades.presets.guide).toEqual(before.grades.presets.guide);
  expect(settings.calendar).toEqual({ ...before.calendar, blackFridayFactors: [3, 3] });
  expect(DEFAULT_SETTINGS).toEqual(before);
});

test('scenarios, categories, weeks and regions are overridden one by one', () => {
  const before = structuredClone(DEFAULT_SETTINGS);
  const settings = parseSettings({
    scenarios: {
      3: { gender: { F: 80 }, categories: { 캠핑: 40 } },
      20: { ages: [0, 0, 0, 0, 1] },
    },
    categories: { 캠핑: { quantityWeights: [1, 2, 3, 4] }, 골프: { frequency: 30 } },
    calendar: { weekFactors: { 1: [1, 2, 3, 4], 11: [5, 6] } },
    users: { regions: { 제주특별자치도: 50 } },
  });
  const [sale, even] = [before.scenarios[3], before.scenarios[20]];
  expect(settings.scenarios).toEqual({
    ...before.scenarios,
    3: { ...sale, gender: { M: 50, F: 80 }, categories: { ...sale.categories, 캠핑: 40 } },
    20: { ...even, ages: [0, 0, 0, 0, 1] },
  });
  expect(settings.categories).toEqual({
    ...before.categories,
    캠핑: { frequency: 4, quantityWeights: [1, 2, 3, 4] },
    골프: { frequency: 30, quantityWeights: [88, 12] },
  });
  expect(settings.calendar).toEqual({
    ...before.calendar,
    weekFactors: { ...before.calendar.weekFactors, 1: [1, 2, 3, 4], 11: [5, 6] },
  });
  expect(settings.users.regions).toEqual({ ...before.users.regions, 제주특별자치도: 50 });
  expect(DEFAULT_SETTINGS).toEqual(before);
});

test('a list in the payload is copied', () => {
  const payload = { calendar: { blackFridayFactors: [3, 3] } };
  const settings = parseSettings(payload);
  payload.calendar.blackFridayFactors[0] = 9;
  expect([...settings.calendar.blackFridayFactors]).toEqual([3, 3]);
});

function mapValues(record: Readonly<Record<string, number>>, value: number): object {
  return Object.fromEntries(Object.keys(record).map((key) => [key, value]));
}

describe('refuses', () => {
  const cases: [unknown, string][] = [
    [null, 'settings: must be an object'],
    [[], 'settings: must be an object'],
    [undefined, 'settings: must be an object'],
    [{ pools: [] }, 'settings: pools: must be an object'],
    ['x', 'settings: must be an object'],
    [{ colour: 1 }, 'settings: colour: there is no such setting'],
    [{ pools: { users: { old: 1 } } }, 'settings: pools.users.old: there is no such setting'],
    [JSON.parse('{"__proto__": {"polluted": 1}}'), 'settings: __proto__: there is no such'],
    [{ constructor: 1 }, 'settings: constructor: there is no such setting'],
    [{ pools: 7 }, 'settings: pools: must be an object'],
    [
      { propensity: { life: { weights: [1, 2] } } },
      'settings: propensity.life.weights: must have 3',
    ],
    [{ propensity: { life: { weights: [0, 0, 0] } } }, 'propensity.life.weights: must not be all'],
    [{ propensity: { life: { weights: [1, -2, 3] } } }, 'propensity.life.weights.1: must not be'],
    [{ propensity: { life: { factors: 'x' } } }, 'propensity.life.factors: must be a list'],
    [
      { propensity: { promotion: { chance: 1.5 } } },
      'propensity.promotion.chance: must not be above',
    ],
    [{ propensity: { age: { '30대': '25' } } }, 'propensity.age.30대: must be a number'],
    [{ hourlyMultiplier: [1] }, 'hourlyMultiplier: must have 24'],
    [{ scenarios: { 21: {} } }, 'scenarios.21: there is no such setting; there are 0, 1,'],
    [{ scenarios: { 3: { volume: [1, 2] } } }, 'scenarios.3.volume: there is no such setting'],
    [{ scenarios: { 3: { ages: [1, 2] } } }, 'scenarios.3.ages: must have 5 numbers'],
    [{ scenarios: { 3: { gender: { M: -1 } } } }, 'scenarios.3.gender.M: must not be below 0'],
    [
      { scenarios: { 3: { categories: { 배: 1 } } } },
      'scenarios.3.categories.배: there is no such',
    ],
    [{ scenarios: [] }, 'scenarios: must be an object'],
    [{ categories: { 캠핑: { frequency: '4' } } }, 'categories.캠핑.frequency: must be a number'],
    [{ categories: { 캠핑: { quantityWeights: [] } } }, 'quantityWeights: must not be all zero'],
    [
      { categories: { 캠핑: { quantityWeights: Array(101).fill(1) } } },
      'quantityWeights: must not have more than 100',
    ],
    [{ calendar: { weekFactors: { 13: [] } } }, 'calendar.weekFactors.13: there is no such'],
    [{ calendar: { weekFactors: { 1: [1, 1] } } }, 'calendar.weekFactors.1: must have 4 numbers'],
    [{ calendar: { weekFactors: { 11: [1, 1, 1, 1] } } }, 'weekFactors.11: must have 2 numbers'],
    [{ calendar: { weekFactors: { 2: [1, 1, 0, 1] } } }, 'weekFactors.2.2: must be above 0'],
    [{ users: { regions: { 서울: 1 } } }, 'users.regions.서울: there is no such setting'],
    [
      { users: { regions: mapValues(DEFAULT_SETTINGS.users.regions, 0) } },
      'users.regions: must not be all zero',
    ],
    [{ calendar: { dayFactors: [1, 1, 1, 1, 1, 1, 0] } }, 'calendar.dayFactors.6: must be above 0'],
    [{ calendar: { monthTargets: [1] } }, 'calendar.monthTargets: must have 12'],
    [{ grades: { live: 'gold' } }, 'grades.live: must be one of live, history, guide'],
    [{ grades: { demotion: 'none' } }, 'grades.demotion: must be one of step, free'],
    [{ grades: { windowMonths: 0 } }, 'grades.windowMonths: must not be below 1'],
    [{ buyers: { topN: 1.5 } }, 'buyers.topN: must be a whole number'],
    [{ orders: { statusShares: { Success: 0.5 } } }, 'orders.statusShares: must add up to 1'],
    [{ orders: { shippingCosts: [] } }, 'orders.shippingCosts: must have a cost'],
    [{ orders: { paymentBands: [] } }, 'orders.paymentBands: must have a band'],
    [
      { orders: { paymentBands: [{ ageMin: 10, weights: [1, 1, 1, 1] }] } },
      'orders.paymentBands: must start at ageMin 0',
    ],
    [{ users: { ages: [[30, 20, 1]] } }, 'users.ages.0: must not end before it starts'],
    [{ users: { ages: [[3, 20, 1]] } }, 'users.ages.0.0: must not be below 14'],
    [{ users: { ages: [] } }, 'users.ages: must not be all zero'],
    [{ users: { femaleShare: Number.NaN } }, 'users.femaleShare: must be'],
    [{ users: { growth: { steepness: 0 } } }, 'users.growth.steepness: must be above 0'],
    [{ pools: { users: { returning: 0, new: 0 } } }, 'pools.users: must not be empty'],
    [{ products: { priceBeta: { alpha: Infinity } } }, 'products.priceBeta.alpha: must be finite'],
    [{ live: { volumeFactors: [1, 2, 3] } }, 'live.volumeFactors: must have 21'],
    [
      { live: { volumeFactors: Array(21).fill(0) } },
      'live.volumeFactors.0: must not be below 0.01',
    ],
    [
      { live: { volumeFactors: Array(21).fill(101) } },
      'live.volumeFactors.0: must not be above 100',
    ],
    [
      {
        grades: {
          presets: {
            live: [
              { grade: 'SILVER', amountMin: 1, ordersMin: 1 },
              { grade: 'VIP', amountMin: 2, ordersMin: 2 },
            ],
          },
        },
      },
      'grades.presets.live: must fall',
    ],
    [{ grades: { presets: { live: [{ grade: 'VIP' }] } } }, 'grades.presets.live.0.amountMin'],
  ];
  for (const [payload, message] of cases) {
    test(`${JSON.stringify(payload)} with '${message}'`, () => {
      expect(() => parseSettings(payload)).toThrow(PipelineError);
      expect(() => parseSettings(payload)).toThrow(message);
    });
  }
});
