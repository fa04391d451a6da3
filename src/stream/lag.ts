import { wallClock, type Clock } from '../base/clock.ts';
import { metrics } from '../base/metrics.ts';
import { pause } from '../base/shutdown.ts';
import type { StreamAdmin } from './admin.ts';
import { within } from './wait.ts';

/** A group and the offsets it has stored, which PostgreSQL knows; Kafka's commits only follow. */
export type LagSource = {
  group: string;
  topic: string;
  /** The next offset to store, by partition; one of which nothing is stored is not in the map. */
  positions: () => Promise<ReadonlyMap<number, number>>;
};

const ROUND_MS = 5_000;
const ROUND_MS_MAX = 20_000; // a round that takes longer has failed

/**
 * Reads the lag of the groups again and again, in the background, so that a scrape of the metrics
 * asks nobody. What could not be read keeps its last value, and lagCollected tells.
 */
export class LagReader {
  #admin: StreamAdmin;
  #sources: readonly LagSource[];
  #clock: Clock;
  #stop = new AbortController();
  #running: Promise<void>;

  constructor(admin: StreamAdmin, sources: readonly LagSource[], clock: Clock = wallClock) {
    this.#admin = admin;
    this.#sources = sources;
    this.#clock = clock;
    metrics.lagCollected.set(0);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // Rounds do not overlap. A failed one shows in the metric; the next one may do better.
      const collected = await within(this.#round(), ROUND_MS_MAX).then(
        () => true,
        () => false,
      );
      metrics.lagCollected.set(collected ? 1 : 0);
      await pause(ROUND_MS, this.#stop.signal);
    }
  }

  async #round(): Promise<void> {
    await Promise.all(this.#sources.map((source) => this.#read(source)));
  }

  async #read({ group, topic, positions }: LagSource): Promise<void> {
    const [stored, edges] = await Promise.all([positions(), this.#admin.edges(topic)]);
    for (const { partition, first, end } of edges) {
      const next = Math.max(first, stored.get(partition) ?? first);
      const labels = { consumergroup: group, topic, partition: `${partition}` };
      metrics.currentOffset.set(labels, next);
      metrics.lag.set(labels, Math.max(0, end - next));
      metrics.lagSeconds.set(labels, next < end ? await this.#age(topic, partition, next) : 0);
    }
  }

  async #age(topic: string, partition: number, offset: number): Promise<number> {
    const madeMs = await this.#admin.timestampMs(topic, partition, offset);
    return madeMs === undefined ? 0 : Math.max(0, (this.#clock() - madeMs) / 1_000);
  }
}
