import gradePass from '../../sql/queries/grade_pass.sql' with { type: 'text' };
import gradesBeforeSql from '../../sql/queries/grades_before.sql' with { type: 'text' };
import { GRADES, type Demotion, type Grade, type GradeRules } from '../model/grade.ts';
import { query, transaction, type Client } from './client.ts';

export type GradePass = {
  total: number;
  promoted: number;
  demoted: number;
  kept: number;
  distribution: Record<Grade, number>;
};

export type GradeOptions = {
  asOfMs: number; // orders before this moment count
  windowMonths: number;
  preset: string; // its name, for the record
  rules: GradeRules;
  demotion: Demotion;
};

/** One pass over all customers: one set-based statement, one transaction. */
export async function passGrades(client: Client, options: GradeOptions): Promise<GradePass> {
  return await transaction(client, 'passing grades', async () => {
    // Two passes at once would both read the old grades; the second waits for the first.
    await client.query("select pg_advisory_xact_lock(hashtext('millrace grades'))");
    await client.query("set local work_mem = '256MB'");
    // A grade without a rule asks for null, which nobody reaches.
    const need = (grade: Grade, key: 'amountMin' | 'ordersMin'): number | null =>
      options.rules.find((rule) => rule.grade === grade)?.[key] ?? null;
    type Row = { total: string; promoted: string; demoted: string };
    const [row] = await query<Row>(client, 'passing grades', gradePass, [
      new Date(options.asOfMs),
      options.windowMonths,
      GRADES,
      GRADES.map((grade) => need(grade, 'amountMin')),
      GRADES.map((grade) => need(grade, 'ordersMin')),
      options.demotion === 'step',
      options.preset,
    ]);
    const total = Number(row.total);
    const promoted = Number(row.promoted);
    const demoted = Number(row.demoted);
    const distribution = await gradeDistribution(client);
    return { total, promoted, demoted, kept: total - promoted - demoted, distribution };
  });
}

/** How many customers hold each grade. */
export async function gradeDistribution(client: Client): Promise<Record<Grade, number>> {
  const rows = await query<{ grade: Grade; count: string }>(
    client,
    'counting grades',
    'select grade, count(*) from users group by grade',
  );
  const counts: Record<Grade, number> = { BRONZE: 0, SILVER: 0, GOLD: 0, VIP: 0 };
  for (const { grade, count } of rows) counts[grade] = Number(count);
  return counts;
}

/** What everybody whose grade was ever changed held at a moment, by the record of changes. */
export async function gradesBefore(client: Client, atMs: number): Promise<Map<string, Grade>> {
  const rows = await query<{ user_id: string; grade: Grade }>(
    client,
    'reading the grades held before',
    gradesBeforeSql,
    [new Date(atMs)],
  );
  return new Map(rows.map((row) => [row.user_id, row.grade]));
}

/** Whether a pass had any order to look at; if not, when the newest of all was made (null: there is none). */
export async function ordersInWindow(
  client: Client,
  { asOfMs, windowMonths }: Pick<GradeOptions, 'asOfMs' | 'windowMonths'>,
): Promise<{ any: true } | { any: false; newestMs: number | null }> {
  const doing = 'looking for orders in the window';
  const within = await query(
    client,
    doing,
    `select from orders
     where created_at >= $1::timestamptz - make_interval(months => $2) and created_at < $1 limit 1`,
    [new Date(asOfMs), windowMonths],
  );
  if (within.length > 0) return { any: true };
  const [row] = await query<{ newest: Date | null }>(
    client,
    doing,
    'select max(created_at) as newest from orders',
  );
  return { any: false, newestMs: row.newest?.getTime() ?? null };
}
