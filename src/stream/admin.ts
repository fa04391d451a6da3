import { createTopicsV7 } from './drivers/protocol.ts';

import { DAY_MS } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { deadLetterTopic, TOPICS, type StreamRecord } from '../model/event.ts';
import { brokerCode, Cluster, type BrokerState } from './drivers/cluster.ts';
import { committedOffsets, edgeOffset, fetchRecords } from './drivers/fetch.ts';
import { kafkaFailure } from './failure.ts';
import type { ConnectionSettings } from './port.ts';

/** What a topic is made with; one that is there already stays as it is. */
export type TopicPlan = {
  name: string;
  partitions: number;
  retentionDays: number;
  messageBytesMax?: number;
};

export type TopicState = {
  name: string;
  partitions: PartitionEdges[];
  made: boolean; // by this call
};

/** Offsets [first, end) are in Kafka. */
export type PartitionEdges = { partition: number; first: number; end: number };

const PARTITIONS = 3;
const REPLICAS_MAX = 3;
const RETENTION_DAYS = 7;
const LONG_RETENTION_DAYS = 30; // of what a late audit or a redrive may ask for
const MESSAGE_BYTES_MAX = 2 * 1_048_576; // a value of 1 MiB, its headers and its key
const PLACE_BYTES_MAX = 65_536; // of the headers that a dead letter gets on top
const CREATE_MS_MAX = 10_000;
const READ_WAIT_MS = 100;
const READ_BYTES_MAX = 8 << 20;
const PEEK_BYTES_MAX = 1; // one batch comes whole all the same

/** The three topics, and a dead-letter topic beside each. */
export const TOPIC_PLANS: readonly TopicPlan[] = TOPICS.flatMap((topic) => [
  {
    name: topic,
    partitions: PARTITIONS,
    retentionDays: topic === 'orders' ? LONG_RETENTION_DAYS : RETENTION_DAYS,
  },
  {
    name: deadLetterTopic(topic),
    partitions: 1,
    retentionDays: LONG_RETENTION_DAYS,
    messageBytesMax: MESSAGE_BYTES_MAX + PLACE_BYTES_MAX,
  },
]);

/** Questions to Kafka that are not about records. Fails within 10 s when nobody answers. */
export async function connectAdmin(settings: ConnectionSettings): Promise<StreamAdmin> {
  return new StreamAdmin(await Cluster.connect(settings));
}

export class StreamAdmin {
  #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Makes the topics that are missing, and says what there is. */
  async ensureTopics(plans: readonly TopicPlan[] = TOPIC_PLANS): Promise<TopicState[]> {
    const known = await this.#cluster.existing(plans.map(({ name }) => name));
    const missing = plans.filter(({ name }) => !known.has(name));
    if (missing.length > 0) await this.#make(missing);
    const states: TopicState[] = [];
    for (const plan of plans) {
      const made = missing.includes(plan);
      states.push({ name: plan.name, partitions: await this.edges(plan.name), made });
    }
    return states;
  }

  /** The brokers that there ought to be, by what these topics need, and whether each is up. */
  async brokers(topics: readonly string[]): Promise<BrokerState[]> {
    return await this.#cluster.brokerStates(topics);
  }

  /** Kafka's own id of a topic: one that is deleted and made anew under its name has another. */
  async topicId(topic: string): Promise<string> {
    this.#cluster.forget(topic);
    return await this.#ask(topic, `reading the id of ${topic}`, () => this.#cluster.topicId(topic));
  }

