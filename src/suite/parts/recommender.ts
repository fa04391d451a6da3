import { metrics } from '../../base/metrics.ts';
import { errorFields } from '../../base/log.ts';
import { retry } from '../../base/retry.ts';
import { untilMoment } from '../../base/schedule.ts';
import { REAL_TIME } from '../../base/time.ts';
import type { Job } from '../../jobs/job.ts';
import type { RunEnd } from '../../jobs/job-run.ts';
import { JobSchedule } from '../../jobs/job-schedule.ts';
import { recommendJob } from '../../jobs/recommend-job.ts';
import { withClient } from '../../store/client.ts';
import { lastRuns } from '../../store/job-runs.ts';
import { databaseOf } from '../config.ts';
import { beating, type Part, type PartContext } from '../part.ts';

const SILENT_MS_MAX = 300_000; // a step at five million customers may keep the thread this long

/** The recommender's month, whenever it is due: by default on the 1st at 02:00 in Seoul. */
export const recommender: Part = {
  name: 'recommender',
  async run(context) {
    const url = databaseOf(context.config);
    const job = recommendJob(url, context.config.recommend);
    await beating(() => context.heartbeat(SILENT_MS_MAX), keep(url, job, context));
  },
};

/** Looks whenever there may be something to do, until the signal. */
async function keep(url: string, job: Job, context: PartContext): Promise<void> {
  const { signal, log, check } = context;
  const schedule = new JobSchedule(url, job, {
    time: REAL_TIME,
    signal,
    onBegin: ({ run, month }) => {
      metrics.jobRunning.set({ job: job.name }, 1);
      log.info('begins a month', { run, month });
    },
    onEnd: (end, { month }) => tell(end, month, job.name, context),
    onMissed: ({ month }) => {
      metrics.jobRuns.inc({ job: job.name, outcome: 'missed' });
      log.warn('a turn was missed; `millrace jobs run` makes up for it', { month });
    },
  });
  const trying = {
    what: 'recommender',
    time: REAL_TIME,
    signal,
    onRetry: ({ message }: Error) => check('postgres', message),
  };
  await retry(trying, () => showLast(url, job.name));
  while (!signal.aborted) {
    const nextMs = await retry(trying, async () => {
      try {
        return await schedule.look();
      } finally {
        metrics.jobRunning.set({ job: job.name }, 0);
      }
    });
    check('postgres', null);
    metrics.jobNextDue.set({ job: job.name }, nextMs / 1_000);
    await untilMoment(nextMs, REAL_TIME, signal);
  }
}

/** What an earlier process has done counts too: a month is longer than most processes live. */
async function showLast(url: string, job: string): Promise<void> {
  for (const outcome of ['done', 'failed', 'stopped', 'skipped', 'missed'])
    metrics.jobRuns.inc({ job, outcome }, 0);
  metrics.jobRunning.set({ job }, 0);
  const [last] = await withClient(url, (client) =>
    lastRuns(client, { job, outcome: 'done', count: 1 }),
  );
  if (!last?.endedMs || !last.startedMs) return;
  metrics.jobLastSuccess.set({ job }, last.endedMs / 1_000);
  metrics.jobLastSeconds.set({ job }, (last.endedMs - last.startedMs) / 1_000);
}

function tell(end: RunEnd, month: string, job: string, context: PartContext): void {
  const { log, check, progress } = context;
  if (end.outcome === 'settled') return;
  metrics.jobRuns.inc({ job, outcome: end.outcome });
  if (end.outcome === 'skipped') {
    log.warn('skipped for now', { month, why: end.why });
  } else if (end.outcome === 'done') {
    const { run, rows, seconds } = end;
    log.info('recommended a month', { run, month, customers: rows, seconds });
    metrics.jobRows.inc({ job }, rows);
    metrics.jobSeconds.observe({ job }, seconds);
    metrics.jobLastSuccess.setToCurrentTime({ job });
    metrics.jobLastSeconds.set({ job }, seconds);
    check('month', null, true);
    progress();
  } else {
    const { run, outcome, cause } = end;
    log[outcome === 'failed' ? 'error' : 'info'](outcome, { run, month, ...errorFields(cause) });
    const { error } = errorFields(cause);
    if (outcome === 'failed') check('month', `${month} failed: ${String(error)}`, true);
  }
}
