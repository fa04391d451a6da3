import { afterAll, beforeEach, expect, test } from 'bun:test';

import { HOUR_MS, seoulMidnight, seoulTime } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { REAL_TIME, type Time } from '../base/time.ts';
import { Timetable } from '../base/timetable.ts';
import { until } from '../base/testing.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from '../store/client.ts';
import { lastRuns, type JobRun } from '../store/job-runs.ts';
import { migrate } from '../store/migrate.ts';
import type { Job } from './job.ts';
import { runJob } from './job-run.ts';
import { JobSchedule } from './job-schedule.ts';

const { url, drop } = await testDatabase('jobs');
const client = await connect(url);
await migrate(client);
const never = new AbortController().signal;
const MINUTE_MS = 60_000;

/** Time that moves only where a test moves it; waits are real. */
const clock = { nowMs: 0 };
const time: Time = { ...REAL_TIME, now: () => clock.nowMs };
const at = (year: number, month: number, day: number, hour = 0): number =>
  seoulMidnight(year, month, day) + hour * HOUR_MS;

let work: Job['work'];
let worked: string[]; // month and moment of each

beforeEach(async () => {
  await client.query('truncate jobs, job_runs restart identity');
  worked = [];
  work = async (month) => {
    worked.push(`${month} at ${seoulTime(clock.nowMs)}`);
    clock.nowMs += 10 * MINUTE_MS;
    return { rows: 7 };
  };
});

afterAll(async () => {
  await client.end();
  await drop();
});

const jobOf = (cron = '0 2 1 * *'): Job => ({
  name: 'monthly',
  does: 'counts months',
  timetable: Timetable.parse(cron, 'cron'),
  work: async (month, options) => await work(month, options),
});

/** A schedule as a process has it: it knows nothing but what is stored. */
const started = (cron?: string, signal = never): JobSchedule =>
  new JobSchedule(url, jobOf(cron), { time, signal });

/** Looks whenever the schedule wants to, until a moment. */
async function passUntil(untilMs: number, schedule = started()): Promise<void> {
  for (;;) {
    const nextMs = await schedule.look();
    if (nextMs > untilMs) break;
    clock.nowMs = Math.max(clock.nowMs, nextMs);
  }
  clock.nowMs = untilMs;
}

const runs = async (): Promise<JobRun[]> => (await lastRuns(client, { count: 100 })).toReversed();
const outcomes = async (): Promise<string[]> =>
  (await runs()).map(({ month, outcome }) => `${month} ${outcome}`);

test('a year in which nothing goes wrong: twelve months, each begun when it was due', async () => {
  clock.nowMs = at(2025, 1, 15);
  await passUntil(at(2026, 1, 15));
  const months = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(
    (month) => `2025-${String(month).padStart(2, '0')}`,
  );
  const wanted = [...months, '2026-01'];
  expect(worked).toEqual(wanted.map((month) => `${month} at ${month}-01 02:00:00`));
  expect(await outcomes()).toEqual(wanted.map((month) => `${month} done`));
  expect((await runs())[0]).toMatchObject({
    job: 'monthly',
    startedBy: 'schedule',
    dueMs: at(2025, 2, 1, 2),
    startedMs: at(2025, 2, 1, 2),
    endedMs: at(2025, 2, 1, 2) + 10 * MINUTE_MS,
    rows: 7,
    error: null,
    pid: process.pid,
  });
});

test('before the first start nothing was missed', async () => {
  clock.nowMs = at(2025, 12, 1, 3);
  await passUntil(at(2025, 12, 31));
  expect(await outcomes()).toEqual([]);
});

