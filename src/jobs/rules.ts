import * as v from 'valibot';

import { PipelineError } from '../base/errors.ts';
import type { PlanUnit } from '../model/calendar.ts';
import { parseSettings, type ShopSettings } from '../model/settings.ts';

/** All that decides which rows a run makes. Kept in the ledger, so that a resumed run is the same. */
export type BackfillRules = {
  from: string; // 2025-01
  to: string;
  unit: PlanUnit;
  orders: number | null; // in the unit; null: the targets' own
  scenario: number | null; // one for all days; null: the calendar's
  seed: number;
  settings: ShopSettings;
};

const Stored = v.object({
  from: v.string(),
  to: v.string(),
  unit: v.picklist(['rows', 'carts']),
  orders: v.nullable(v.number()),
  scenario: v.nullable(v.number()),
  seed: v.pipe(v.number(), v.safeInteger()),
  settings: v.unknown(),
});

/** The rules as the ledger keeps them, checked, since another version may have written them. */
export function parseRules(json: unknown): BackfillRules {
  const parsed = v.safeParse(Stored, json);
  if (!parsed.success) {
    throw new PipelineError(
      'RUN_CONFLICT',
      `the run's options cannot be read (${parsed.issues[0].message}); discard it and start again`,
    );
  }
  return { ...parsed.output, settings: parseSettings(parsed.output.settings) };
}
