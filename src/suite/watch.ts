import type { Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { retry } from '../base/retry.ts';
import { repeat } from '../base/schedule.ts';
import { untilAborted } from '../base/shutdown.ts';
import { REAL_TIME } from '../base/time.ts';
import { Outage } from '../base/outage.ts';
import { GROUPS, TOPICS, type Topic } from '../model/event.ts';
import type { Check } from '../show/server.ts';
import { countDeadLetters } from '../store/dead-letters.ts';
import { pendingEffects } from '../store/effects.ts';
import { readPositions } from '../store/offsets.ts';
import { connectAdmin, type StreamAdmin } from '../stream/admin.ts';
import { LagReader } from '../stream/lag.ts';
import { watchBrokers } from './brokers.ts';
import { consumerOf, WORKERS } from './catalogue.ts';
import { databaseOf, kafkaOf, type SuiteConfig } from './config.ts';
import { Database } from './database.ts';
import { publishLetters } from './publisher.ts';
import { checkSameKafka } from './same-kafka.ts';

/** What to look after; nothing of it for parts that do not use the service. */
export type Watched = { topics: readonly Topic[]; kafka: boolean };

type WatchOptions = {
  topics: readonly Topic[];
  signal: AbortSignal;
  log: Log;
  note: (check: Check) => void;
};

const NAME = 'watch';
const LOOK_EVERY_MS = 5_000;
const END_MS_MAX = 500;

/**
 * Keeps up, in the background, what no part can say of itself: the lag of the groups, the effects of
 * orders that wait, the open dead letters, the brokers that are up; and sends dead letters to their
 * topics. A scrape finds the last values and asks nobody. What cannot be read keeps its value; the
 * stream does not depend on it.
 */
export class StreamWatch {
  readonly #over = new AbortController();
  readonly #running: Promise<void>;
  readonly #checks = new Map<string, Check>();
  #ended: Promise<void> | undefined;

  /** Looks after what is watched, where the services are known: parts complain if they are not. */
  constructor(config: SuiteConfig, { topics, kafka }: Watched, log: Log) {
    const note = (check: Check): void => void this.#checks.set(check.name, check);
    const options = { topics, log, note, signal: this.#over.signal };
    const known = config.databaseUrl !== null && config.kafka !== null;
    this.#running = Promise.all([
      known && topics.length > 0 ? watchTopics(config, options) : null,
      config.kafka !== null && kafka ? watchKafka(config, options) : null,
    ]).then(() => undefined);
  }

  /** What is worth telling; none of it keeps a process from being ready. */
  checks(): Check[] {
    return [...this.#checks.values()];
  }

  /** Ends it; nothing is lost by leaving it in the middle of a look. */
  async stop(): Promise<void> {
    this.#over.abort();
    this.#ended ??= Promise.race([this.#running, Bun.sleep(END_MS_MAX)]);
    await this.#ended;
  }
}

/** What there is to watch when these workers run. */
export function watchedFor(workers: readonly string[]): Watched {
  const topics = TOPICS.filter((topic) => workers.includes(consumerOf(topic)));
  const kafka = WORKERS.some(
    ({ worker, needs }) => workers.includes(worker) && needs.includes('kafka'),
  );
  return { topics, kafka };
}

async function watchTopics(config: SuiteConfig, options: WatchOptions): Promise<void> {
  const database = new Database(databaseOf(config), NAME);
  const letters = publishLetters({
    ...options,
    database: new Database(databaseOf(config), 'publishing'),
    kafka: kafkaOf(config, NAME),
    check: (failure) => options.note({ name: 'dead-letter topics', failure, degrades: true }),
  });
  try {
    await Promise.all([readTables(database, options), readLag(database, config, options), letters]);
  } finally {
    await database.close();
  }
}

async function watchKafka(config: SuiteConfig, { signal, log, note }: WatchOptions): Promise<void> {
  const admin = await connected(config, 'looking for the brokers', { signal, log });
  if (admin === undefined) return;
  const check = (broker: number, failure: string | null): void =>
    note({ name: `kafka/broker ${broker}`, failure, degrades: true });
  try {
    await watchBrokers({ admin, signal, log, check });
  } finally {
    await admin.close();
  }
}

/** A connection to Kafka, however long that takes; undefined: told to stop, or refused for good. */
async function connected(
  config: SuiteConfig,
  what: string,
  { signal, log }: { signal: AbortSignal; log: Log },
): Promise<StreamAdmin | undefined> {
  const outage = new Outage(log, what);
  const connecting = { what, time: REAL_TIME, signal };
  return await outage.survive(() => retry(connecting, () => connectAdmin(kafkaOf(config, NAME))));
}

async function readTables(
  database: Database,
  { topics, signal, log }: WatchOptions,
): Promise<void> {
  const outage = new Outage(log, 'reading what waits in PostgreSQL');
  const look = async () =>
    await database.use(async (client) => ({
      pending: await pendingEffects(client),
      letters: await countDeadLetters(client),
    }));
  await repeat({ everyMs: LOOK_EVERY_MS, signal }, async () => {
    const seen = await outage.survive(look);
    if (seen === undefined) return;
    const { pending, letters } = seen;
    metrics.effectsPending.set(pending.batches);
    metrics.effectsAge.set(pending.ageSeconds);
    for (const topic of topics) {
      const ofTopic = letters.filter((group) => group.topic === topic);
      const open = ofTopic.filter(({ state }) => state === 'open');
      metrics.deadLettersOpen.set({ topic }, sum(open.map(({ count }) => count)));
      metrics.deadLettersUnpublished.set({ topic }, sum(ofTopic.map((group) => group.unpublished)));
    }
  });
}

async function readLag(
  database: Database,
  config: SuiteConfig,
  { topics, signal, log }: WatchOptions,
): Promise<void> {
  const what = 'reading the lag';
  const admin = await connected(config, what, { signal, log });
  if (admin === undefined) return;
  const outage = new Outage(log, what);
  await outage.survive(() => database.use((client) => checkSameKafka(client, admin)));
  const reader = new LagReader(
    admin,
    topics.map((topic) => {
      const group = GROUPS[topic];
      const positions = (): Promise<Map<number, number>> =>
        database.use((client) => readPositions(client, group, topic));
      return { group, topic, positions };
    }),
  );
  try {
    await untilAborted(signal);
  } finally {
    await reader.stop();
    await admin.close();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
