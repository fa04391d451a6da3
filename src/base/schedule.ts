import { REAL_TIME, type Time } from './time.ts';

export type Cadence = {
  everyMs: number; // from start to start
  signal: AbortSignal;
  /** Called with how many turns were left out because the one before took too long. */
  onSkipped?: (turns: number) => void;
  time?: Pick<Time, 'monotonicMs' | 'sleep'>;
};

/** The wall clock is looked at this often: machines sleep, clocks are set, and timers know no months. */
const LOOK_EVERY_MS = 60_000;

/** Waits until the wall clock has reached a moment, ms since the epoch, or less when aborted. */
export async function untilMoment(
  ms: number,
  { now, sleep }: Pick<Time, 'now' | 'sleep'>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && now() < ms) await sleep(Math.min(LOOK_EVERY_MS, ms - now()), signal);
}

/**
 * Does `work` at once and then every `everyMs`, until aborted. A turn that takes longer than that is
 * never overlapped by the next: the turns it ran into are left out, and the rhythm stays. An error
 * ends it.
 */
export async function repeat(cadence: Cadence, work: () => Promise<void>): Promise<void> {
  const { everyMs, signal, onSkipped, time = REAL_TIME } = cadence;
  let dueMs = time.monotonicMs();
  while (!signal.aborted) {
    await work();
    const turns = Math.max(1, Math.ceil((time.monotonicMs() - dueMs) / everyMs));
    if (turns > 1) onSkipped?.(turns - 1);
    dueMs += turns * everyMs;
    await time.sleep(Math.max(0, dueMs - time.monotonicMs()), signal);
  }
}
