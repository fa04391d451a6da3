import { expect, test } from 'bun:test';
import { PipelineError } from '../base/errors.ts';
import { planDays } from './calendar.ts';
import {
  packGrades,
  parseRunOptions,
  planOf,
  type RunOptions,
  unpackGrades,
  youngDays,
} from './rules.ts';
import { parseSettings } from './settings.ts';

const OPTIONS: RunOptions = {
  from: '2025-02',
  to: '2025-04',
  unit: 'carts',
  orders: 1_000,
  scenario: 7,
  seed: 42,
  settings: parseSettings({ calendar: { monthTargets: [1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1] } }),
  startGrades: packGrades(Uint8Array.from([0, 3, 1])),
  youngDays: { users: 3, products: 0 },
};

test('options come back from the ledger as they went in', () => {
  expect(parseRunOptions(JSON.parse(JSON.stringify(OPTIONS)))).toEqual(OPTIONS);
});

test('options that cannot be read are a conflict, settings that cannot be used are named', () => {
  const { youngDays: _days, ...early } = OPTIONS;
  expect(parseRunOptions(early)).toEqual(early);
  const { startGrades: _grades, ...older } = OPTIONS;
  for (const json of [null, {}, older, { ...OPTIONS, unit: 'boxes' }, { ...OPTIONS, seed: 0.5 }]) {
    expect(() => parseRunOptions(json)).toThrow(PipelineError);
    expect(() => parseRunOptions(json)).toThrow('another version made it');
  }
  expect(() => parseRunOptions({ ...OPTIONS, settings: { x: 1 } })).toThrow(
    'settings: x: there is',
  );
});

test('the plan is that of the calendar, by every part of the rules', () => {
  const months = { from: '2025-02', to: '2025-04', unit: 'carts' } as const;
  const { calendar } = OPTIONS.settings;
  expect(planOf(OPTIONS)).toEqual(planDays({ ...months, orders: 1_000, scenario: 7, calendar }));
  const all = { ...OPTIONS, orders: null, scenario: null };
  expect(planOf(all)).toEqual(planDays({ ...months, calendar }));
  expect(planOf(all)).not.toEqual(planOf(OPTIONS));
});

test('grades come back as they were, and only for as many customers', () => {
  const grades = Uint8Array.from({ length: 1_000 }, (_, user) => (user * user) % 4);
  expect(unpackGrades(packGrades(grades), 1_000)).toEqual(grades);
  expect(unpackGrades(packGrades(grades), 999)).toBeNull();
  expect(packGrades(new Uint8Array(1_000_000)).length).toBeLessThan(2_000);
});

test('a base is too young until the last whom a pool needs is registered', () => {
  const plans = planOf(OPTIONS);
  const half = { count: 3, createdAtMs: Float64Array.from([0, plans[9].startMs, Infinity]) };
  const base = { users: half, products: half };
  const { pools } = OPTIONS.settings;
  const young = (users: number, products: number): unknown => {
    const sized = {
      users: { ...pools.users, returning: users, new: 0 },
      products: { ...pools.products, popular: products, fresh: 0 },
    };
    const settings = { ...OPTIONS.settings, pools: { ...pools, ...sized } };
    return youngDays(base, settings, plans);
  };
  expect(young(1, 2)).toEqual({ users: 0, products: 9 }); // day 10 begins with both
  expect(young(3, 9)).toEqual({ users: plans.length, products: plans.length });
});
