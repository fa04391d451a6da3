import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { query, type Client } from './client.ts';

/** The ledger of the recommender: what was begun, chunk by chunk what is stored, how it ended. */
export type Phase = 'ingest' | 'train' | 'run' | 'profile';

export type LedgerChunk = {
  chunk: number; // counts from 0
  firstCode: string | null;
  lastCode: string | null;
  rows: number;
  checksum: string;
  detail: unknown;
};

export type RecommendRun = { run: number; month: string; options: unknown; chunks: LedgerChunk[] };

/** Any constant: who holds it is the one that changes a month. */
const ADVISORY_LOCK = 4_711_011;
const CLAIM_MS_MAX = 5_000;
const CLAIM_POLL_MS = 20;

/**
 * Makes this connection the only one that works on the recommender's months, until it ends. One that
 * was killed just now may still have a transaction on its way to being stored, so connections whose
 * application name begins with `writers` are waited for.
 */
export async function claimMonths(client: Client, writers: string): Promise<void> {
  const doing = 'looking for a recommender at work';
  const until = monotonicMs() + CLAIM_MS_MAX;
  let held = false;
  while (monotonicMs() < until) {
    held ||= (
      await query<{ held: boolean }>(client, doing, 'select pg_try_advisory_lock($1) as held', [
        ADVISORY_LOCK,
      ])
    )[0].held;
    const busy = await query(
      client,
      doing,
      `select from pg_stat_activity where datname = current_database()
         and starts_with(application_name, $1) and pid <> pg_backend_pid() limit 1`,
      [writers],
    );
    if (held && busy.length === 0) return;
    await Bun.sleep(CLAIM_POLL_MS);
  }
  throw new PipelineError(
    'RUN_CONFLICT',
    'a recommender is at work in this database; wait for its end',
  );
}

/** Makes sure that a month's partition is there, and empties it if asked. */
export async function monthPartition(
  client: Client,
  table: string,
  month: string,
  emptied = false,
): Promise<void> {
  await query(
    client,
    `making the month of ${table}`,
    'select source.month_partition($1::text::regclass, $2::date, $3)',
    [table, month, emptied],
  );
}

/** Enters a run; an unfinished one of the same month and phase is over with it. */
export async function beginRecommendRun(
  client: Client,
  phase: Phase,
  month: string,
  options: unknown,
): Promise<number> {
  const doing = 'entering the run into the ledger';
  await query(
    client,
    doing,
    `update analytics.recommend_runs set state = 'discarded', finished_at = now()
     where snapshot_month = $1 and phase = $2 and state = 'running'`,
    [month, phase],
  );
  const [row] = await query<{ run: string }>(
    client,
    doing,
    `insert into analytics.recommend_runs (snapshot_month, phase, options)
     values ($1, $2, $3) returning run_id as run`,
    [month, phase, JSON.stringify(options)],
  );
  return Number(row.run);
}

/** The run of a month and phase that was begun and not ended, with its chunks in order. */
export async function unfinishedRecommendRun(
  client: Client,
  phase: Phase,
  month: string,
): Promise<RecommendRun | null> {
  const doing = 'looking for an unfinished run';
  const [row] = await query<{ run: string; options: unknown }>(
    client,
    doing,
    `select run_id as run, options from analytics.recommend_runs
     where snapshot_month = $1 and phase = $2 and state = 'running' order by run_id desc limit 1`,
    [month, phase],
  );
  if (!row) return null;
  const run = Number(row.run);
  const chunks = await query<LedgerChunk>(
    client,
    doing,
    `select chunk, first_code as "firstCode", last_code as "lastCode", row_count as rows,
       checksum, detail
     from analytics.recommend_chunks where run_id = $1 order by chunk`,
    [run],
  );
  return { run, month, options: row.options, chunks };
}

/** Enters stored chunks; to be called in the transaction that stores their rows. */
export async function enterChunks(
  client: Client,
  run: number,
  chunks: readonly LedgerChunk[],
): Promise<void> {
  await client.query(
    `insert into analytics.recommend_chunks
       (run_id, chunk, first_code, last_code, row_count, checksum, detail)
     select $1, * from unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::text[], $7::jsonb[])`,
    [
      run,
      chunks.map(({ chunk }) => chunk),
      chunks.map(({ firstCode }) => firstCode),
      chunks.map(({ lastCode }) => lastCode),
      chunks.map(({ rows }) => rows),
      chunks.map(({ checksum }) => checksum),
      chunks.map(({ detail }) => JSON.stringify(detail)),
    ],
  );
}

export async function finishRecommendRun(
  client: Client,
  run: number,
  end: { rows: number; checksum: string; result: unknown },
): Promise<void> {
  await query(
    client,
    'closing the run',
    `update analytics.recommend_runs set state = 'finished', finished_at = now(),
       row_count = $2, checksum = $3, result = $4
     where run_id = $1`,
    [run, end.rows, end.checksum, JSON.stringify(end.result)],
  );
}
