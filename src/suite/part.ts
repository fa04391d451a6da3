import { isInterruption, PipelineError } from '../base/errors.ts';
import { errorFields, type Log } from '../base/log.ts';
import type { Check } from '../show/server.ts';
import type { SuiteConfig } from './config.ts';
import type { Vitals } from './vitals.ts';

/** From the signal to the end; what is not finished by then is undone by PostgreSQL. */
export const DRAIN_MS_MAX = 4_500;
/** The same where everything was only starting. */
export const START_MS_MAX = 2_000;

/** A running part of Millrace: as its own process, or as a thread of the suite. */
export type Part = {
  name: string; // also its file in workers/
  /**
   * Works until the signal, then finishes what is in hand, closes everything and returns; returning
   * before means that its work is over. Throws what it cannot help; nothing half-done may be left.
   */
  run(context: PartContext): Promise<void>;
};

export type PartContext = {
  name: string; // order-consumer-2
  config: SuiteConfig;
  signal: AbortSignal;
  log: Log;
  /** Still going around. The next one comes within `silentMsMax`, 30 s if nothing is said. */
  heartbeat: (silentMsMax?: number) => void;
  /** Got something done. */
  progress: () => void;
  /** Says that something is as it should be (null), or why not. What only degrades never fails readiness. */
  check: (name: string, failure: string | null, degrades?: boolean) => void;
};

/** Why a part ended before it was told to. */
export type PartFailure = { code: string; message: string };

export type PartWiring = {
  name: string;
  config: SuiteConfig;
  vitals: Vitals;
  slot: number;
  log: Log;
  onCheck: (check: Check) => void;
};

/**
 * Runs a part to its end. An error that nobody caught aborts `stop`, so that the part goes the same
 * way out as always: a thread that dies with a message in flight would take the process along.
 */
export async function runPart(
  part: Part,
  wiring: PartWiring,
  stop: AbortController,
): Promise<PartFailure | null> {
  const { name, config, vitals, slot, log } = wiring;
  let failure: PartFailure | null = null;
  const fail = (cause: unknown): void => {
    if (isInterruption(cause) && stop.signal.aborted) return;
    const fields = errorFields(cause);
    log.error(failure === null ? 'failed' : 'failed again on the way out', fields);
    failure ??= { code: String(fields['code']), message: String(fields['error']) };
    stop.abort();
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  vitals.beat(slot);
  try {
    await part.run({
      name,
      config,
      signal: stop.signal,
      log,
      heartbeat: (silentMsMax) => vitals.beat(slot, silentMsMax),
      progress: () => vitals.progress(slot),
      check: (check, reason, degrades = false) =>
        wiring.onCheck({ name: check, failure: reason, degrades }),
    });
  } catch (cause) {
    fail(cause);
  } finally {
    process.off('uncaughtException', fail);
    process.off('unhandledRejection', fail);
  }
  return failure;
}

const BEAT_EVERY_MS = 5_000;

/**
 * Gives signs of life while `work` runs, for work of many steps each of which has a limit of its own.
 * It tells a dead thread from a living one, and no more.
 */
export async function beating<Result>(
  heartbeat: () => void,
  work: Promise<Result>,
): Promise<Result> {
  heartbeat();
  const timer = setInterval(() => heartbeat(), BEAT_EVERY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** What `work` comes to; once stopped it is not waited for any longer, and its transaction is undone. */
export async function unlessStopped<Result>(
  signal: AbortSignal,
  work: Promise<Result>,
): Promise<Result> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(new PipelineError('INTERRUPTED', 'stopped in the middle of it'));
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
