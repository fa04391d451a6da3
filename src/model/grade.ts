import { PipelineError } from '../base/errors.ts';

/** From the lowest to the highest. */
export const GRADES = ['BRONZE', 'SILVER', 'GOLD', 'VIP'] as const;
export type Grade = (typeof GRADES)[number];

/** What a grade takes: sums over the successful rows of the last six months, both of them. */
export type GradeRule = { grade: Grade; amountMin: number; ordersMin: number };

/** Highest grade first. Who meets no rule is BRONZE. */
export type GradeRules = readonly GradeRule[];

export const GRADE_PRESET_NAMES = ['live', 'history', 'guide'] as const;
export type GradePresetName = (typeof GRADE_PRESET_NAMES)[number];

export const GRADE_PRESETS: Readonly<Record<GradePresetName, GradeRules>> = {
  live: [
    { grade: 'VIP', amountMin: 5_000_000, ordersMin: 30 },
    { grade: 'GOLD', amountMin: 2_000_000, ordersMin: 15 },
    { grade: 'SILVER', amountMin: 500_000, ordersMin: 5 },
  ],
  history: [
    { grade: 'VIP', amountMin: 3_000_000, ordersMin: 15 },
    { grade: 'GOLD', amountMin: 1_000_000, ordersMin: 8 },
    { grade: 'SILVER', amountMin: 300_000, ordersMin: 3 },
  ],
  guide: [
    { grade: 'VIP', amountMin: 2_000_000, ordersMin: 10 },
    { grade: 'GOLD', amountMin: 1_000_000, ordersMin: 8 },
    { grade: 'SILVER', amountMin: 300_000, ordersMin: 3 },
  ],
};

/** `step`: a customer falls one grade a pass. `free`: at once to what is earned. */
export const DEMOTIONS = ['step', 'free'] as const;
export type Demotion = (typeof DEMOTIONS)[number];

/** The highest grade of which both conditions are met. */
export function determineGrade(
  amount: number, // won
  count: number, // rows of `orders`
  rules: GradePresetName | GradeRules = 'live',
): Grade {
  const table = typeof rules === 'string' ? GRADE_PRESETS[rules] : rules;
  for (const { grade, amountMin, ordersMin } of table) {
    if (amount >= amountMin && count >= ordersMin) return grade;
  }
  return 'BRONZE';
}

/** The grade after a pass: up at once, down as the policy says. */
export function stepGrade(current: Grade, earned: Grade, demotion: Demotion = 'step'): Grade {
  const now = GRADES.indexOf(current);
  if (demotion === 'free' || GRADES.indexOf(earned) >= now) return earned;
  return GRADES[now - 1];
}

/** The rules of a preset by name, or a USAGE error that names them all. */
export function gradePreset(
  name: string,
  presets: Readonly<Record<GradePresetName, GradeRules>> = GRADE_PRESETS,
): GradeRules {
  const known = GRADE_PRESET_NAMES.find((preset) => preset === name);
  if (known !== undefined) return presets[known];
  const names = GRADE_PRESET_NAMES.join(', ');
  throw new PipelineError('USAGE', `grade preset '${name}': there are ${names}`);
}
