import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { seoulDate } from '../../base/clock.ts';
import { childEnvironment, PROJECT_ROOT } from '../../base/config.ts';
import { logger, type LogFields } from '../../base/log.ts';
import { registry } from '../../base/metrics.ts';
import { fillCustomers } from '../../jobs/customers.ts';
import type { Check } from '../../show/server.ts';
import { testDatabase, type TestDatabase } from '../../stack/testing.ts';
import { withClient } from '../../store/client.ts';
import { migrate } from '../../store/migrate.ts';
import { configFromEnvironment } from '../config.ts';
import { runPart } from '../part.ts';
import { Vitals } from '../vitals.ts';
import { recommender } from './recommender.ts';

const modelsDir = mkdtempSync(join(tmpdir(), 'millrace-models-'));
const cron = '0 0 1 * *'; // this month's turn is past, whatever the day
let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase('recommender');
  await withClient(database.url, async (client) => {
    await migrate(client);
    await client.query(
      `insert into jobs values ('recommend', $1, date_trunc('month', now()) - interval '1 day')`,
      [cron],
    );
  });
});

afterAll(async () => {
  await database.drop();
  rmSync(modelsDir, { recursive: true });
});

/** Runs the part until a line of that kind has been seen. */
async function runUntil(last: string) {
  const lines: ({ msg: string } & LogFields)[] = [];
  const checks: Check[] = [];
  const stop = new AbortController();
  const vitals = Vitals.forParts(1);
  const log = logger('recommender', {
    level: 'debug',
    people: false,
    write: (text) => {
      lines.push(JSON.parse(text));
      if (lines.at(-1)?.msg === last) setTimeout(() => stop.abort(), 200);
    },
  });
  const databaseUrl = database.url;
  const config = configFromEnvironment({ databaseUrl, recommend: { cron, modelsDir } });
  const wiring = { name: 'recommender', config, vitals, slot: 0, log };
  const onCheck = (check: Check): void => void checks.push(check);
  const failure = await runPart(recommender, { ...wiring, onCheck }, stop);
  return { lines, checks, failure, ...vitals.read(0) };
}

async function metric(line: string): Promise<number> {
  const found = (await registry.metrics()).split('\n').find((one) => one.startsWith(`${line} `));
  return Number(found?.split(' ')[1]);
}

test('a month that fails only degrades, is counted, and is tried again', async () => {
  const ended = await runUntil('failed');
  expect(ended.failure).toBeNull();
  expect(ended.lines.at(-1)).toMatchObject({ level: 'error', code: 'BASE_TOO_SMALL', run: 1 });
  const failed = ended.checks.find(({ name }) => name === 'month');
  expect(failed).toMatchObject({ degrades: true, failure: expect.stringContaining('failed: ') });
  expect(await metric('millrace_job_runs_total{job="recommend",outcome="failed"}')).toBe(1);
  const inFiveMinutes = Date.now() / 1_000 + 300;
  const next = await metric('millrace_job_next_due_timestamp_seconds{job="recommend"}');
  expect(next).toBeWithin(inFiveMinutes - 30, inFiveMinutes + 1);
}, 60_000);

test('with customers it makes up for the month, and says when, how long and how many', async () => {
  await fillCustomers(database.url, { count: 2_000, seed: 42, existing: 'refuse' });
  await withClient(database.url, (client) => client.query('delete from job_runs'));
  const before = Date.now() / 1_000;
  const ended = await runUntil('recommended a month');
  expect(ended.failure).toBeNull();
  expect(ended.progress).toBe(1);
  expect(ended.checks).toContainEqual({ name: 'month', failure: null, degrades: true });
  const [begins, done] = ended.lines.slice(-2);
  const month = seoulDate(Date.now()).slice(0, 7);
  expect([begins.msg, begins['month'], done['month']]).toEqual(['begins a month', month, month]);
  const customers = Number(done['customers']);
  expect(customers).toBeGreaterThan(1_000);
  const job = '{job="recommend"}';
  expect(await metric(`millrace_job_rows_total${job}`)).toBe(customers);
  expect(await metric(`millrace_job_last_success_timestamp_seconds${job}`)).toBeGreaterThan(before);
  const seconds = await metric(`millrace_job_last_duration_seconds${job}`);
  expect(seconds).toBeWithin(0.01, 60);
  expect(await metric(`millrace_job_duration_seconds_sum${job}`)).toBeCloseTo(seconds, 6);
  expect(await metric(`millrace_job_running${job}`)).toBe(0);
  expect(await metric('millrace_job_runs_total{job="recommend",outcome="done"}')).toBe(1);
  const next = await metric(`millrace_job_next_due_timestamp_seconds${job}`);
  expect(seoulDate(next * 1_000)).toEndWith('-01');
}, 60_000);

test('as a process of its own it remembers the last month, and ends with 0 when it is told to', async () => {
  const child = Bun.spawn([process.execPath, join(PROJECT_ROOT, 'workers', 'recommender.ts')], {
    env: childEnvironment({
      DATABASE_URL: database.url,
      MILLRACE_RECOMMEND_CRON: cron,
      MILLRACE_HTTP_PORT: '0',
      MILLRACE_LOG: 'info',
    }),
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const url = await new Promise<string>((resolve) => {
    void child.stderr.pipeTo(
      new WritableStream({
        write: (bytes) => {
          const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(new TextDecoder().decode(bytes)) ?? [];
          if (found !== undefined) resolve(found);
        },
      }),
    );
  });
  let text = '';
  while (!text.includes('millrace_job_next_due_timestamp_seconds{job="recommend"}')) {
    await Bun.sleep(20);
    text = await (await fetch(`${url}/metrics`)).text();
  }
  expect(text).toMatch(/^millrace_job_last_success_timestamp_seconds\{job="recommend"\} 1\.?\d+/m);
  expect(text).toMatch(/^millrace_job_last_duration_seconds\{job="recommend"\} [\d.]+$/m);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
}, 60_000);
