import { PipelineError } from '../base/errors.ts';
import { query, transaction, withClient, type Client } from './client.ts';
import { databaseFailure } from './failure.ts';

/** A reader that never ends must not keep the swap, and with it all other readers, for ever. */
const LOCK_WAIT_MS_MAX = 60_000;

/** What is published by month, in the order in which it is locked. */
export const PUBLISHED = ['analytics.user_recommendation', 'analytics.cluster_profile'] as const;
export type Published = (typeof PUBLISHED)[number];

/** The table of a month: the one that is read, or the one that is being made. */
export function monthTable(parent: Published, month: string, kind: '' | '_new' = ''): string {
  if (!/^\d{4}-\d\d-01$/.test(month)) throw new RangeError(`${month} is not the first of a month`);
  return `${parent}_${month.slice(0, 7).replace('-', '_')}${kind}`;
}

/** Makes the table that a month's rows go to, beside the one that is read; `note` says who fills it. */
export async function beginMonth(
  client: Client,
  month: string,
  parent: Published,
  note: string,
): Promise<void> {
  const sql = 'select analytics.begin_month($1::text::regclass, $2, $3)';
  await query(client, `making a month of ${parent}`, sql, [parent, month, note]);
}

/** The note of a table that a run fills: its chunks in the ledger are of this table and no other. */
export const fillingNote = (run: number): string => `filled by run ${run}`;

/** Who fills the table that is being made of the month; null if there is none. */
export async function beginningNote(client: Client, month: string): Promise<string | null> {
  return await noteOf(client, monthTable('analytics.user_recommendation', month, '_new'));
}

/**
 * Runs `fill` and then has the month's tables that were made take the place of those that are read,
 * in one transaction. Until its end nobody sees anything of them, and whatever ends it early leaves
 * the month as it was. `note` names what made the tables.
 */
export async function publishMonth<Result>(
  client: Client,
  month: string,
  parents: readonly Published[],
  work: {
    fill: () => Promise<void>;
    note: string;
    keep: boolean; // what was read, for a rollback; else what is kept stays
    publishing: () => void;
    last: () => Promise<Result>;
  },
): Promise<Result> {
  return await transaction(client, 'publishing the month', async () => {
    await client.query(`set local lock_timeout = ${LOCK_WAIT_MS_MAX}`);
    await client.query(`set local maintenance_work_mem = '512MB'`);
    await work.fill();
    work.publishing();
    for (const parent of parents)
      await client.query('select analytics.publish_month($1::text::regclass, $2, $3, $4)', [
        parent,
        month,
        work.note,
        work.keep,
      ]);
    return await work.last();
  });
}

/** Puts the month back that was read before the last publication; doing it twice undoes it. */
export async function rollbackMonth(
  client: Client,
  month: string,
  lockWaitMsMax = LOCK_WAIT_MS_MAX,
): Promise<void> {
  await transaction(client, 'rolling the month back', async () => {
    await client.query(`set local lock_timeout = ${lockWaitMsMax}`);
    for (const parent of PUBLISHED) {
      const { rows } = await client.query<{ back: boolean }>(
        'select analytics.rollback_month($1::text::regclass, $2) as back',
        [parent, month],
      );
      if (rows[0].back || parent !== 'analytics.user_recommendation') continue;
      throw new PipelineError(
        'RUN_CONFLICT',
        `no earlier recommendations of ${month.slice(0, 7)} are kept; there is nothing to go back to`,
      );
    }
  });
}

/** What made the month that is read: the note of its publication; null if there is none. */
export async function publishedNote(client: Client, month: string): Promise<string | null> {
  return await noteOf(client, monthTable('analytics.user_recommendation', month));
}

async function noteOf(client: Client, table: string): Promise<string | null> {
  const sql = `select obj_description(to_regclass($1), 'pg_class') as note`;
  const [row] = await query<{ note: string | null }>(client, 'looking for the month', sql, [table]);
  return row.note;
}

/** A run that failed says so in the ledger, if the ledger can still be reached. */
export async function failRecommendRun(databaseUrl: string, run: number): Promise<void> {
  const entered = withClient(databaseUrl, async (client) => {
    await client.query(`set lock_timeout = '2s'`); // the lost connection may not be gone yet
    await client.query(
      `update analytics.recommend_runs set state = 'failed', finished_at = now()
       where run_id = $1 and state = 'running'`,
      [run],
    );
  });
  await entered.catch(() => undefined); // the failure that led here is the one to report
}

/** Lets the server notice soon that this process was killed, whatever it is doing for it. */
export async function noticeDeath(client: Client): Promise<void> {
  try {
    await client.query(`set client_connection_check_interval = '500ms'`);
  } catch (cause) {
    // Only some systems can tell; elsewhere the server notices at the next message.
    const failure = databaseFailure(cause, 'setting the check of the connection');
    if (failure.code !== 'DATABASE_FAILED') throw failure;
  }
}
