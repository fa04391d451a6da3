import { monotonicMs } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import { temporary } from '../stack/temporary.ts';
import type { JobDrill } from './drill.ts';
import { commandOf, type DrillOptions } from './plans.ts';
import type { DrillHooks } from './stream-drill.ts';
import { Checks, EVENTS_MIN, tooLittle, withoutStream, type Verdict } from './verdict.ts';

/** Runs a drill of a job on a PostgreSQL of its own. */
export async function jobDrill(
  job: JobDrill,
  options: DrillOptions,
  { say, signal }: DrillHooks,
): Promise<Verdict> {
  const { seed, eventsMin = EVENTS_MIN } = options;
  const startedMs = monotonicMs();
  const checks = new Checks();
  const server = await temporary();
  try {
    const { events, faults, lost, duplicated } = await job.run({
      serverUrl: server.databaseUrl,
      chance: new Random(seed, 'drill').at(0),
      times: options.times ?? job.times,
      signal,
      check: (name, pass, found) => checks.note(name, pass, found),
      say,
    });
    checks.note('nothing is lost or doubled', lost + duplicated === 0, `${lost} and ${duplicated}`);
    const why = tooLittle({ events, faults }, { eventsMin, times: null }) ?? checks.firstFailure;
    return {
      drill: job.name,
      what: job.what,
      outcome: why === null ? 'passed' : 'failed',
      why,
      seed,
      command: commandOf(job.name, { ...options, ratePerSecond: null }),
      seconds: (monotonicMs() - startedMs) / 1_000,
      events,
      ratePerSecond: null,
      faults,
      lost,
      duplicated,
      checks: checks.lines,
      ...withoutStream(),
    };
  } finally {
    await server.stop();
  }
}
