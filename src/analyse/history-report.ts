import { DAY_MS } from '../base/clock.ts';
import { planDays } from '../model/calendar.ts';
import { parseSettings } from '../model/settings.ts';
import type { Client } from '../store/client.ts';
import type { Check } from './check.ts';
import { historyChecks, type RunRules } from './history-checks.ts';
import { finishedRun, storedHistory, type FinishedRun } from './stored-history.ts';

/** Planned against actual of a finished backfill. Plain JSON. */
export type HistoryReport = {
  run: number;
  orders: number; // rows found
  carts: number;
  passed: number;
  failed: number;
  checks: Check[];
};

/** Checks the stored rows of a run, the latest finished if none is given, against its rules. */
export async function reportHistory(client: Client, run?: number): Promise<HistoryReport> {
  const finished = await finishedRun(client, run ?? null);
  const rules = rulesOf(finished);
  const plans = planDays({
    from: rules.from,
    to: rules.to,
    unit: rules.unit,
    orders: rules.orders ?? undefined,
    scenario: rules.scenario ?? undefined,
    calendar: rules.settings.calendar,
  });
  const fromMs = plans[0].startMs;
  const toMs = plans[plans.length - 1].startMs + DAY_MS;
  const stored = await storedHistory(client, finished.run, fromMs, toMs, rules.settings);
  const orders = stored.hours.reduce((sum, row) => sum + row.orders, 0);
  const carts = stored.hours.reduce((sum, row) => sum + row.carts, 0);
  const checks = historyChecks({ run: finished, rules, plans, stored, orders, carts });
  const passed = checks.filter((check) => check.pass).length;
  return { run: finished.run, orders, carts, passed, failed: checks.length - passed, checks };
}

function rulesOf({ options }: FinishedRun): RunRules {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the ledger is written by the backfill alone
  const rules = options as RunRules;
  return { ...rules, settings: parseSettings(rules.settings) };
}
