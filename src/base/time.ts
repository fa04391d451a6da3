import { monotonicMs, wallClock } from './clock.ts';
import { pause } from './shutdown.ts';

/**
 * Time and the chance that waits need, as an argument: a simulation hands in its own, and the same
 * code then runs through hours of faults in milliseconds, alike on every run.
 */
export type Time = {
  now(): number; // ms since the epoch: ages of events
  monotonicMs(): number; // never runs backwards: durations and deadlines
  /** Waits, or less once aborted. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Uniform in [0, 1), for jitter; it never decides what is in the data. */
  chance(): number;
};

export const REAL_TIME: Time = { now: wallClock, monotonicMs, sleep: pause, chance };

// Seeded by nothing: processes that failed together must not come back together.
function chance(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
}

/** Wakes who waits, one at a time, or lets him go on after a time. */
export class Wakeup {
  readonly #time: Time;
  #waiting: AbortController | null = null;
  #called = false;

  constructor(time: Time) {
    this.#time = time;
  }

  call(): void {
    this.#called = true;
    this.#waiting?.abort(null); // without a reason an exception would be made, which takes longer than all else
  }

  /** Settles at the next call, at once if there was one since the last wait, or after `ms`. */
  async wait(ms: number): Promise<void> {
    if (!this.#called) {
      this.#waiting = new AbortController();
      await this.#time.sleep(ms, this.#waiting.signal);
      this.#waiting = null;
    }
    this.#called = false;
  }
}
