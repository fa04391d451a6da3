import { Worker } from 'node:worker_threads';

import { monotonicMs } from '../base/clock.ts';
import { say } from '../base/terminal.ts';
import type { Roster } from './roster.ts';
import {
  BLOCKED_MS_MAX,
  LOOK_EVERY_MS,
  MISSED_MS_MAX,
  STUCK_MS_MAX,
  type BlockedSetup,
} from './watchdog-limits.ts';

export type WatchdogOptions = {
  stuckMsMax?: number;
  clock?: () => number;
  exit?: (code: number) => void;
};

/**
 * Looks every second whether parts give signs of life, and ends the process when one has been stuck
 * for too long: a thread that hangs can neither be stopped nor started again, nobody restarts what is
 * only unhealthy, and what it had begun is undone by PostgreSQL.
 */
export class Watchdog {
  readonly #roster: Roster;
  readonly #options: Required<WatchdogOptions>;
  readonly #timer: Timer;
  #lookedMs: number;
  #sinceMs: number; // silence from before this is nobody's fault

  constructor(roster: Roster, options: WatchdogOptions = {}) {
    this.#roster = roster;
    this.#options = {
      stuckMsMax: STUCK_MS_MAX,
      clock: monotonicMs,
      exit: (code) => process.exit(code),
      ...options,
    };
    this.#lookedMs = this.#sinceMs = this.#options.clock();
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  look(): void {
    const { stuckMsMax, clock, exit } = this.#options;
    const nowMs = clock();
    if (nowMs - this.#lookedMs > MISSED_MS_MAX) this.#sinceMs = nowMs;
    this.#lookedMs = nowMs;
    this.#roster.sample();
    if (nowMs - this.#sinceMs < stuckMsMax) return;
    const stuck = this.#roster.stuck(stuckMsMax);
    if (stuck.length === 0) return;
    say(`stuck, so this process ends: ${stuck.join('; ')}; what is unfinished is undone`);
    exit(1);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** A second watchdog, on a thread, for a process of one part: that may block the thread of the first. */
export function watchFromThread(
  { vitals }: Roster,
  name: string,
  blockedMsMax = BLOCKED_MS_MAX,
): void {
  const setup: BlockedSetup = { name, vitals: vitals.buffer, blockedMsMax };
  const thread = new Worker(new URL('watchdog-thread.ts', import.meta.url), { workerData: setup });
  thread.unref(); // it ends with the process
}
