import type { Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { Outage } from '../base/outage.ts';
import { PipelineError } from '../base/errors.ts';
import { pause } from '../base/shutdown.ts';
import { placeText, type Place, type Topic } from '../model/event.ts';
import { transaction, type Client } from '../store/client.ts';
import type { DeadLetter } from '../store/dead-letters.ts';
import { markPublished, mayPublish, unpublishedLetters } from '../store/unpublished.ts';
import { deadLetterRecord } from '../stream/dead-letter-topic.ts';
import { DEFAULT_DRIVER, streamDriver } from '../stream/drivers.ts';
import { kafkaFailure } from '../stream/failure.ts';
import type { ConnectionSettings, Producer, ProducerOptions } from '../stream/port.ts';
import type { Database } from './database.ts';

export type PublishOptions = {
  database: Database; // its own: a page may wait for Kafka as long as DELIVERY_MS_MAX
  kafka: ConnectionSettings;
  topics: readonly Topic[];
  signal: AbortSignal;
  log: Log;
  /** Says that dead letters get where they belong (null), or why not. */
  check: (failure: string | null) => void;
};

const LOOK_EVERY_MS = 1_000;
const TRY_AGAIN_MS = 10_000;
const DELIVERY_MS_MAX = 5_000;
const PAGE_LETTERS = 32; // of 2 MiB at most each
const CLOSE_MS_MAX = 500;
const PRODUCER: ProducerOptions = {
  lingerMs: 2,
  compression: 'none',
  inFlightMax: PAGE_LETTERS,
  deliveryMsMax: DELIVERY_MS_MAX,
};

/**
 * Sends what is stored in `dead_letters` to the dead-letter topics, until aborted: what the sinks have
 * just stored, and what a crash has left. The table stays the truth; each letter is sent at least once
 * and marked once Kafka has it. A topic that cannot be reached costs the stream nothing.
 */
export async function publishLetters(options: PublishOptions): Promise<void> {
  const { database, signal, log, check } = options;
  const publisher = new Publisher(options);
  const outage = new Outage(log, 'publishing dead letters');
  try {
    while (!signal.aborted) {
      const works = await outage.survive(async () => {
        try {
          await publisher.publish();
          check(null);
        } catch (cause) {
          if (cause instanceof PipelineError) check(cause.message);
          throw cause;
        }
        return true;
      });
      await pause(works === true ? LOOK_EVERY_MS : TRY_AGAIN_MS, signal);
    }
  } finally {
    await publisher.close();
    await database.close();
  }
}

class Publisher {
  readonly #options: PublishOptions;
  #producer: Producer | null = null;

  constructor(options: PublishOptions) {
    this.#options = options;
  }

  /** Sends all that waits; throws the first failure once the others have had their turn. */
  async publish(): Promise<void> {
    const { database, topics, signal } = this.#options;
    const look = (client: Client): Promise<DeadLetter[]> => unpublishedLetters(client, topics, 1);
    if ((await database.use(look)).length === 0) return;
    this.#producer ??= await this.#connect(); // before the transaction: it takes its time
    let after: Place | null = null;
    let failure: PipelineError | undefined;
    while (!signal.aborted) {
      const page = await database.use((client) => this.#page(client, after));
      failure ??= page.failure;
      after = page.last;
      if (after === null || (page.failure && page.acked === 0)) break;
    }
    if (failure) throw failure;
  }

  async close(): Promise<void> {
    await Promise.race([this.#producer?.close(), Bun.sleep(CLOSE_MS_MAX)]); // brokers may be away
  }

  /** Only the default driver keeps headers as they are. */
  async #connect(): Promise<Producer> {
    const driver = await streamDriver(DEFAULT_DRIVER);
    return await driver.producer(this.#options.kafka, PRODUCER);
  }

  async #page(client: Client, after: Place | null): Promise<Page> {
    return await transaction(client, 'publishing dead letters', async () => {
      if (!(await mayPublish(client))) return NOTHING;
      const letters = await unpublishedLetters(client, this.#options.topics, PAGE_LETTERS, after);
      const sent = await Promise.all(letters.map((letter) => this.#send(letter)));
      const acked = letters.filter((_, i) => sent[i] === null);
      await markPublished(client, acked);
      for (const { topic } of acked) metrics.deadLettersPublished.inc({ topic });
      const failure = sent.find((error) => error !== null);
      return { acked: acked.length, last: letters.at(-1) ?? null, ...(failure && { failure }) };
    });
  }

  /** Null once Kafka has it. One by one, so that one that is refused leaves the others alone. */
  async #send(letter: DeadLetter): Promise<PipelineError | null> {
    const topic = this.#options.topics.find((name) => name === letter.topic);
    if (!this.#producer || topic === undefined)
      throw new Error(`no way to publish ${letter.topic}`);
    const { acked, error } = await this.#producer.send([deadLetterRecord(topic, letter)]);
    if (acked === 1) return null;
    const { code, message, retryable } = kafkaFailure(error ?? 'no answer', 'publishing');
    return new PipelineError(code, `the dead letter ${placeText(letter)}: ${message}`, {
      retryable,
    });
  }
}

type Page = { acked: number; last: Place | null; failure?: PipelineError };

const NOTHING: Page = { acked: 0, last: null };
