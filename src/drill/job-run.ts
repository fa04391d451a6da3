import { monotonicMs } from '../base/clock.ts';
import { causeOf, PipelineError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { temporary } from '../stack/temporary.ts';
import type { JobDrill, JobFound, JobScene } from './drill.ts';
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
    const scene: JobScene = {
      serverUrl: server.databaseUrl,
      chance: new Random(seed, 'drill').at(0),
      times: options.times ?? job.times,
      signal,
      check: (name, pass, found) => checks.note(name, pass, found),
      say,
    };
    const { events, faults, lost, duplicated } = await carriedOut(job, scene);
    checks.note('nothing is lost or doubled', lost + duplicated === 0, `${lost} and ${duplicated}`);
    const why = checks.firstFailure ?? tooLittle({ events, faults }, { eventsMin, times: null });
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
    await server.stop().catch((cause) => say(causeOf(cause).message));
  }
}

/** What a job does that it must not ends its drill, with a verdict. */
async function carriedOut(job: JobDrill, scene: JobScene): Promise<JobFound> {
  try {
    return await job.run(scene);
  } catch (cause) {
    if (!(cause instanceof PipelineError && cause.code === 'CHECK_FAILED')) throw cause;
    scene.check('the drill came to its end', false, cause.message);
    return { events: 0, faults: 0, lost: 0, duplicated: 0 };
  }
}
