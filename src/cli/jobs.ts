import { Command, Option } from 'commander';

import { seoulTime, wallClock } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { startProgress } from '../base/progress.ts';
import { abortOnSignal } from '../base/shutdown.ts';
import { columns, count, duration } from '../base/terminal.ts';
import { REAL_TIME } from '../base/time.ts';
import { JOB_RULES, monthOf, type Job } from '../jobs/job.ts';
import { runJob, type RunEnd } from '../jobs/job-run.ts';
import { recommendJob } from '../jobs/recommend-job.ts';
import { recommendSettings, recommendTimetable } from '../jobs/recommend-settings.ts';
import { checkMonth } from '../recommend/day.ts';
import { withClient, type Client } from '../store/client.ts';
import { enteredCron, lastRuns, type JobRun } from '../store/job-runs.ts';
import { command, databaseOf, result, wholeNumber, type Common } from './common.ts';

type RunOptions = Common & { month?: string };
type HistoryOptions = Common & { job?: string; limit: number };

const LIMIT_MAX = 10_000;
const SHOWN_TEXT_MAX = 120;

const HELP = `
${JOB_RULES}

The schedule is kept by \`bun run workers recommender\` (or \`bun workers/recommender.ts\`).
MILLRACE_RECOMMEND_CRON sets another one; the default is '0 2 1 * *', in Asia/Seoul.`;

export function jobsCommand(): Command {
  // Options that all have belong to the parts; here they would be taken from them.
  return new Command('jobs')
    .description('what runs by the calendar: when it is due, how it went, and by hand')
    .addHelpText('after', HELP)
    .addCommand(listCommand(), { isDefault: true })
    .addCommand(historyCommand())
    .addCommand(runCommand());
}

function listCommand(): Command {
  return command(
    'list',
    'when jobs are due next, and their last runs (this is what `jobs` alone does)',
  ).action(async (options: Common) => {
    const url = await databaseOf(options);
    const jobs = await withClient(url, async (client) => {
      const states: State[] = [];
      for (const job of jobsOf(url)) states.push(await stateOf(client, job));
      return states;
    });
    result(options, { jobs: jobs.map(printableState) }, () => jobs.map(stateText).join('\n\n'));
  });
}

function historyCommand(): Command {
  return command('history', 'every turn, newest first')
    .option('--job <name>', 'only of this job')
    .option('--limit <count>', 'so many at most', wholeNumber(1, LIMIT_MAX), 20)
    .action(async (options: HistoryOptions) => {
      const url = await databaseOf(options);
      const { job, limit } = options;
      if (job !== undefined) jobNamed(url, job);
      const runs = await withClient(url, (client) => lastRuns(client, { job, count: limit }));
      result(options, { runs: runs.map(printable) }, () => historyText(runs));
    });
}

function runCommand(): Command {
  return command('run', 'do a month now; it is entered like any other')
    .argument('<job>', 'its name')
    .addOption(new Option('--month <month>', 'like 2025-12 (default: the current one in Seoul)'))
    .action(async (name: string, options: RunOptions) => {
      const month = options.month ?? monthOf(wallClock());
      checkMonth(month);
      const url = await databaseOf(options);
      const end = await byHand(url, jobNamed(url, name), month);
      const { outcome, run, rows, seconds } = end;
      const text = `run ${run}: ${name} of ${month} done, ${count(rows)} rows in ${duration(seconds)}`;
      result(options, { job: name, month, run, outcome, rows, seconds }, () => text);
    });
}

async function byHand(
  url: string,
  job: Job,
  month: string,
): Promise<Extract<RunEnd, { outcome: 'done' }>> {
  const progress = startProgress('customers');
  const onProgress = progress.update.bind(progress);
  const signal = abortOnSignal();
  try {
    const end = await runJob(url, job, { month, dueMs: null, time: REAL_TIME, signal, onProgress });
    if (end.outcome === 'done') return end;
    if (end.outcome === 'failed' || end.outcome === 'stopped') throw end.cause;
    const why = end.outcome === 'skipped' ? end.why : 'it was done in this moment';
    throw new PipelineError('RUN_CONFLICT', `${job.name} is not begun: ${why}`);
  } finally {
    progress.stop(); // it clears its line, so before the result
  }
}

