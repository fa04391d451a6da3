import { EXIT_CODES } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { backoffMs } from '../base/retry.ts';
import { untilAborted } from '../base/shutdown.ts';
import { REAL_TIME, type Time } from '../base/time.ts';
import type { PartFailure } from './part.ts';
import type { Roster } from './roster.ts';

/** One thing to keep running. */
export type PartSpec = {
  name: string; // order-consumer-2
  worker: string; // order-consumer: its file in workers/
  after?: string; // starts once that part's work is over
  stopStage: number; // 0 is told to stop first; the next stage once it has ended
};

/** A part that was started. It is asked to stop, never ended from outside. */
export type Running = { stop(): void; ended: Promise<PartFailure | null> };

export type SupervisorOptions = {
  specs: readonly PartSpec[];
  spawn: (spec: PartSpec) => Running;
  roster: Roster;
  log: Log;
  time?: Time;
};

const BACKOFF = { waitMsMin: 1_000, waitMsMax: 30_000 };
const STEADY_MS = 60_000; // a part that ran this long begins again with the shortest wait
const STAGE_MS_MAX = 1_500; // the next stage does not wait longer for the one before

/**
 * Keeps parts running. Each has its own loop here: start, wait for its end, start again after a wait
 * that doubles. One part's failures therefore cost the others nothing. A part that returns has done
 * its work and is not started again.
 */
export class Supervisor {
  readonly #options: Required<SupervisorOptions>;
  readonly #running = new Map<string, Running>();
  readonly #done = new Map<string, PromiseWithResolvers<void>>();

  constructor(options: SupervisorOptions) {
    this.#options = { time: REAL_TIME, ...options };
    for (const { name } of options.specs) this.#done.set(name, Promise.withResolvers());
  }

  /** Returns when all parts have ended: by themselves, or because of the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const stopping = this.#stopOn(signal);
    await Promise.all(this.#options.specs.map((spec) => this.#keep(spec, signal)));
    if (signal.aborted) await stopping;
  }

  async #keep(spec: PartSpec, signal: AbortSignal): Promise<void> {
    const { roster, log, time } = this.#options;
    await this.#turn(spec, signal);
    for (let failures = 0; !signal.aborted;) {
      const startedMs = time.monotonicMs();
      const failure = await this.#once(spec);
      if (signal.aborted || failure === null) break;
      if (time.monotonicMs() - startedMs >= STEADY_MS) failures = 0;
      const waitMs = backoffMs({ time, ...BACKOFF }, ++failures);
      metrics.workerRestarts.inc({ worker: spec.name, reason: reason(failure) });
      log.warn(`${spec.name} starts again in ${(waitMs / 1_000).toFixed(1)} s`, failure);
      roster.enter(spec.name, 'restarting');
      await time.sleep(waitMs, signal);
    }
    roster.enter(spec.name, 'ended');
    this.#done.get(spec.name)?.resolve();
  }

  async #once(spec: PartSpec): Promise<PartFailure | null> {
    this.#options.roster.enter(spec.name, 'running');
    const running = this.#options.spawn(spec);
    this.#running.set(spec.name, running);
    const failure = await running.ended;
    this.#running.delete(spec.name);
    return failure;
  }

  /** Waits for the part that must be over before, if it is among ours. */
  async #turn({ after }: PartSpec, signal: AbortSignal): Promise<void> {
    const before = after === undefined ? undefined : this.#done.get(after);
    if (before) await Promise.race([before.promise, untilAborted(signal)]);
  }

  async #stopOn(signal: AbortSignal): Promise<void> {
    await untilAborted(signal);
    const { specs, time } = this.#options;
    const stages = [...new Set(specs.map(({ stopStage }) => stopStage))].toSorted((a, b) => a - b);
    for (const stage of stages) {
      const members = specs.filter(({ stopStage }) => stopStage === stage);
      const running = members.flatMap(({ name }) => this.#running.get(name) ?? []);
      for (const part of running) part.stop();
      const ended = new AbortController();
      const all = Promise.all(running.map((part) => part.ended)).then(() => ended.abort());
      await Promise.race([all, time.sleep(STAGE_MS_MAX, ended.signal)]);
    }
  }
}

/** A label must come from a closed list. */
function reason({ code }: PartFailure): string {
  return code in EXIT_CODES || code === 'EXITED' ? code : 'DEFECT';
}
