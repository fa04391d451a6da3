import reportActivity from '../../sql/queries/report_activity.sql' with { type: 'text' };
import reportChanges from '../../sql/queries/report_changes.sql' with { type: 'text' };
import reportGrades from '../../sql/queries/report_grades.sql' with { type: 'text' };
import reportHours from '../../sql/queries/report_hours.sql' with { type: 'text' };
import reportProducts from '../../sql/queries/report_products.sql' with { type: 'text' };
import reportRun from '../../sql/queries/report_run.sql' with { type: 'text' };
import reportUsers from '../../sql/queries/report_users.sql' with { type: 'text' };
import { PipelineError } from '../base/errors.ts';
import type { Grade } from '../model/grade.ts';
import { ORDER_STATUSES, PAYMENT_METHODS } from '../model/order.ts';
import { calculateBaseScore, meanBoost } from '../model/propensity.ts';
import { parseRunOptions, type RunOptions } from '../model/rules.ts';
import type { ShopSettings } from '../model/settings.ts';
import { AGE_GROUPS, GENDERS, USER_STATUSES } from '../model/user.ts';
import { query, type Client } from '../store/client.ts';

/** A finished run as the ledger has it. With its base, `options` is all that decided its rows. */
export type FinishedRun = {
  run: number;
  options: RunOptions;
  baseChecksum: string;
  orders: number;
  carts: number;
};

/** Customers and how many carts were expected of each. */
export type ExpectedByUser = { userIds: string[]; carts: number[] };

/** See report_activity.sql and Activity. */
export type ActivityRow = { user_id: string; day: number; last_ms: number | null; carts: number };

export type ChangeRow = { user_id: string; at_ms: number; to_grade: Grade };

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
  early: number; // customers whose first order comes before their sign-up
  lent: number; // the same, on days on which the base was too young
  unlike: number | null; // rows
  misnamed: number | null; // rows
  wrong_lasts: number; // customers in all, on every row
};

export type ProductRow = {
  strangers: number;
  early: number;
  lent: number;
  wrong_counts: number;
};

/** What the stored rows say of a run, read by SQL that knows nothing of the generator. */
export type StoredHistory = {
  hours: HourRow[]; // by hour and scenario
  items: HourRow[]; // [10 at most] by place within the cart
  users: UserRow[];
  products: ProductRow;
  wrongGrades: number;
  workedOut: WorkedOut | null; // null: users or products are no longer those of the run
};

/** What only a report that works out who was to buy, and from which pool, can tell. */
export type WorkedOut = {
  outside: number; // carts of customers who were not in their day's pool
  recordedOtherwise: number; // customers of whom the run itself expected something else
};

export async function finishedRun(client: Client, run: number | null): Promise<FinishedRun> {
  type Row = Omit<FinishedRun, 'options' | 'baseChecksum'> & {
    options: unknown;
    base_checksum: string;
  };
  const [found] = await query<Row>(client, 'looking for a finished run', reportRun, [run]);
  if (found) {
    const { base_checksum: baseChecksum, orders, carts } = found;
    return { run: found.run, options: parseRunOptions(found.options), baseChecksum, orders, carts };
  }
  throw new PipelineError(
    'RUN_CONFLICT',
    run === null
      ? 'there is no finished backfill to report on; run `bun run millrace backfill` first'
      : `run ${run} is not a finished backfill; \`bun run millrace backfill --resume\` finishes one, ` +
          'and `bun run millrace report history` without a number takes the latest finished',
  );
}

const DOING = 'reading the stored history';

/** A run's rows between two moments, read by a few scans of orders, each spread over workers. */
export class HistoryReader {
  readonly #client: Client;
  readonly #own: [run: number, from: Date, to: Date];

  private constructor(client: Client, own: [number, Date, Date]) {
    this.#client = client;
    this.#own = own;
  }

  /** Reads with the memory and the workers that a report needs, and puts both back. */
  static async reading<Result>(
    client: Client,
    own: [run: number, from: Date, to: Date],
    work: (reader: HistoryReader) => Promise<Result>,
  ): Promise<Result> {
    await query(client, DOING, "set work_mem = '256MB'; set max_parallel_workers_per_gather = 6");
    try {
      return await work(new HistoryReader(client, own));
    } finally {
      await query(client, DOING, 'reset work_mem; reset max_parallel_workers_per_gather');
    }
  }

  async hours(): Promise<HourRow[]> {
    const values = [...this.#own, PAYMENT_METHODS, ORDER_STATUSES];
    return await query<HourRow>(this.#client, DOING, reportHours, values);
  }

  async activity(): Promise<ActivityRow[]> {
    return await query<ActivityRow>(this.#client, DOING, reportActivity, this.#own);
  }

  async changes(): Promise<ChangeRow[]> {
    return await query<ChangeRow>(this.#client, DOING, reportChanges, [this.#own[0]]);
  }

  /** What the run itself put down when it chose. */
  async recorded(): Promise<ExpectedByUser> {
    const rows = await query<{ user_id: string; carts: number }>(
      this.#client,
      DOING,
      'select user_id, carts from backfill_expected where run = $1',
      [this.#own[0]],
    );
    return { userIds: rows.map((row) => row.user_id), carts: rows.map((row) => row.carts) };
  }

  /** `fullMs`: when there were as many customers as a pool takes. */
  async users(
    expected: ExpectedByUser,
    settings: ShopSettings,
    fullMs: number,
  ): Promise<UserRow[]> {
    const { userIds, carts } = expected;
    const values = [...this.#own, ...scores(settings), userIds, carts, new Date(fullMs)];
    return await query<UserRow>(this.#client, DOING, reportUsers, values);
  }

  async products(fullMs: number): Promise<ProductRow> {
    const values = [...this.#own, new Date(fullMs)];
    return (await query<ProductRow>(this.#client, DOING, reportProducts, values))[0];
  }

  async wrongGrades(): Promise<number> {
    const rows = await query<{ wrong_grades: number }>(this.#client, DOING, reportGrades);
    return rows[0].wrong_grades;
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