test('a machine that was off makes up for the last turn, once; those before are missed', async () => {
  clock.nowMs = at(2025, 8, 15);
  await started().look();
  clock.nowMs = at(2025, 12, 20, 9);
  await passUntil(at(2025, 12, 25));
  await passUntil(at(2025, 12, 30)); // and another start
  expect(worked).toEqual(['2025-12 at 2025-12-20 09:00:00']);
  expect(await outcomes()).toEqual([
    '2025-09 missed',
    '2025-10 missed',
    '2025-11 missed',
    '2025-12 done',
  ]);
  const [first] = await runs();
  expect(first).toMatchObject({ dueMs: at(2025, 9, 1, 2), startedMs: null, rows: null });
  expect(first.error).toContain('until the next turn was due, 2025-10-01 02:00:00');
});

test('another cron counts from the start that brought it', async () => {
  clock.nowMs = at(2025, 8, 15);
  await started().look();
  clock.nowMs = at(2025, 12, 20);
  await passUntil(at(2025, 12, 31), started('30 4 15 * *'));
  expect(await outcomes()).toEqual([]);
  await passUntil(at(2026, 1, 31), started('30 4 15 * *'));
  expect(worked).toEqual(['2026-01 at 2026-01-15 04:30:00']);
});

test('a failure is tried again, later and later; then the next month goes on', async () => {
  const good = work;
  const attempts: string[] = [];
  work = async (month, options) => {
    if (month !== '2025-11') return await good(month, options);
    attempts.push(seoulTime(clock.nowMs).slice(5, 16));
    throw new PipelineError('DATABASE_UNREACHABLE', 'RODB is away');
  };
  clock.nowMs = at(2025, 10, 15);
  await passUntil(at(2025, 12, 2));
  expect(attempts).toEqual([
    '11-01 02:00',
    '11-01 02:05',
    '11-01 02:15',
    '11-01 02:35',
    '11-01 03:15',
    '11-01 04:35',
    '11-01 07:15',
    '11-01 11:15',
  ]);
  expect(worked).toEqual(['2025-12 at 2025-12-01 02:00:00']);
  expect(await outcomes()).toEqual([...attempts.map(() => '2025-11 failed'), '2025-12 done']);
  expect((await runs())[0].error).toBe('DATABASE_UNREACHABLE: RODB is away');
});

test('a failure that passes costs one attempt', async () => {
  const good = work;
  work = async () => {
    work = good;
    throw new TypeError('a defect');
  };
  clock.nowMs = at(2025, 11, 30);
  await passUntil(at(2025, 12, 2));
  expect(worked).toEqual(['2025-12 at 2025-12-01 02:05:00']);
  const [failed, done] = await runs();
  expect([failed.outcome, failed.error]).toEqual(['failed', 'DEFECT: a defect']);
  expect(done.outcome).toBe('done');
});

test('of two schedules one runs, the other says so once and stands by', async () => {
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const good = work;
  work = async (month, options) => {
    begun.resolve();
    await go.promise;
    return await good(month, options);
  };
  clock.nowMs = at(2025, 11, 30);
  const [one, other] = [started(), started()];
  await one.look();
  await other.look();
  clock.nowMs = at(2025, 12, 1, 2);
  const running = one.look();
  await begun.promise;
  expect(await other.look()).toBe(clock.nowMs + MINUTE_MS);
  expect(await other.look()).toBe(clock.nowMs + MINUTE_MS);
  expect(await outcomes()).toEqual(['2025-12 running', '2025-12 skipped']);
  expect((await runs())[1].error).toContain(
    `run 1 of 2025-12 is at work since 2025-12-01 02:00:00, as process ${process.pid} of `,
  );
  go.resolve();
  await running;
  expect(await other.look()).toBe(at(2026, 1, 1, 2));
  expect(await outcomes()).toEqual(['2025-12 done', '2025-12 skipped']);
  expect(worked).toHaveLength(1);
});

