import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

import { wallClock } from '../base/clock.ts';
import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { until } from '../base/testing.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from '../store/client.ts';
import { lastRuns, type JobRun } from '../store/job-runs.ts';
import { migrate } from '../store/migrate.ts';
import { fillCustomers } from './customers.ts';
import { monthOf } from './job.ts';
import { recommendSettings } from './recommend-settings.ts';

setDefaultTimeout(60_000);

const modelsDir = mkdtempSync(join(tmpdir(), 'millrace-models-'));
const { url, drop } = await testDatabase('recommend job');
const client = await connect(url);
await migrate(client);
await fillCustomers(url, { count: 2_000, seed: 42, existing: 'refuse' });
const month = monthOf(wallClock());

afterAll(async () => {
  await client.end();
  await drop();
  rmSync(modelsDir, { recursive: true });
});

/** Due at this month's beginning, and scheduled before: whoever starts now has something to make up for. */
const CRON = '0 0 1 * *';
const SCRIPT = `
  const at = (file) => import(${JSON.stringify(`${PROJECT_ROOT}/src/`)} + file);
  const { JobSchedule } = await at('jobs/job-schedule.ts');
  const { recommendJob } = await at('jobs/recommend-job.ts');
  const { REAL_TIME } = await at('base/time.ts');
  const { withClient } = await at('store/client.ts');
  const { lastRuns } = await at('store/job-runs.ts');
  const [url, modelsDir, how] = process.argv.slice(1);
  const job = recommendJob(url, { cron: '${CRON}', modelsDir });
  const skipped = () => withClient(url, (client) => lastRuns(client, { outcome: 'skipped', count: 1 }));
  const work = async (...given) => {
    while (how === 'together' && (await skipped()).length === 0) await Bun.sleep(20);
    return await job.work(...given);
  };
  const schedule = new JobSchedule(url, { ...job, work }, {
    time: REAL_TIME,
    signal: new AbortController().signal,
    onProgress: (done, total, phase) => phase === how && process.kill(process.pid, 'SIGKILL'),
  });
  await schedule.look();
  process.exit();`;

const start = (how: string) =>
  Bun.spawn([process.execPath, '-e', SCRIPT, url, modelsDir, how], {
    env: childEnvironment(),
    stderr: 'inherit',
  });

async function scheduled(): Promise<void> {
  await client.query('truncate jobs, job_runs restart identity');
  await client.query(
    `insert into jobs values ('recommend', $1, date_trunc('month', now()) - interval '1 day')`,
    [CRON],
  );
}

const runs = async (): Promise<JobRun[]> => (await lastRuns(client, { count: 10 })).toReversed();

/** Customers recommended to in the month, and what the sources say of how many there should be. */
async function expectMonth(): Promise<number> {
  const { rows } = await client.query<{ recommended: number; active: number }>(
    `select (select count(*)::int from analytics.user_recommendation where snapshot_month = $1) as recommended,
       (select count(*)::int from source.customer_vector where snapshot_month = $1) as active`,
    [`${month}-01`],
  );
  expect(rows[0].active).toBeGreaterThan(1_000);
  expect(rows[0].recommended).toBe(rows[0].active);
  return rows[0].recommended;
}

test('killed in the middle, a run is lost; the next start says so and does the month', async () => {
  await scheduled();
  for (const phase of ['ingest', 'store']) expect(await start(phase).exited).toBe(137);
  // PostgreSQL notices that its client is gone a moment later, and lets go of the lock.
  await until(async () => (await runs()).every(({ outcome }) => outcome !== 'running'), 5_000);
  expect((await runs()).map(({ outcome }) => outcome)).toEqual(['lost', 'lost']);
  expect(await start('undisturbed').exited).toBe(0);
  const rows = await expectMonth();
  const all = await runs();
  expect(all).toMatchObject([
    { outcome: 'lost', error: 'its process died', rows: null },
    { outcome: 'lost', error: 'its process died', rows: null },
    { outcome: 'done', error: null, rows },
  ]);
  for (const run of all) {
    expect(run).toMatchObject({ job: 'recommend', month, startedBy: 'schedule', host: hostname() });
    expect(run.dueMs).toBe(all[0].dueMs);
  }
  expect(new Set(all.map(({ pid }) => pid)).size).toBe(3);
  expect(await start('undisturbed').exited).toBe(0); // there is nothing left to do
  expect(await runs()).toHaveLength(3);
});

test('of two processes at once one does the month, and the other is entered as skipped', async () => {
  await scheduled();
  const both = [start('together'), start('together')];
  expect(await Promise.all(both.map(({ exited }) => exited))).toEqual([0, 0]);
  const all = await runs();
  const rows = await expectMonth();
  expect(all).toMatchObject([
    { outcome: 'done', rows, month },
    { outcome: 'skipped', rows: null, startedMs: null, month },
  ]);
  expect(new Set(all.map(({ pid }) => pid))).toEqual(new Set(both.map(({ pid }) => pid)));
  expect(all[1].error).toContain(`run 1 of ${month} is at work since `);
  expect(all[1].error).toContain(`as process ${all[0].pid} of ${hostname()}`);
});

test('the schedule is that of the first of the month at two, and reads what the environment says', () => {
  expect(recommendSettings().cron).toBe('0 2 1 * *');
  const script = `const { recommendSettings } = await import('${PROJECT_ROOT}/src/jobs/recommend-settings.ts');
    try { console.log(recommendSettings().cron) } catch (cause) { console.log(cause.code, cause.message) }`;
  const said = (cron: string): string =>
    Bun.spawnSync([process.execPath, '-e', script], {
      env: childEnvironment({ MILLRACE_RECOMMEND_CRON: cron }),
    }).stdout.toString();
  expect(said('30 4 15 * *')).toBe('30 4 15 * *\n');
  expect(said('')).toBe('0 2 1 * *\n');
  expect(said('30 25 15 * *')).toStartWith("USAGE MILLRACE_RECOMMEND_CRON '30 25 15 * *': ");
});
