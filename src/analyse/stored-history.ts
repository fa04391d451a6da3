import reportGrades from '../../sql/queries/report_grades.sql' with { type: 'text' };
import reportHours from '../../sql/queries/report_hours.sql' with { type: 'text' };
import reportProducts from '../../sql/queries/report_products.sql' with { type: 'text' };
import reportRun from '../../sql/queries/report_run.sql' with { type: 'text' };
import reportUsers from '../../sql/queries/report_users.sql' with { type: 'text' };
import { PipelineError } from '../base/errors.ts';
import { ORDER_STATUSES, PAYMENT_METHODS } from '../model/order.ts';
import { calculateBaseScore, meanBoost } from '../model/propensity.ts';
import type { ShopSettings } from '../model/settings.ts';
import { AGE_GROUPS, GENDERS, USER_STATUSES } from '../model/user.ts';
import { query, type Client } from '../store/client.ts';

/** A finished run as the ledger has it. `options` is all that decided its rows. */
export type FinishedRun = { run: number; options: unknown; orders: number; carts: number };

/** One hour of one day of a run, or, where `hour_ms` is null, one place within its carts. */
export type HourRow = {
  hour_ms: number | null;
  scenario: number;
  item: number; // 0 is a cart's first row
  orders: number;
  carts: number;
  payments: number[]; // [4] carts, by PAYMENT_METHODS
  statuses: number[]; // [4] rows, by ORDER_STATUSES
  wrong_totals: number;
};

/** One kind of customer: as the customers' table has them, and as their orders say. */
export type UserRow = {
  decile: number | null; // 1..10 by propensity; null: the rules expected nothing of them
  age: number | null; // null: there is no such customer
  gender: string | null;
  user_gender: string | null; // as the orders say; null: the row holds what was expected
  user_age_group: string | null;
  expected: number; // carts
  carts: number;
  strangers: number | null; // rows
  unexpected: number | null; // carts
  early: number; // customers
  unlike: number | null; // rows
  wrong_lasts: number; // customers in all, on every row
};

export type ProductRow = { strangers: number; early: number; wrong_counts: number };

/** What the stored rows say of a run, read by SQL that knows nothing of the generator. */
export type StoredHistory = {
  hours: HourRow[]; // by hour and scenario
  items: HourRow[]; // [10 at most] by place within the cart
  users: UserRow[];
  products: ProductRow;
  wrongGrades: number;
};

export async function finishedRun(client: Client, run: number | null): Promise<FinishedRun> {
  const [found] = await query<FinishedRun>(client, 'looking for a finished run', reportRun, [run]);
  if (found) return found;
  throw new PipelineError(
    'RUN_CONFLICT',
    run === null
      ? 'there is no finished backfill to report on; run `millrace backfill` first'
      : `run ${run} is not a finished backfill; \`millrace backfill --resume\` finishes one, ` +
          'and `millrace report history` without a number takes the latest finished',
  );
}

/** Reads the rows of a run between two moments: three scans of orders, each spread over workers. */
export async function storedHistory(
  client: Client,
  run: number,
  fromMs: number,
  toMs: number,
  settings: ShopSettings,
): Promise<StoredHistory> {
  const own = [run, new Date(fromMs), new Date(toMs)];
  const doing = 'reading the stored history';
  await query(client, doing, "set work_mem = '256MB'; set max_parallel_workers_per_gather = 6");
  try {
    const values = [...own, PAYMENT_METHODS, ORDER_STATUSES];
    const rows = await query<HourRow>(client, doing, reportHours, values);
    const users = await query<UserRow>(client, doing, reportUsers, [...own, ...scores(settings)]);
    const [products] = await query<ProductRow>(client, doing, reportProducts, own);
    const [grades] = await query<{ wrong_grades: number }>(client, doing, reportGrades);
    return {
      hours: rows.filter((row) => row.hour_ms !== null),
      items: rows.filter((row) => row.hour_ms === null),
      users,
      products,
      wrongGrades: grades.wrong_grades,
    };
  } finally {
    await query(client, doing, 'reset work_mem; reset max_parallel_workers_per_gather');
  }
}

/** Columns of age group, gender, status, marketing and score: of a beginner of every kind. */
function scores({ propensity }: ShopSettings): unknown[][] {
  const rows = AGE_GROUPS.flatMap((_, group) =>
    GENDERS.flatMap((gender) =>
      USER_STATUSES.flatMap((status) =>
        [true, false].map((marketingAgree) => {
          const age = (group + 1) * 10;
          const user = { age, gender, status, marketingAgree, grade: 'BRONZE' as const };
          const score =
            calculateBaseScore(user, propensity) * meanBoost(marketingAgree, propensity);
          return [group, gender, status, marketingAgree, score];
        }),
      ),
    ),
  );
  return [0, 1, 2, 3, 4].map((column) => rows.map((row) => row[column]));
}
