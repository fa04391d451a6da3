import { causeOf, PipelineError } from '../base/errors.ts';
import { jobDrill } from './job-run.ts';
import { stepOf, type DrillOptions } from './plans.ts';
import { startRig } from './rig.ts';
import { streamDrill, type DrillHooks } from './stream-drill.ts';
import type { StreamPlan } from './stream-verdict.ts';
import type { Verdict } from './verdict.ts';

/**
 * Runs drills by name, one after the other, each on servers of its own: what one leaves behind is no
 * load on the next. Servers and processes are gone at the end, whatever happens.
 */
export async function runDrills(
  names: readonly string[],
  options: DrillOptions,
  hooks: DrillHooks & { onVerdict?: (verdict: Verdict) => void },
): Promise<Verdict[]> {
  const steps = names.map((name) => stepOf(name, options));
  const verdicts: Verdict[] = [];
  for (const step of steps) {
    hooks.say(`drill ${step.name}, seed ${options.seed}: ${step.what}`);
    try {
      const verdict =
        'run' in step ? await jobDrill(step, options, hooks) : await onRig(step, hooks);
      verdicts.push(verdict);
      hooks.onVerdict?.(verdict);
    } catch (cause) {
      if (!hooks.signal.aborted) throw cause;
      // Whatever failed on the way out of it is of no interest.
      throw new PipelineError('INTERRUPTED', 'the drill was stopped', { cause });
    }
  }
  return verdicts;
}

/** A drill of the stream; its logs and ledger stay if it has failed. */
async function onRig(plan: StreamPlan, hooks: DrillHooks): Promise<Verdict> {
  const { say, signal } = hooks;
  const rig = await startRig(say);
  let keeps = true;
  try {
    const verdict = await streamDrill(rig, plan, hooks);
    keeps = verdict.outcome === 'failed';
    return verdict;
  } finally {
    keeps &&= !signal.aborted;
    if (keeps) say(`logs and the ledger are kept in ${rig.folder}`);
    await rig.stop(keeps).catch((late) => say(causeOf(late).message));
  }
}
