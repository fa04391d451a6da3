import { monotonicMs } from '../base/clock.ts';
import { pause } from '../base/shutdown.ts';
import { GROUPS, TOPICS, type Topic } from '../model/event.ts';
import { connect, type Client } from '../store/client.ts';
import { storedOffsets, type StoredOffset } from '../store/offsets.ts';
import { TOPIC_PLANS, type StreamAdmin } from '../stream/admin.ts';

const LEFT = `select (select count(*) from order_effects)
  + (select count(*) from dead_letters where published_at is null) as count`;
const LOOK_MS = 50;
const SETTLE_MS = 100; // a commit that was under way when a fault struck is no sign of life

const ORDER_PARTITIONS = TOPIC_PLANS.find(({ name }) => name === 'orders')?.partitions;

/** Next offsets by `topic/partition`. */
type Stand = ReadonlyMap<string, number>;

/** What is on its way: records in Kafka and not stored, and stored orders not folded in yet. */
export type Waiting = { records: number; effects: number };

/**
 * Watches where the stream stands in PostgreSQL, on a connection of its own that no fault is meant
 * for: a look every 50 ms, and none while the server is away.
 */
export class Flow {
  readonly #databaseUrl: string;
  readonly #over = new AbortController();
  readonly #looking: Promise<void>;
  #client: Client | null = null;
  #stand: Stand = new Map();
  #looks = 0;

  constructor(databaseUrl: string) {
    this.#databaseUrl = databaseUrl;
    this.#looking = this.#look();
  }

  /** Records stored so far, of all topics. */
  get stored(): number {
    return [...this.#stand.values()].reduce((sum, next) => sum + next, 0);
  }

  /** Of orders alone. */
  get orders(): number {
    return [...this.#orders().values()].reduce((sum, next) => sum + next, 0);
  }

  /**
   * Ms from a moment until every partition of orders has moved on; null if that takes longer than
   * `msMax`. What a moment later is stored already counts as from before.
   */
  async allMoved(fromMs: number, msMax: number, signal: AbortSignal): Promise<number | null> {
    await pause(SETTLE_MS, signal);
    const looks = this.#looks + 2; // one may have begun before the moment
    while (this.#looks < looks && !this.#late(fromMs, msMax, signal)) await Bun.sleep(LOOK_MS);
    const before = this.#orders();
    const moved = (): boolean => {
      const now = this.#orders();
      return (
        now.size === ORDER_PARTITIONS &&
        [...now].every(([place, next]) => next > (before.get(place) ?? -1))
      );
    };
    while (!moved()) {
      if (this.#late(fromMs, msMax, signal)) return null;
      await Bun.sleep(LOOK_MS / 2);
    }
    return monotonicMs() - fromMs;
  }

  /** What is on its way now; throws while a server is away. */
  async waiting(admin: StreamAdmin): Promise<Waiting> {
    const stored = await this.#query(storedOffsets);
    let records = 0;
    for (const topic of TOPICS) {
      for (const { partition, first, end } of await admin.edges(topic)) {
        records += Math.max(0, end - (nextOf(stored, topic, partition) ?? first));
      }
    }
    const effects = await this.#query(async (client) => {
      const { rows } = await client.query<{ count: string }>(LEFT);
      return Number(rows[0].count);
    });
    return { records, effects };
  }

  /** Waits until nothing is on its way: seconds, or null if that takes longer than `secondsMax`. */
  async quiet(admin: StreamAdmin, secondsMax: number, signal: AbortSignal): Promise<number | null> {
    const from = monotonicMs();
    for (;;) {
      const left = await this.waiting(admin).catch(() => null);
      const seconds = (monotonicMs() - from) / 1_000;
      if (left?.records === 0 && left.effects === 0) return seconds;
      if (seconds > secondsMax || signal.aborted) return null;
      await pause(4 * LOOK_MS, signal);
    }
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#looking;
    await this.#client?.end().catch(() => undefined);
  }

  #late(fromMs: number, msMax: number, signal: AbortSignal): boolean {
    return signal.aborted || monotonicMs() - fromMs > msMax;
  }

  #orders(): Stand {
    return new Map([...this.#stand].filter(([place]) => place.startsWith('orders/')));
  }

  async #look(): Promise<void> {
    while (!this.#over.signal.aborted) {
      try {
        const offsets = await this.#query(storedOffsets);
        this.#stand = new Map(
          offsets.map(({ topic, partition, next }) => [`${topic}/${partition}`, next]),
        );
        this.#looks++;
      } catch {
        // The server is away, which is what drills are for.
      }
      await pause(LOOK_MS, this.#over.signal);
    }
  }

  async #query<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    const options = { queryMsMax: 5_000 };
    this.#client ??= await connect(this.#databaseUrl, 'millrace drill', options);
    const client = this.#client;
    try {
      return await work(client);
    } catch (cause) {
      if (this.#client === client) this.#client = null;
      void client.end().catch(() => undefined); // it is broken, or the server is away
      throw cause;
    }
  }
}

function nextOf(
  stored: readonly StoredOffset[],
  topic: Topic,
  partition: number,
): number | undefined {
  const found = stored.find(
    (offset) =>
      offset.topic === topic && offset.group === GROUPS[topic] && offset.partition === partition,
  );
  return found?.next;
}
