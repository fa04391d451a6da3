import { describe, expect, test } from 'bun:test';
import { PipelineError } from '../base/errors.ts';
import {
  determineGrade,
  type Grade,
  type GradePresetName,
  gradePreset,
  GRADES,
  stepGrade,
} from './grade.ts';

// amount in won, orders: as the guides write them
const TABLES: Record<GradePresetName, [Grade, number, number][]> = {
  live: [
    ['VIP', 500_0000, 30],
    ['GOLD', 200_0000, 15],
    ['SILVER', 50_0000, 5],
  ],
  history: [
    ['VIP', 300_0000, 15],
    ['GOLD', 100_0000, 8],
    ['SILVER', 30_0000, 3],
  ],
  guide: [
    ['VIP', 200_0000, 10],
    ['GOLD', 100_0000, 8],
    ['SILVER', 30_0000, 3],
  ],
};

for (const preset of ['live', 'history', 'guide'] as const) {
  describe(`the criteria '${preset}'`, () => {
    for (const [index, [grade, amount, orders]] of TABLES[preset].entries()) {
      const below = TABLES[preset][index + 1]?.[0] ?? 'BRONZE';
      test(`${grade} takes both ${amount} won and ${orders} orders`, () => {
        expect(determineGrade(amount, orders, preset)).toBe(grade);
        expect(determineGrade(amount - 1, orders, preset)).toBe(below);
        expect(determineGrade(amount, orders - 1, preset)).toBe(below);
        expect(determineGrade(amount - 1, 1_000_000, preset)).toBe(below);
        expect(determineGrade(1e12, orders - 1, preset)).toBe(below);
        expect(determineGrade(amount, orders, gradePreset(preset))).toBe(grade);
      });
    }

    test('who has nothing is BRONZE, who has everything VIP', () => {
      expect(determineGrade(0, 0, preset)).toBe('BRONZE');
      expect(determineGrade(1e12, 1_000_000, preset)).toBe('VIP');
    });
  });
}

test('the live criteria are the default', () => {
  expect(determineGrade(3_000_000, 15)).toBe('GOLD');
  expect(determineGrade(3_000_000, 15, 'history')).toBe('VIP');
  expect(determineGrade(2_000_000, 10)).toBe('SILVER');
  expect(determineGrade(2_000_000, 10, 'guide')).toBe('VIP');
});

function gradeNamed(name: string): Grade {
  return GRADES[GRADES.findIndex((known) => known === name)];
}

test('grades rise at once and fall one step', () => {
  expect([...GRADES]).toEqual(['BRONZE', 'SILVER', 'GOLD', 'VIP']);
  // current, earned, after a pass
  const passes = `
    BRONZE BRONZE BRONZE | BRONZE SILVER SILVER | BRONZE GOLD GOLD | BRONZE VIP VIP
    SILVER BRONZE BRONZE | SILVER SILVER SILVER | SILVER GOLD GOLD | SILVER VIP VIP
    GOLD BRONZE SILVER   | GOLD SILVER SILVER   | GOLD GOLD GOLD   | GOLD VIP VIP
    VIP BRONZE GOLD      | VIP SILVER GOLD      | VIP GOLD GOLD    | VIP VIP VIP`;
  const cells = passes.trim().split(/\s*[|\n]\s*/);
  expect(cells).toHaveLength(16);
  for (const cell of cells) {
    const [current, earned, after] = cell.split(' ').map(gradeNamed);
    expect([cell, stepGrade(current, earned)]).toEqual([cell, after]);
    expect(stepGrade(current, earned, 'free')).toBe(earned);
  }
});

test('an unknown preset is refused, naming the known ones', () => {
  for (const name of ['gold', '', 'toString']) {
    expect(() => gradePreset(name)).toThrow(PipelineError);
    expect(() => gradePreset(name)).toThrow('live, history, guide');
  }
});
