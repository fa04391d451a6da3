import { metrics } from '../base/metrics.ts';
import { repeat } from '../base/schedule.ts';
import type { Time } from '../base/time.ts';
import type { Pool } from '../model/pool.ts';

const EXPORT_EVERY_MS = 1_000;

/** The age and size of the pools in use, exported every second: they age while nothing happens. */
export class PoolAge {
  readonly #time: Time;
  #readAtMs: number | null = null;

  constructor(time: Time) {
    this.#time = time;
  }

  use({ users, products }: Pool, readAtMs: number): void {
    this.#readAtMs = readAtMs;
    metrics.cacheEntries.set({ pool: 'users' }, users.length);
    metrics.cacheEntries.set({ pool: 'products' }, products.length);
    this.#export();
  }

  /** Until aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    const cadence = { everyMs: EXPORT_EVERY_MS, signal, time: this.#time };
    await repeat(cadence, async () => this.#export());
  }

  #export(): void {
    if (this.#readAtMs === null) return;
    const seconds = Math.max(0, this.#time.now() - this.#readAtMs) / 1_000;
    metrics.cacheAge.set({ pool: 'users' }, seconds);
    metrics.cacheAge.set({ pool: 'products' }, seconds);
  }
}
