import { query, type Client } from './client.ts';

/**
 * How a turn of a job stands:
 * - `running`: somebody is at it
 * - `done`
 * - `failed`: `error` says why
 * - `stopped`: its process was told to stop
 * - `lost`: its process died without a word
 * - `skipped`: not begun, since another one was running
 * - `missed`: not begun, since nobody was there, and a later turn was due by then
 */
export type JobOutcome = 'running' | 'done' | 'failed' | 'stopped' | 'lost' | 'skipped' | 'missed';

export type JobRun = {
  run: number;
  job: string;
  month: string; // 2025-12
  dueMs: number | null; // null: started by hand
  startedBy: 'schedule' | 'hand';
  outcome: JobOutcome;
  startedMs: number | null; // null: not begun
  endedMs: number | null; // of one not begun: when that was noted
  rows: number | null;
  error: string | null;
  host: string; // whose entry this is
  pid: number;
};

/** What a turn is about, and who enters it. */
export type JobTurn = Pick<JobRun, 'job' | 'month' | 'dueMs' | 'host' | 'pid'>;

const LOCK = 4_711_014;

/** Makes this connection the one that runs a job, until it ends; false if another is. */
export async function holdJob(client: Client, job: string): Promise<boolean> {
  const [{ held }] = await query<{ held: boolean }>(
    client,
    `looking for ${job} at work`,
    'select pg_try_advisory_lock($1, hashtext($2)) as held',
    [LOCK, job],
  );
  return held;
}

/**
 * Enters a job as scheduled and returns from when on its turns count: its first start with this cron.
 */
export async function enterJob(
  client: Client,
  job: string,
  cron: string,
  nowMs: number,
): Promise<number> {
  const [{ since }] = await query<{ since: Date }>(
    client,
    `entering ${job}`,
    `insert into jobs (job, cron, counts_from) values ($1, $2, $3)
     on conflict (job) do update set cron = excluded.cron, counts_from =
       case when jobs.cron = excluded.cron then jobs.counts_from else excluded.counts_from end
     returning counts_from as since`,
    [job, cron, new Date(nowMs)],
  );
  return since.getTime();
}

/** The cron that a job was last started with; null: never. */
export async function enteredCron(client: Client, job: string): Promise<string | null> {
  const rows = await query<{ cron: string }>(
    client,
    `looking for ${job}`,
    'select cron from jobs where job = $1',
    [job],
  );
  return rows[0]?.cron ?? null;
}

// One that is entered as running, and held by nobody, is lost: who finds it may say so.
const READ = `select run_id as run, job, to_char(month, 'YYYY-MM') as month, due_at as due, host, pid,
    started_by as "startedBy", started_at as started, ended_at as ended, row_count as rows, error,
    case when outcome = 'running' and not exists (
      select from pg_locks where locktype = 'advisory' and granted and objsubid = 2
        and database = (select oid from pg_database where datname = current_database())
        and classid::bigint = ${LOCK} and objid::bigint = hashtext(job)::bigint & 4294967295
    ) then 'lost' else outcome end as outcome
  from job_runs`;

type Row = Omit<JobRun, 'run' | 'dueMs' | 'startedMs' | 'endedMs' | 'rows'> & {
  run: string;
  due: Date | null;
  started: Date | null;
  ended: Date | null;
  rows: string | null;
};

/** All turns of a job that were due, or started by hand, at a moment or later; in order. */
export async function runsSince(client: Client, job: string, ms: number): Promise<JobRun[]> {
  const rows = await query<Row>(
    client,
    `reading the runs of ${job}`,
    `${READ} where job = $1 and coalesce(due_at, started_at, ended_at) >= $2 order by run_id`,
    [job, new Date(ms)],
  );
  return rows.map(runOf);
}

/** The last turns, newest first; of one job, of one outcome, or of all. */
export async function lastRuns(
  client: Client,
  { job, outcome, count }: { job?: string; outcome?: JobOutcome; count: number },
): Promise<JobRun[]> {
  const rows = await query<Row>(
    client,
    'reading the runs of jobs',
    `select * from (${READ}) r where ($1::text is null or job = $1)
       and ($2::text is null or outcome = $2) order by run::bigint desc limit $3`,
    [job ?? null, outcome ?? null, count],
  );
  return rows.map(runOf);
}

/** Enters a turn that was not begun; one that was missed is entered once. Returns its number. */
export async function enterNotBegun(
  client: Client,
  turn: JobTurn,
  { outcome, error, nowMs }: { outcome: 'skipped' | 'missed'; error: string; nowMs: number },
): Promise<number | null> {
  const rows = await query<{ run: string }>(
    client,
    `entering a run of ${turn.job}`,
    `insert into job_runs (job, month, due_at, host, pid, started_by, outcome, error, ended_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning run_id as run`,
    [...turnValues(turn), outcome, error, new Date(nowMs)],
  );
  return rows.length === 0 ? null : Number(rows[0].run);
}

/** Enters a turn as running; for the one that holds the job. */
export async function beginRun(client: Client, turn: JobTurn, nowMs: number): Promise<number> {
  const [{ run }] = await query<{ run: string }>(
    client,
    `entering a run of ${turn.job}`,
    `insert into job_runs (job, month, due_at, host, pid, started_by, started_at)
     values ($1, $2, $3, $4, $5, $6, $7) returning run_id as run`,
    [...turnValues(turn), new Date(nowMs)],
  );
  return Number(run);
}

/** Says of runs whose process died that they are lost; for the one that holds the job. */
export async function endLostRuns(client: Client, job: string, nowMs: number): Promise<void> {
  await query(
    client,
    `looking for lost runs of ${job}`,
    `update job_runs set outcome = 'lost', ended_at = $2, error = 'its process died'
     where job = $1 and outcome = 'running'`,
    [job, new Date(nowMs)],
  );
}

/** Says how a run ended. One that was given up for lost, and is done after all, is done. */
export async function endRun(
  client: Client,
  run: number,
  end: {
    outcome: 'done' | 'failed' | 'stopped';
    rows: number | null;
    error: string | null;
    nowMs: number;
  },
): Promise<void> {
  await query(
    client,
    `entering the end of run ${run}`,
    `update job_runs set outcome = $2, row_count = $3, error = $4, ended_at = $5
     where run_id = $1 and (outcome = 'running' or outcome = 'lost' and $2 = 'done')`,
    [run, end.outcome, end.rows, end.error, new Date(end.nowMs)],
  );
}

function turnValues({ job, month, dueMs, host, pid }: JobTurn): unknown[] {
  const due = dueMs === null ? null : new Date(dueMs);
  return [job, `${month}-01`, due, host, pid, due === null ? 'hand' : 'schedule'];
}

function runOf({ due, started, ended, run, rows, ...row }: Row): JobRun {
  return {
    ...row,
    run: Number(run),
    dueMs: due && due.getTime(),
    startedMs: started && started.getTime(),
    endedMs: ended && ended.getTime(),
    rows: rows === null ? null : Number(rows),
  };
}
