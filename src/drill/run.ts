import { PipelineError } from '../base/errors.ts';
import { jobDrill } from './job-run.ts';
import { stepOf, type DrillOptions } from './plans.ts';
import { startRig, type Rig } from './rig.ts';
import { streamDrill, type DrillHooks } from './stream-drill.ts';
import type { Verdict } from './verdict.ts';

/**
 * Runs drills by name, one after the other; those of the stream on the same servers, but after one that
 * failed the next has new ones. Servers and processes are gone at the end, whatever happens.
 */
export async function runDrills(
  names: readonly string[],
  options: DrillOptions,
  hooks: DrillHooks & { onVerdict?: (verdict: Verdict) => void },
): Promise<Verdict[]> {
  const steps = names.map((name) => stepOf(name, options));
  const verdicts: Verdict[] = [];
  const servers = new Servers(hooks);
  try {
    for (const step of steps) {
      hooks.say(`drill ${step.name}, seed ${options.seed}: ${step.what}`);
      const verdict =
        'run' in step
          ? await jobDrill(step, options, hooks)
          : await streamDrill(await servers.rig(), step, hooks);
      verdicts.push(verdict);
      hooks.onVerdict?.(verdict);
      if (verdict.outcome === 'failed') await servers.end(true);
    }
  } catch (cause) {
    const { aborted } = hooks.signal;
    await servers.end(!aborted);
    // Whatever failed on the way out of it is of no interest.
    if (aborted) throw new PipelineError('INTERRUPTED', 'the drill was stopped', { cause });
    throw cause;
  }
  await servers.end(false);
  return verdicts;
}

/** The servers of the stream's drills, started when they are first needed. */
class Servers {
  readonly #hooks: DrillHooks;
  #rig: Rig | null = null;

  constructor(hooks: DrillHooks) {
    this.#hooks = hooks;
  }

  async rig(): Promise<Rig> {
    this.#rig ??= await startRig();
    return this.#rig;
  }

  async end(failed: boolean): Promise<void> {
    const rig = this.#rig;
    this.#rig = null;
    if (rig && failed) this.#hooks.say(`logs and the ledger are kept in ${rig.folder}`);
    await rig?.stop(failed);
  }
}
