import { hostname } from 'node:os';

import { seoulTime } from '../base/clock.ts';
import { causeOf, isInterruption, PipelineError } from '../base/errors.ts';
import { retry } from '../base/retry.ts';
import { untilAborted } from '../base/shutdown.ts';
import type { Time } from '../base/time.ts';
import { connect, withClient, type Client } from '../store/client.ts';
import {
  beginRun,
  endLostRuns,
  endRun,
  enterNotBegun,
  holdJob,
  lastRuns,
  type JobTurn,
} from '../store/job-runs.ts';
import type { Job, JobWork } from './job.ts';

export type RunOptions = JobWork & {
  month: string; // 2025-12
  dueMs: number | null; // null: by hand
  time: Time;
  /** Asked by whom the job is held for: whether there is still something to do. */
  stillDue?: (client: Client) => Promise<boolean>;
  /** Whether a run that is not begun, since another one is running, is entered as skipped. */
  noteSkipped?: boolean;
  onBegin?: (run: number) => void;
};

export type RunEnd =
  | { outcome: 'done'; run: number; rows: number; seconds: number }
  | { outcome: 'failed' | 'stopped'; run: number; cause: unknown; seconds: number }
  | { outcome: 'skipped'; why: string }
  | { outcome: 'settled' }; // by somebody else, in the last moment

const STOP_MS_MAX = 3_000; // for work that was told to stop; then its transaction is undone
const HOLD_MS_MAX = 2_000;
const POLL_MS = 20;
const ENTER_ATTEMPTS_MAX = 12; // about half a minute

/** A machine that vanishes must not hold a job for the two hours that TCP would grant it. */
const HOLDER_SETTINGS = {
  tcp_keepalives_idle: 30,
  tcp_keepalives_interval: 10,
  tcp_keepalives_count: 3,
};

/**
 * Runs a job once, unless it is running, and enters what became of it. The connection that holds the
 * job is there as long as the work is; if it is lost, so is the right to the job, and the work is
 * told to stop. Throws only what keeps it from entering anything.
 */
export async function runJob(databaseUrl: string, job: Job, options: RunOptions): Promise<RunEnd> {
  const { time, stillDue, noteSkipped = true } = options;
  const turn: JobTurn = {
    job: job.name,
    month: options.month,
    dueMs: options.dueMs,
    host: hostname(),
    pid: process.pid,
  };
  const holder = await connect(databaseUrl, `millrace job ${job.name}`, {
    settings: HOLDER_SETTINGS,
  });
  try {
    const why = await runningElsewhere(holder, job.name);
    if (why !== null) {
      const skipped = { outcome: 'skipped', error: why, nowMs: time.now() } as const;
      if (noteSkipped) await enterNotBegun(holder, turn, skipped);
      return { outcome: 'skipped', why };
    }
    await endLostRuns(holder, job.name, time.now());
    if (stillDue && !(await stillDue(holder))) return { outcome: 'settled' };
    const run = await beginRun(holder, turn, time.now());
    options.onBegin?.(run);
    return await worked(databaseUrl, job, run, holder, options);
  } finally {
    await holder.end().catch(() => undefined); // already gone: there is nothing left to close
  }
}

async function worked(
  databaseUrl: string,
  job: Job,
  run: number,
  holder: Client,
  options: RunOptions,
): Promise<RunEnd> {
  const { time } = options;
  const startedMs = time.monotonicMs();
  const ended = await attempt(job, holder, options);
  const seconds = (time.monotonicMs() - startedMs) / 1_000;
  const rows = ended.outcome === 'done' ? ended.rows : null;
  const error = ended.outcome === 'done' ? null : errorText(ended.cause);
  const entry = { outcome: ended.outcome, rows, error, nowMs: time.now() };
  // Not by the holder: it may be the one that was lost. The signal must not keep the end from being entered.
  const entering = { what: 'job', time, signal: new AbortController().signal };
  await retry({ ...entering, attemptsMax: ENTER_ATTEMPTS_MAX }, () =>
    withClient(databaseUrl, (client) => endRun(client, run, entry)),
  );
  return { ...ended, run, seconds };
}

type Attempt =
  | { outcome: 'done'; rows: number }
  | { outcome: 'failed' | 'stopped'; cause: unknown };

async function attempt(
  { name, work }: Job,
  holder: Client,
  { month, signal, onProgress, time }: RunOptions,
): Promise<Attempt> {
  const lost = new AbortController();
  const lose = (): void => lost.abort();
  holder.once('end', lose);
  const over = new AbortController();
  try {
    const working = work(month, { signal: AbortSignal.any([signal, lost.signal]), onProgress });
    working.catch(() => undefined); // heard below, unless it was left
    const left = untilAborted(AbortSignal.any([signal, over.signal]))
      .then(() => time.sleep(STOP_MS_MAX, over.signal))
      .then(() => Promise.reject(new PipelineError('INTERRUPTED', 'stopped in the middle of it')));
    left.catch(() => undefined); // of no interest once the work has ended
    const { rows } = await Promise.race([working, left]);
    return { outcome: 'done', rows };
  } catch (cause) {
    if (!isInterruption(cause)) return { outcome: 'failed', cause };
    if (signal.aborted) return { outcome: 'stopped', cause };
    const message = `the connection that held ${name} was lost, so the work was given up`;
    return { outcome: 'failed', cause: new PipelineError('DATABASE_LOST', message, { cause }) };
  } finally {
    over.abort();
    holder.off('end', lose);
  }
}

/** Takes hold of a job: null. Or says who is at it; one that is about to begin or end is waited for. */
async function runningElsewhere(client: Client, job: string): Promise<string | null> {
  for (let waitedMs = 0; waitedMs < HOLD_MS_MAX; waitedMs += POLL_MS) {
    if (await holdJob(client, job)) return null;
    const [other] = await lastRuns(client, { job, outcome: 'running', count: 1 });
    if (other !== undefined) {
      const { run, host, pid, month, startedMs } = other;
      const since = startedMs === null ? '' : ` since ${seoulTime(startedMs)}`;
      return `run ${run} of ${month} is at work${since}, as process ${pid} of ${host}`;
    }
    await Bun.sleep(POLL_MS);
  }
  return `${job} is being started elsewhere`;
}

function errorText(cause: unknown): string {
  const { message } = causeOf(cause);
  return cause instanceof PipelineError ? `${cause.code}: ${message}` : `DEFECT: ${message}`;
}
