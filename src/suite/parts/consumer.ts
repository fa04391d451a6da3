import { setting } from '../../base/config.ts';
import { REAL_TIME } from '../../base/time.ts';
import { GROUPS, type EventOf, type Sink, type Topic } from '../../model/event.ts';
import { withClient } from '../../store/client.ts';
import { holdTopic } from '../../store/offsets.ts';
import { orderSink, type SinkOptions } from '../../store/sink-orders.ts';
import { productSink } from '../../store/sink-products.ts';
import { userSink } from '../../store/sink-users.ts';
import { connectAdmin, type StreamAdmin } from '../../stream/admin.ts';
import { consume } from '../../stream/consume.ts';
import { streamDriver } from '../../stream/drivers.ts';
import { otherTopic } from '../../stream/failure.ts';
import type { ConnectionSettings, StreamDriver } from '../../stream/port.ts';
import { within } from '../../stream/wait.ts';
import { consumerOf } from '../catalogue.ts';
import { databaseOf, kafkaOf } from '../config.ts';
import { unlessStopped, type Part, type PartContext } from '../part.ts';
import { withFolding } from './folding.ts';

// A member that is gone without a word is missed after this: its partitions are another's within 10 s.
const SESSION_MS_MAX = 6_000;
const FETCH_BYTES_MAX = 8 << 20;
const ANSWER_MS_MAX = 15_000; // then a link to PostgreSQL has fallen mute
const CLOSE_MS_MAX = 500; // for a connection that only asked

const SINKS: { [T in Topic]: (options: SinkOptions) => Sink<EventOf[T]> } = {
  users: userSink,
  products: productSink,
  orders: orderSink,
};

/** Stores a topic's events in PostgreSQL, each once; one member of the topic's group. */
export function consumer(topic: Topic): Part {
  const name = consumerOf(topic);
  return {
    name,
    async run(context) {
      context.check('kafka', 'loading the client');
      // Loading it keeps the thread for seconds on a busy machine: before anything has a deadline.
      const driver = await streamDriver(setting('KAFKA_DRIVER'));
      const work = (): Promise<void> => consumeTopic(topic, driver, context);
      if (topic === 'orders') await withFolding(context, work);
      else await work();
    },
  };
}

async function consumeTopic(
  topic: Topic,
  driver: StreamDriver,
  context: PartContext,
): Promise<void> {
  const { name, config, signal, log, heartbeat, progress, check } = context;
  const settings = kafkaOf(config, name);
  const group = GROUPS[topic];
  const sink = SINKS[topic]({ databaseUrl: databaseOf(config) });
  const ends = new Ends(settings, topic, databaseOf(config));
  try {
    await consume({
      topic,
      group,
      sink,
      ends: () => unlessStopped(signal, ends.read()),
      signal,
      log,
      check,
      progress,
      heartbeat: () => heartbeat(),
      time: REAL_TIME,
      open: (onAssignment) =>
        driver.consumer(settings, {
          topic,
          group,
          ...(config.memberId !== null && { instanceId: `${config.memberId}-${name}` }),
          sessionMsMax: SESSION_MS_MAX,
          fetchBytesMax: FETCH_BYTES_MAX,
          onAssignment,
        }),
    });
  } finally {
    const asked = within(ends.close(), CLOSE_MS_MAX).catch(() => undefined); // brokers may be away
    await Promise.all([asked, sink.close()]);
  }
}

/**
 * Where a topic's partitions end, asked on a connection that is made when it is first needed. Throws
 * KAFKA_FAILED for a topic that is not the one whose offsets are stored.
 */
class Ends {
  readonly #settings: ConnectionSettings;
  readonly #topic: Topic;
  readonly #databaseUrl: string;
  #admin: StreamAdmin | null = null;

  constructor(settings: ConnectionSettings, topic: Topic, databaseUrl: string) {
    this.#settings = settings;
    this.#topic = topic;
    this.#databaseUrl = databaseUrl;
  }

  async read(): Promise<Map<number, number>> {
    this.#admin ??= await connectAdmin(this.#settings);
    await this.#checkTopic(await this.#admin.topicId(this.#topic));
    const edges = await this.#admin.edges(this.#topic);
    return new Map(edges.map(({ partition, end }) => [partition, end]));
  }

  async #checkTopic(id: string): Promise<void> {
    const group = GROUPS[this.#topic];
    const held = await withClient(
      this.#databaseUrl,
      (client) => holdTopic(client, group, this.#topic, id),
      { queryMsMax: ANSWER_MS_MAX },
    );
    if (held !== id) throw otherTopic(this.#topic, group, held, id);
  }

  async close(): Promise<void> {
    await this.#admin?.close();
  }
}
