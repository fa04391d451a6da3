import type { Random } from '../base/random.ts';
import type { Time } from '../base/time.ts';

type Timer = { atMs: number; order: number; wake: () => void };

const EPOCH_MS = Date.UTC(2026, 10, 21);

/**
 * Time that passes only when everybody waits: hours in milliseconds, and alike for one seed. What
 * runs in it must wait by `sleep` alone.
 */
export class SimulatedTime implements Time {
  readonly #random: Random;
  #nowMs = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(random: Random) {
    this.#random = random;
  }

  now(): number {
    return EPOCH_MS + Math.floor(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  chance(): number {
    return this.#random.next();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, wake: resolve };
    const wake = (): void => {
      this.#timers.delete(timer);
      resolve();
    };
    this.#timers.add(timer);
    signal?.addEventListener('abort', wake, { once: true });
    await promise;
    signal?.removeEventListener('abort', wake);
  }

  /** Lets time pass until the work is done. Throws if it is not within `limitMs`, or never will be. */
  async run<Result>(work: Promise<Result>, limitMs: number): Promise<Result> {
    let done = false;
    const end = (): void => void (done = true);
    work.then(end, end);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve)); // everybody goes on as far as they can
      if (done) return await work;
      const timer = this.#next();
      if (!timer) throw new Error(`everybody waits for ever after ${this.#nowMs} ms`);
      if (timer.atMs > limitMs) throw new Error(`not done after ${limitMs} ms`);
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      timer.wake();
    }
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (
        !next ||
        timer.atMs < next.atMs ||
        (timer.atMs === next.atMs && timer.order < next.order)
      ) {
        next = timer;
      }
    }
    return next;
  }
}