const jobsOf = (url: string): Job[] => [recommendJob(url, recommendSettings())];

function jobNamed(url: string, name: string): Job {
  const jobs = jobsOf(url);
  const job = jobs.find((one) => one.name === name);
  if (job !== undefined) return job;
  const known = jobs.map((one) => one.name).join(', ');
  throw new PipelineError('USAGE', `there is no job '${name}'; there are: ${known}`);
}

type State = {
  job: string;
  does: string;
  cron: string;
  scheduled: boolean; // the schedule has been started once
  nextDueMs: number;
  lastDone: JobRun | null;
  runs: JobRun[]; // newest first
};

const RUNS_SHOWN = 5;

async function stateOf(client: Client, { name, does, timetable }: Job): Promise<State> {
  const entered = await enteredCron(client, name);
  const runs = await lastRuns(client, { job: name, count: RUNS_SHOWN });
  const [lastDone = null] = await lastRuns(client, { job: name, outcome: 'done', count: 1 });
  const kept = entered === null ? timetable : recommendTimetable(entered);
  const nextDueMs = kept.next(wallClock());
  return {
    job: name,
    does,
    cron: kept.cron,
    scheduled: entered !== null,
    nextDueMs,
    lastDone,
    runs,
  };
}

function printableState({ nextDueMs, lastDone, runs, ...state }: State): unknown {
  const done = lastDone && printable(lastDone);
  const nextDue = new Date(nextDueMs).toISOString();
  return { ...state, nextDue, lastDone: done, runs: runs.map(printable) };
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
const time = (ms: number | null): string => (ms === null ? '-' : seoulTime(ms));

/** For scripts: times in UTC. */
function printable(run: JobRun): unknown {
  const { dueMs, startedMs, endedMs, ...rest } = run;
  return {
    ...rest,
    due: iso(dueMs),
    started: iso(startedMs),
    ended: iso(endedMs),
    seconds: secondsOf(run),
  };
}

function stateText({ job, does, cron, scheduled, nextDueMs, lastDone, runs }: State): string {
  const next = scheduled
    ? seoulTime(nextDueMs)
    : `nobody keeps the schedule yet; once \`bun run workers recommender\` does, ${seoulTime(nextDueMs)}`;
  const done =
    lastDone === null
      ? 'never'
      : `${lastDone.month}, ${seoulTime(lastDone.endedMs ?? 0)}, ${count(lastDone.rows ?? 0)} rows in ${duration(secondsOf(lastDone) ?? 0)}`;
  const head = columns([
    [job, does],
    ['  schedule', `${cron} (Asia/Seoul)`],
    ['  next due', next],
    ['  last done', done],
  ]);
  return runs.length === 0 ? head : `${head}\n\n${historyText(runs)}`;
}

function historyText(runs: readonly JobRun[]): string {
  if (runs.length === 0) return 'no job has run yet';
  const head = ['run', 'job', 'month', 'outcome', 'due', 'started', 'time', 'rows', 'by', 'why'];
  const rows = runs.map((run) => {
    const seconds = secondsOf(run);
    return [
      String(run.run),
      run.job,
      run.month,
      run.outcome,
      time(run.dueMs),
      time(run.startedMs),
      seconds === null ? '-' : duration(seconds),
      run.rows === null ? '-' : count(run.rows),
      `${run.startedBy}, ${run.host}:${run.pid}`,
      shortened(run.error ?? ''),
    ];
  });
  return columns([head, ...rows], [0, 6, 7]);
}

function shortened(text: string): string {
  return text.length > SHOWN_TEXT_MAX ? `${text.slice(0, SHOWN_TEXT_MAX)}…` : text;
}

function secondsOf({ startedMs, endedMs }: JobRun): number | null {
  return startedMs === null || endedMs === null ? null : (endedMs - startedMs) / 1_000;
}
