import type { Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { retry } from '../base/retry.ts';
import { repeat } from '../base/schedule.ts';
import { untilAborted } from '../base/shutdown.ts';
import { REAL_TIME } from '../base/time.ts';
import { Outage } from '../base/outage.ts';
import { GROUPS, TOPICS, type Topic } from '../model/event.ts';
import { countDeadLetters } from '../store/dead-letters.ts';
import { pendingEffects } from '../store/effects.ts';
import { readPositions } from '../store/offsets.ts';
import { connectAdmin } from '../stream/admin.ts';
import { LagReader } from '../stream/lag.ts';
import { consumerOf } from './catalogue.ts';
import { databaseOf, kafkaOf, type SuiteConfig } from './config.ts';
import { Database } from './database.ts';
import { checkSameKafka } from './same-kafka.ts';

type WatchOptions = { topics: readonly Topic[]; signal: AbortSignal; log: Log };

const NAME = 'watch';
const LOOK_EVERY_MS = 5_000;
const END_MS_MAX = 500;

/**
 * Keeps up, in the background, what no consumer can say of itself: the lag of the groups, the effects
 * of orders that wait, the open dead letters. A scrape finds the last values and asks nobody. What
 * cannot be read keeps its value; the stream does not depend on it.
 */
export class StreamWatch {
  readonly #over = new AbortController();
  readonly #running: Promise<void>;
  #ended: Promise<void> | undefined;

  /** Looks after topics, if there are any and the services are known: parts complain if they are not. */
  constructor(config: SuiteConfig, topics: readonly Topic[], log: Log) {
    const { databaseUrl, kafka } = config;
    this.#running =
      topics.length === 0 || databaseUrl === null || kafka === null
        ? Promise.resolve()
        : watch(config, { topics, log, signal: this.#over.signal });
  }

  /** Ends it; nothing is lost by leaving it in the middle of a look. */
  async stop(): Promise<void> {
    this.#over.abort();
    this.#ended ??= Promise.race([this.#running, Bun.sleep(END_MS_MAX)]);
    await this.#ended;
  }
}

/** The topics whose consumers are among these workers. */
export function consumedBy(workers: readonly string[]): Topic[] {
  return TOPICS.filter((topic) => workers.includes(consumerOf(topic)));
}

async function watch(config: SuiteConfig, options: WatchOptions): Promise<void> {
  const database = new Database(databaseOf(config), NAME);
  try {
    await Promise.all([readTables(database, options), readLag(database, config, options)]);
  } finally {
    await database.close();
  }
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
      const open = letters.filter((group) => group.topic === topic && group.state === 'open');
      metrics.deadLettersOpen.set(
        { topic },
        open.reduce((sum, { count }) => sum + count, 0),
      );
    }
  });
}

async function readLag(
  database: Database,
  config: SuiteConfig,
  { topics, signal, log }: WatchOptions,
): Promise<void> {
  const outage = new Outage(log, 'reading the lag');
  const connecting = { what: 'reading the lag', time: REAL_TIME, signal };
  const admin = await outage.survive(() =>
    retry(connecting, () => connectAdmin(kafkaOf(config, NAME))),
  );
  if (admin === undefined) return; // told to stop, or refused for good: the log has it
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
