import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { EXIT_CODES } from '../base/errors.ts';
import { testDatabase, type TestDatabase } from '../stack/testing.ts';
import { withClient } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase('jobs cli');
  await withClient(database.url, migrate);
});

afterAll(async () => await database.drop());

async function jobs(...words: string[]) {
  const command = [process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), 'jobs', ...words];
  const child = Bun.spawn(command, {
    env: childEnvironment({ DATABASE_URL: database.url, MILLRACE_RECOMMEND_CRON: '' }),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr, last: stdout.trim().split('\n').at(-1) ?? '' };
}

test('before anything ran, the list says when the job would be due, and that nobody keeps it', async () => {
  const { code, last } = await jobs('--json');
  expect(code).toBe(0);
  const { jobs: listed } = JSON.parse(last);
  expect(listed).toMatchObject([
    { job: 'recommend', cron: '0 2 1 * *', scheduled: false, lastDone: null, runs: [] },
  ]);
  const due = new Date(listed[0].nextDue);
  expect(due.getTime()).toBeWithin(Date.now(), Date.now() + 32 * 86_400_000);
  expect(due.toISOString().slice(11)).toBe('17:00:00.000Z'); // two o'clock in Seoul
  expect(new Date(due.getTime() + 9 * 3_600_000).getUTCDate()).toBe(1);
  expect((await jobs()).stdout).toContain('nobody keeps the schedule yet');
  expect((await jobs('history')).stdout).toBe('no job has run yet\n');
}, 60_000);

test('a run by hand that fails ends with the code of its failure, and is in the history', async () => {
  const { code, last } = await jobs('run', 'recommend', '--month', '2025-12', '--json');
  expect(code).toBe(EXIT_CODES.BASE_TOO_SMALL); // there are no customers
  const { error } = JSON.parse(last);
  const { runs } = JSON.parse((await jobs('history', '--json')).last);
  expect(runs).toMatchObject([
    {
      run: 1,
      job: 'recommend',
      month: '2025-12',
      startedBy: 'hand',
      outcome: 'failed',
      due: null,
      rows: null,
      seconds: expect.any(Number),
      error: `BASE_TOO_SMALL: ${error.message}`,
    },
  ]);
  const text = (await jobs()).stdout;
  expect(text).toMatch(/1 {2}recommend {2}2025-12 {2}failed {3}- .*hand, .*BASE_TOO_SMALL/);
}, 60_000);

test('what cannot be meant is refused, and help has the rules', async () => {
  expect(await jobs('run', 'recommend', '--month', '2025-13')).toMatchObject({
    code: EXIT_CODES.USAGE,
    stderr: expect.stringContaining('2025-13 is not a month'),
  });
  expect((await jobs('run', 'nightly')).stderr).toContain(
    "there is no job 'nightly'; there are: recommend",
  );
  expect((await jobs('history', '--job', 'nightly')).code).toBe(EXIT_CODES.USAGE);
  const { stdout } = await jobs('--help');
  for (const rule of ['Month', 'Overlap', 'Catch-up', 'Failure', 'Death'])
    expect(stdout).toContain(`\n  ${rule} `);
}, 60_000);
