import type { Command } from 'commander';

import { monotonicMs, secondsSince, seoulMidnight, wallClock } from '../base/clock.ts';
import { redactUrl } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { abortOnSignal } from '../base/shutdown.ts';
import { columns, count, duration, say } from '../base/terminal.ts';
import type { BackfillRules } from '../model/rules.ts';
import { seedShop } from '../jobs/seed.ts';
import { gradePreset } from '../model/grade.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { down, up } from '../stack/postgres.ts';
import { withClient } from '../store/client.ts';
import { passGrades } from '../store/grades.ts';
import { migrate } from '../store/migrate.ts';
import { backfillWithProgress, summary } from './backfill.ts';
import { command, result, type Common } from './common.ts';
import { recommendDemo } from './demo-recommend.ts';
import { streamDemo } from './demo-stream.ts';
import { passLine } from './grades.ts';

const DATABASE = 'millrace_demo';
const YEAR_END_MS = seoulMidnight(2026, 1, 1);

/** Seconds of the Python programs for the same: seeding as measured, a year as stated (README). */
const BASELINE = { seed: 74, statedMin: 300, statedMax: 600 };

export function demoCommand(): Command {
  return command(
    'demo',
    'the whole of it, in a database of its own: seed, a year of orders, grades, recommendations, a live stream',
  )
    .option('--keep-running', 'leave PostgreSQL running afterwards')
    .action(run);
}

async function run(options: Common & { keepRunning?: boolean }): Promise<void> {
  const started = monotonicMs();
  const signal = abortOnSignal();
  const stack = options.databaseUrl
    ? { databaseUrl: options.databaseUrl, how: 'option', startedHere: false }
    : await up();
  try {
    goOn(signal);
    const url = await freshDatabase(stack.databaseUrl);
    const ready = secondsSince(started);
    say(`PostgreSQL ready after ${duration(ready)} (${stack.how}); database ${DATABASE} is new\n`);
    const settings = DEFAULT_SETTINGS;
    const seed = 42;
    const seeded = await seedShop(url, {
      users: 10_000,
      products: 20_000,
      seed,
      append: false,
      settings,
      signal,
    });
    goOn(signal);
    const rules: BackfillRules = {
      from: '2025-01',
      to: '2025-12',
      unit: 'rows',
      orders: null,
      scenario: null,
      seed,
      settings,
    };
    const made = await backfillWithProgress(url, rules, { threads: 1 }, signal);
    const gradesFrom = monotonicMs();
    const pass = await withClient(url, (client) =>
      passGrades(client, {
        asOfMs: YEAR_END_MS,
        windowMonths: settings.grades.windowMonths,
        preset: 'history',
        rules: gradePreset('history'),
        demotion: settings.grades.demotion,
      }),
    );
    const gradeSeconds = secondsSince(gradesFrom);
    goOn(signal);
    const recommended = await recommendDemo(url, signal);
    goOn(signal);
    const streamed = await streamDemo(url, signal);
    goOn(signal);
    result(
      options,
      {
        readySeconds: ready,
        seed: seeded,
        backfill: made,
        grades: { ...pass, seconds: gradeSeconds },
        recommend: recommended,
        stream: streamed,
      },
      () =>
        [
          summary(made),
          '',
          passLine(pass, 1, wallClock(), YEAR_END_MS),
          '',
          comparison(seeded.seconds, made.seconds, gradeSeconds),
          '',
          recommended.text,
          '',
          streamed.skipped ?? streamed.text,
          '',
          `Look at it: ${redactUrl(url)}`,
          `  \`bun run millrace up\` prints the address with its password; end it in /${DATABASE}, then`,
          '  psql "$DATABASE_URL" -c "select grade, count(*) from users group by grade"',
          '  psql "$DATABASE_URL" -c "select * from analytics.cluster_profile"',
          '  DATABASE_URL=... bun run millrace report history',
        ].join('\n'),
    );
  } finally {
    if (stack.startedHere && !options.keepRunning) await down();
  }
}

/** Between two steps: stops here when asked to, so that PostgreSQL is stopped too. */
function goOn(signal: AbortSignal): void {
  if (signal.aborted) throw new PipelineError('INTERRUPTED', 'the demo was stopped');
}

function comparison(seedSeconds: number, backfillSeconds: number, gradeSeconds: number): string {
  return columns(
    [
      ['', 'Millrace', 'Python original', 'ratio'],
      [
        'seed 10,000 users, 20,000 products',
        duration(seedSeconds),
        '74 s measured',
        times(BASELINE.seed, seedSeconds),
      ],
      [
        'a year of orders (51,500)',
        duration(backfillSeconds),
        '5-10 min stated',
        `${times(BASELINE.statedMin, backfillSeconds)} to ${times(BASELINE.statedMax, backfillSeconds)}`,
      ],
      ['grades of 10,000 users', duration(gradeSeconds), '-', ''],
    ],
    [1, 2, 3],
  );
}

function times(before: number, after: number): string {
  return `${count(before / after)}x`;
}

/** The demo's own database, made anew, so that nothing of the user's is touched. */
async function freshDatabase(serverUrl: string): Promise<string> {
  await withClient(serverUrl, async (client) => {
    await client.query(`drop database if exists ${DATABASE} with (force)`);
    await client.query(`create database ${DATABASE}`);
  });
  const url = new URL(serverUrl);
  url.pathname = `/${DATABASE}`;
  await withClient(url.href, migrate);
  return url.href;
}
