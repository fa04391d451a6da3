import { expect, test } from 'bun:test';
import { HOUR_MS, seoulMidnight } from '../base/clock.ts';
import { planDays } from '../model/calendar.ts';
import { packGrades } from '../model/rules.ts';
import { parseSettings } from '../model/settings.ts';
import { expectedCarts, type ToldRun } from './expected-carts.ts';

const START = seoulMidnight(2025, 2, 1); // scenario 4: M 40, F 60, thirties 25

/** Five customers in their thirties, two of them women; pools of two buyers and one other. */
function told(part: Partial<ToldRun>, settings: object = {}): ToldRun {
  const pools = { users: { returning: 2, new: 1 }, randomDays: 0 };
  const startGrades = new Uint8Array(5);
  return {
    run: 1,
    options: {
      from: '2025-02',
      to: '2025-02',
      unit: 'carts',
      orders: null,
      scenario: null,
      seed: 1,
      settings: parseSettings({ pools, ...settings }),
      startGrades: packGrades(startGrades),
    },
    plans: planDays({ from: '2025-02', to: '2025-02', unit: 'carts' }).slice(0, 3),
    users: {
      count: 5,
      createdAtMs: Float64Array.from([1, 2, 3, 4, START + 1]),
      age: new Uint8Array(5).fill(33),
      female: Uint8Array.from([0, 1, 0, 1, 0]),
      active: new Uint8Array(5).fill(1),
      marketing: new Uint8Array(5),
      grade: startGrades,
      randomSeed: Float64Array.from([0.5, 0.1, 0.4, 0.2, 0.3]),
    },
    startGrades,
    activity: [],
    gradesGiven: [],
    cartsByHour: new Map(),
    ...part,
  };
}

/** Base scores: 25 + 12 or 15 + 20 + 8 + 10, times 40 or 60 of 50; the hour is the same for all. */
const MAN = 75 * 40;
const WOMAN = 78 * 60;

test('carts of an hour are shared by score and by the scenario’s shares, in the pool of the day', () => {
  const cartsByHour = new Map([[START + 9 * HOUR_MS, 100]]);
  // Nobody has bought: the three newest who have signed up, which are 3, 2 and 1.
  const { carts, outside } = expectedCarts(told({ cartsByHour }));
  const all = MAN + 2 * WOMAN;
  const shares = [0, WOMAN, MAN, WOMAN, 0].map((weight) => (100 * weight) / all);
  for (const [user, share] of shares.entries()) expect(carts[user]).toBeCloseTo(share, 9);
  expect(outside).toBe(0);
});

test('buyers go to the end of the line, and a grade counts from its midnight on', () => {
  const activity = [
    { user: 3, day: -1, lastMs: START - 5, carts: 0 },
    { user: 0, day: -1, lastMs: START - 9, carts: 0 },
    { user: 1, day: 0, lastMs: START + HOUR_MS, carts: 4 }, // not in that day's pool
    { user: 0, day: 0, lastMs: START + 2 * HOUR_MS, carts: 1 },
    { user: 4, day: 1, lastMs: 0, carts: 2 }, // all of it failed
  ];
  const second = START + 24 * HOUR_MS;
  const gradesGiven = [{ user: 3, atMs: second, grade: 3 }];
  const at = (ms: number): ToldRun =>
    told({ activity, gradesGiven, cartsByHour: new Map([[ms, 1]]) });
  const vip = (78 + 15) * 60;
  // Day 0: buyers 0 and 3, and 2, the newest signed up of the others. Day 1: 3, 1 and the new 4.
  const cases: [run: ToldRun, weights: number[]][] = [
    [at(START), [MAN, 0, MAN, WOMAN, 0]],
    [at(second), [0, WOMAN, 0, vip, MAN]],
  ];
  for (const [run, weights] of cases) {
    const { carts, outside } = expectedCarts(run);
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [user, weight] of weights.entries())
      expect(carts[user]).toBeCloseTo(weight / all, 9);
    expect(outside).toBe(4);
  }
});

test('only the highest scores buy where the settings say so', () => {
  const buyers = { choice: 'top', topN: 1 };
  const cartsByHour = new Map([[START, 7]]);
  const { carts } = expectedCarts(told({ cartsByHour }, { buyers }));
  expect([...carts]).toEqual([0, 0, 0, 7, 0]); // of the two women the one first in the pool
});

test('a random day takes part of the circle of random_seed', () => {
  const pools = { users: { returning: 2, new: 1 }, randomDays: 7 };
  const cartsByHour = new Map([[START, 1]]);
  const { carts } = expectedCarts(told({ cartsByHour }, { pools }));
  const circle = [1, 3, 2, 0]; // by random_seed; 4 has not signed up
  const bought = circle.map((user) => carts[user] > 0);
  expect(bought.filter(Boolean)).toHaveLength(3);
  expect(carts[4]).toBe(0);
});
