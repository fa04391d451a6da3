import { claim } from './claim.ts';
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

/** Makes this connection the only one that works on the recommender's months, until it ends. */
export async function claimMonths(client: Client, writers: string): Promise<void> {
  await claim(client, { lock: 4_711_011, writers, who: 'a recommender', waitMsMax: 5_000 });
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
  return await lastRun(client, phase, month, ['running']);
}

/** The last run of a month and phase where it was killed or has failed, with its chunks in order. */
export async function brokenRecommendRun(
  client: Client,
  phase: Phase,
  month: string,
): Promise<RecommendRun | null> {
  return await lastRun(client, phase, month, ['running', 'failed']);
}

/** Goes on with a run that may have failed. */
export async function resumeRecommendRun(client: Client, run: number): Promise<void> {
  const sql = `update analytics.recommend_runs set state = 'running', finished_at = null
    where run_id = $1`;
  await query(client, 'going on with the run', sql, [run]);
}

/** Ends a run that cannot be gone on with: what it stored is made anew. */
export async function discardRecommendRun(client: Client, run: number): Promise<void> {
  const sql = `update analytics.recommend_runs set state = 'discarded', finished_at = now()
    where run_id = $1`;
  await query(client, 'discarding the run', sql, [run]);
}

async function lastRun(
  client: Client,
  phase: Phase,
  month: string,
  states: readonly string[],
): Promise<RecommendRun | null> {
  const newest = await newestRun(client, phase, month);
  if (!newest || !states.includes(newest.state)) return null;
  const { run, options } = newest;
  const chunks = await query<LedgerChunk>(
    client,
    LOOKING,
    `select chunk, first_code as "firstCode", last_code as "lastCode", row_count as rows,
       checksum, detail
     from analytics.recommend_chunks where run_id = $1 order by chunk`,
    [run],
  );
  return { run, month, options, chunks };
}

export type LastIngest = {
  run: number;
  state: string;
  active: number | null; // customers it left; null: it did not say
};

/** The newest ingest of a month, finished or not: what the month's customers are of. Null if none. */
export async function lastIngest(client: Client, month: string): Promise<LastIngest | null> {
  return await newestRun(client, 'ingest', month);
}

const LOOKING = 'looking for the last run';

async function newestRun(
  client: Client,
  phase: Phase,
  month: string,
): Promise<(LastIngest & { options: unknown }) | null> {
  const [row] = await query<Omit<LastIngest, 'run'> & { run: string; options: unknown }>(
    client,
    LOOKING,
    `select run_id as run, options, state, (result ->> 'active')::float8 as active
     from analytics.recommend_runs
     where snapshot_month = $1 and phase = $2 order by run_id desc limit 1`,
    [month, phase],
  );
  return row ? { ...row, run: Number(row.run) } : null;
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