  /** Where the partitions of a topic begin and end. */
  async edges(topic: string): Promise<PartitionEdges[]> {
    const partitions = await this.#partitions(topic);
    return await Promise.all(
      partitions.map(async (partition) =>
        this.#ask(topic, `reading the offsets of ${topic} ${partition}`, async () => {
          const leader = await this.#cluster.to(await this.#cluster.leader(topic, partition));
          const first = await edgeOffset(leader, topic, partition, 'first');
          const end = await edgeOffset(leader, topic, partition, 'end');
          return { partition, first, end };
        }),
      ),
    );
  }

  /** What a group has committed of a topic, by partition; one without a commit is not in the map. */
  async committed(group: string, topic: string): Promise<Map<number, number>> {
    const partitions = await this.#partitions(topic);
    return await this.#ask(topic, `reading the offsets of ${group}`, async () => {
      const coordinator = await this.#cluster.to(await this.#cluster.coordinator(group));
      return await committedOffsets(coordinator, group, topic, partitions);
    });
  }

  /** When the record at an offset, or its batch, was made, in ms since the epoch. */
  async timestampMs(topic: string, partition: number, offset: number): Promise<number | undefined> {
    return await this.#ask(topic, `reading ${topic} ${partition}`, async () => {
      const leader = await this.#cluster.to(await this.#cluster.leader(topic, partition));
      const wanted = { waitMs: 0, bytesMax: PEEK_BYTES_MAX };
      const { cursor } = await fetchRecords(leader, topic, partition, offset, wanted);
      return cursor.firstTimestampMs();
    });
  }

  /** Records of a partition from an offset on, one fetch of them, and where to go on. */
  async records(
    topic: string,
    partition: number,
    from: number,
  ): Promise<{ records: StreamRecord[]; next: number }> {
    const doing = `reading ${topic} ${partition}`;
    return await this.#ask(topic, doing, async () => {
      const leader = await this.#cluster.to(await this.#cluster.leader(topic, partition));
      const wanted = { waitMs: READ_WAIT_MS, bytesMax: READ_BYTES_MAX };
      const { code, cursor } = await fetchRecords(leader, topic, partition, from, wanted);
      if (code !== undefined) {
        throw new PipelineError('KAFKA_FAILED', `${doing}: ${code}`, { retryable: true });
      }
      const records: StreamRecord[] = [];
      cursor.read(Infinity, records);
      return { records, next: cursor.next };
    });
  }

  async close(): Promise<void> {
    await this.#cluster.close();
  }

  async #make(plans: readonly TopicPlan[]): Promise<void> {
    const brokers = (await this.#cluster.brokers()).size;
    const replicationFactor = Math.min(REPLICAS_MAX, brokers);
    const topics = plans.map(
      ({ name, partitions, retentionDays, messageBytesMax = MESSAGE_BYTES_MAX }) => ({
        name,
        numPartitions: partitions,
        replicationFactor,
        assignments: [],
        configs: [
          { name: 'min.insync.replicas', value: brokers > 1 ? '2' : '1' }, // of three, one may be away
          { name: 'retention.ms', value: `${retentionDays * DAY_MS}` },
          { name: 'compression.type', value: 'producer' }, // brokers keep batches as they come
          { name: 'max.message.bytes', value: `${messageBytesMax}` },
        ],
      }),
    );
    try {
      await createTopicsV7.api.async(await this.#cluster.any(), topics, CREATE_MS_MAX, false);
    } catch (cause) {
      // Somebody else may be making the topics too.
      if (brokerCode(cause) !== 'TOPIC_ALREADY_EXISTS') {
        throw kafkaFailure(cause, 'making the topics');
      }
    }
    for (const { name } of plans) await this.#led(name);
  }

  async #partitions(topic: string): Promise<number[]> {
    try {
      const count = await this.#cluster.partitions(topic);
      return Array.from({ length: count }, (_, partition) => partition);
    } catch (cause) {
      throw failureOf(cause, `reading the partitions of ${topic}`);
    }
  }

  /** A new topic is of use once every partition has a leader. */
  async #led(topic: string): Promise<void> {
    const count = await this.#cluster.partitions(topic);
    await this.#ask(topic, `waiting for the leaders of ${topic}`, async () => {
      for (let partition = 0; partition < count; partition++) {
        await this.#cluster.leader(topic, partition);
      }
    });
  }

  /** Asks again for a while, since leaders change. */
  async #ask<Answer>(
    topic: string,
    doing: string,
    question: () => Promise<Answer>,
  ): Promise<Answer> {
    const untilMs = performance.now() + ASK_MS_MAX;
    for (;;) {
      try {
        return await question();
      } catch (cause) {
        const error = failureOf(cause, doing);
        if (!error.retryable || performance.now() > untilMs) throw error;
        this.#cluster.forget(topic);
        await Bun.sleep(ASK_AGAIN_MS);
      }
    }
  }
}

const ASK_MS_MAX = 8_000;
const ASK_AGAIN_MS = 200;

function failureOf(cause: unknown, doing: string): PipelineError {
  const error = kafkaFailure(cause, doing);
  const passes = PASSING.has(brokerCode(cause) ?? '');
  if (error.retryable || !passes) return error;
  return new PipelineError(error.code, error.message, { retryable: true, cause });
}

/** Answers that another broker, or the same one in a moment, does not give. */
const PASSING = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'OFFSET_NOT_AVAILABLE',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
  'UNSTABLE_OFFSET_COMMIT',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
]);
