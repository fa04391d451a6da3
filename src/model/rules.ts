import * as v from 'valibot';

import { PipelineError } from '../base/errors.ts';
import type { Base } from './base.ts';
import { type DayPlan, planDays, type PlanUnit } from './calendar.ts';
import { parseSettings, type ShopSettings } from './settings.ts';

/** All that is asked of a run: with the base and its grades, it decides every row. */
export type BackfillRules = {
  from: string; // 2025-01
  to: string;
  unit: PlanUnit;
  orders: number | null; // in the unit; null: the targets' own
  scenario: number | null; // one for all days; null: the calendar's
  seed: number;
  settings: ShopSettings;
};

/** What the ledger keeps of a run, so that it can be resumed and reported on. */
export type RunOptions = BackfillRules & {
  startGrades: string; // see packGrades
  youngDays?: YoungDays; // of the base the run began with; older runs did not keep it
};

/** How many days of a run, its first ones, begin with fewer members registered than a pool takes. */
export type YoungDays = { users: number; products: number };

const Stored = v.object({
  from: v.string(),
  to: v.string(),
  unit: v.picklist(['rows', 'carts']),
  orders: v.nullable(v.number()),
  scenario: v.nullable(v.number()),
  seed: v.pipe(v.number(), v.safeInteger()),
  settings: v.unknown(),
  startGrades: v.string(),
  youngDays: v.optional(v.object({ users: v.number(), products: v.number() })),
});

/** The options as the ledger keeps them, checked, since another version may have written them. */
export function parseRunOptions(json: unknown): RunOptions {
  const parsed = v.safeParse(Stored, json);
  if (!parsed.success) {
    throw new PipelineError(
      'RUN_CONFLICT',
      `the run's options cannot be read (${parsed.issues[0].message}): another version made it`,
    );
  }
  return { ...parsed.output, settings: parseSettings(parsed.output.settings) };
}

/** The days that the rules ask for. */
export function planOf(rules: Omit<BackfillRules, 'seed'>): DayPlan[] {
  return planDays({ ...rules, calendar: rules.settings.calendar });
}

/** Everybody's grade when a run began, in the order of the base; a few bytes where all are alike. */
export function packGrades(grades: Uint8Array): string {
  return Bun.deflateSync(Uint8Array.from(grades)).toBase64();
}

/** The grades of `count` customers; null if they are those of another base. */
export function unpackGrades(packed: string, count: number): Uint8Array | null {
  const grades = Bun.inflateSync(Uint8Array.fromBase64(packed));
  return grades.length === count ? grades : null;
}

/** In order of registration. */
type Members = Pick<Base['users'], 'count' | 'createdAtMs'>;

/** On these days pools take members that are registered later; see History. */
export function youngDays(
  { users, products }: { users: Members; products: Members },
  { pools }: ShopSettings,
  plans: readonly DayPlan[],
): YoungDays {
  // The last member without whom a pool cannot be filled; members are in order of registration.
  const days = ({ count, createdAtMs }: Members, size: number): number => {
    const fullMs = createdAtMs[Math.min(size, count) - 1];
    return plans.filter((plan) => plan.startMs < fullMs).length;
  };
  return {
    users: days(users, pools.users.returning + pools.users.new),
    products: days(products, pools.products.popular + pools.products.fresh),
  };
}