test('by hand: the same lock, the same history, and a month that is done is not done again', async () => {
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  work = async () => {
    begun.resolve();
    await go.promise;
    return { rows: 3 };
  };
  clock.nowMs = at(2025, 11, 30);
  const schedule = started();
  await schedule.look();
  clock.nowMs = at(2025, 12, 1, 2);
  const byHand = { month: '2025-12', dueMs: null, time, signal: never };
  const running = runJob(url, jobOf(), byHand);
  await begun.promise;
  expect(await runJob(url, jobOf(), byHand)).toMatchObject({
    outcome: 'skipped',
    why: expect.stringContaining('run 1 of 2025-12 is at work'),
  });
  await schedule.look();
  go.resolve();
  expect(await running).toMatchObject({ outcome: 'done', run: 1, rows: 3 });
  expect(await schedule.look()).toBe(at(2026, 1, 1, 2));
  expect((await runs()).map(({ startedBy, outcome }) => `${startedBy} ${outcome}`)).toEqual([
    'hand done',
    'hand skipped',
    'schedule skipped',
  ]);
});

test('a run that is told to stop says so, and the next start does its month', async () => {
  const stop = new AbortController();
  const good = work;
  work = async (_month, { signal }) => {
    stop.abort();
    if (!signal.aborted) throw new Error('the work was not told');
    throw new PipelineError('INTERRUPTED', 'stopped');
  };
  clock.nowMs = at(2025, 11, 30);
  await started().look();
  clock.nowMs = at(2025, 12, 1, 2);
  await started(undefined, stop.signal).look();
  expect(await outcomes()).toEqual(['2025-12 stopped']);
  work = good;
  await passUntil(at(2025, 12, 2));
  expect(await outcomes()).toEqual(['2025-12 stopped', '2025-12 done']);
});

test('work that does not heed the signal is left after three seconds', async () => {
  const stop = new AbortController();
  const ever = Promise.withResolvers<{ rows: number }>();
  work = async () => {
    stop.abort();
    return await ever.promise;
  };
  const byHand = { month: '2025-12', dueMs: null, time, signal: stop.signal };
  const startedMs = performance.now();
  expect(await runJob(url, jobOf(), byHand)).toMatchObject({ outcome: 'stopped' });
  expect(performance.now() - startedMs).toBeWithin(2_900, 4_500);
  ever.resolve({ rows: 0 });
}, 20_000);

test('who loses the connection that holds the job gives the work up, and it is done again', async () => {
  const good = work;
  const told = Promise.withResolvers<boolean>();
  work = async (_month, { signal }) => {
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'millrace job monthly'`);
    await until(async () => signal.aborted);
    told.resolve(signal.aborted);
    work = good;
    throw new PipelineError('INTERRUPTED', 'stopped');
  };
  clock.nowMs = at(2025, 11, 30);
  await started().look();
  clock.nowMs = at(2025, 12, 1, 2);
  await passUntil(at(2025, 12, 2));
  expect(await told.promise).toBe(true);
  const [first, second] = await runs();
  expect([first.outcome, first.error]).toEqual([
    'failed',
    'DATABASE_LOST: the connection that held monthly was lost, so the work was given up',
  ]);
  expect([second.outcome, second.startedMs]).toEqual(['done', at(2025, 12, 1, 2) + 5 * MINUTE_MS]);
});

test('one that is entered as running while nobody holds the job is read as lost', async () => {
  await client.query(`
    insert into job_runs (job, month, started_by, started_at, host, pid)
    values ('monthly', '2025-12-01', 'hand', now(), 'gone', 1)`);
  expect(await outcomes()).toEqual(['2025-12 lost']);
  await runJob(url, jobOf(), { month: '2025-12', dueMs: null, time, signal: never });
  const { rows } = await client.query('select outcome, error from job_runs order by run_id');
  expect(rows).toEqual([
    { outcome: 'lost', error: 'its process died' },
    { outcome: 'done', error: null },
  ]);
});

test('one that was given up for lost, and is done after all, is done', async () => {
  work = async () => {
    await client.query(`update job_runs set outcome = 'lost', ended_at = now()`);
    return { rows: 5 };
  };
  await runJob(url, jobOf(), { month: '2025-12', dueMs: null, time, signal: never });
  expect(await runs()).toMatchObject([{ outcome: 'done', rows: 5, error: null }]);
});
