import { DAY_MS } from '../base/clock.ts';
import { GRADES } from '../model/grade.ts';
import { planOf, unpackGrades } from '../model/rules.ts';
import { fragmentId, loadBase, type LoadedBase } from '../store/base.ts';
import type { Client } from '../store/client.ts';
import type { Check } from './check.ts';
import { expectedCarts } from './expected-carts.ts';
import { historyChecks } from './history-checks.ts';
import {
  finishedRun,
  HistoryReader,
  type ExpectedByUser,
  type FinishedRun,
  type HourRow,
  type StoredHistory,
  type WorkedOut,
} from './stored-history.ts';

/**
 * Where the plan of age groups, genders and deciles comes from. `worked out`: anew, from the stored
 * rows and the model. `recorded`: users or products have changed since, so it is what the run itself
 * put down, and those lines test its draw and not its weights.
 */
export type BuyersPlan = 'worked out' | 'recorded';

/** Planned against actual of a finished backfill. Plain JSON. */
export type HistoryReport = {
  run: number;
  orders: number; // rows found
  carts: number;
  buyersPlan: BuyersPlan;
  passed: number;
  failed: number;
  checks: Check[];
};

/** Checks the stored rows of a run, the latest finished if none is given, against its rules. */
export async function reportHistory(client: Client, run?: number): Promise<HistoryReport> {
  const finished = await finishedRun(client, run ?? null);
  const plans = planOf(finished.options);
  const from = new Date(plans[0].startMs);
  const to = new Date(plans[plans.length - 1].startMs + DAY_MS);
  const stored = await HistoryReader.reading(client, [finished.run, from, to], (reader) =>
    readStored(client, reader, finished),
  );
  const orders = stored.hours.reduce((sum, row) => sum + row.orders, 0);
  const carts = stored.hours.reduce((sum, row) => sum + row.carts, 0);
  const checks = historyChecks({
    run: finished,
    rules: finished.options,
    plans,
    stored,
    orders,
    carts,
  });
  const passed = checks.filter((check) => check.pass).length;
  return {
    run: finished.run,
    orders,
    carts,
    buyersPlan: stored.workedOut ? 'worked out' : 'recorded',
    passed,
    failed: checks.length - passed,
    checks,
  };
}

async function readStored(
  client: Client,
  reader: HistoryReader,
  finished: FinishedRun,
): Promise<StoredHistory> {
  const rows = await reader.hours();
  const hours = rows.filter((row) => row.hour_ms !== null);
  const items = rows.filter((row) => row.hour_ms === null);
  const recorded = await reader.recorded();
  const { expected, workedOut } = (await workOut(client, reader, finished, hours, recorded)) ?? {
    expected: recorded,
    workedOut: null,
  };
  const { settings, youngDays = { users: 0, products: 0 } } = finished.options;
  const [{ startMs }] = planOf(finished.options);
  const fullMs = (days: number): number => startMs + days * DAY_MS;
  return {
    hours,
    items,
    users: await reader.users(expected, settings, fullMs(youngDays.users)),
    products: await reader.products(fullMs(youngDays.products)),
    wrongGrades: await reader.wrongGrades(),
    workedOut,
  };
}

/** Null where the base is no longer the run's. */
async function workOut(
  client: Client,
  reader: HistoryReader,
  { run, options, baseChecksum }: FinishedRun,
  hours: readonly HourRow[],
  recorded: ExpectedByUser,
): Promise<{ expected: ExpectedByUser; workedOut: WorkedOut } | null> {
  const loaded = await loadBase(client);
  const startGrades = unpackGrades(options.startGrades, loaded.base.users.count);
  if (loaded.checksum !== baseChecksum || !startGrades) return null;
  const index = indexOfUsers(loaded);
  const activity = (await reader.activity()).flatMap((row) => {
    const user = index.get(row.user_id);
    const lastMs = Math.round(row.last_ms ?? 0);
    return user === undefined ? [] : [{ user, day: row.day, lastMs, carts: row.carts }];
  });
  const gradesGiven = (await reader.changes()).flatMap((row) => {
    const user = index.get(row.user_id);
    const grade = GRADES.indexOf(row.to_grade);
    return user === undefined ? [] : [{ user, atMs: row.at_ms, grade }];
  });
  const cartsByHour = new Map<number, number>();
  for (const { hour_ms: hourMs, carts } of hours) {
    cartsByHour.set(hourMs ?? 0, (cartsByHour.get(hourMs ?? 0) ?? 0) + carts);
  }
  const { users } = loaded.base;
  const plans = planOf(options);
  const told = { run, options, plans, users, startGrades, activity, gradesGiven, cartsByHour };
  const { carts, outside } = expectedCarts(told);
  const userIds = [...index.keys()].filter((_, user) => carts[user] > 0);
  const expected = { userIds, carts: [...carts].filter((count) => count > 0) };
  return {
    expected,
    workedOut: { outside, recordedOtherwise: differing(expected, recorded) },
  };
}

/** In order of the base. */
function indexOfUsers({ base, fragments }: LoadedBase): Map<string, number> {
  const index = new Map<string, number>();
  for (let i = 0; i < base.users.count; i++) index.set(fragmentId(fragments.users, i), i);
  return index;
}

// Both add up the same shares, in another order.
const ROUNDING = 1e-9;

function differing(one: ExpectedByUser, other: ExpectedByUser): number {
  const others = new Map(other.userIds.map((userId, at) => [userId, other.carts[at]]));
  let found = 0;
  for (const [at, userId] of one.userIds.entries()) {
    const carts = one.carts[at];
    const difference = Math.abs(carts - (others.get(userId) ?? 0));
    if (difference > ROUNDING * Math.max(1, carts)) found++;
    others.delete(userId);
  }
  return found + others.size;
}
