import { GROUPS, TOPICS } from '../model/event.ts';
import type { Client } from '../store/client.ts';
import { heldTopicId, storedOffsets } from '../store/offsets.ts';
import type { PartitionEdges } from '../stream/admin.ts';
import { otherKafka, otherTopic } from '../stream/failure.ts';

type Kafka = {
  edges(topic: string): Promise<PartitionEdges[]>;
  topicId(topic: string): Promise<string>;
};

/**
 * Refuses a Kafka that ends before what is stored of it, or whose topics are others of the same
 * names. Consumers look again by themselves.
 */
export async function checkSameKafka(client: Client, kafka: Kafka): Promise<void> {
  const stored = await storedOffsets(client);
  for (const topic of TOPICS) {
    const ofTopic = stored.filter((each) => each.topic === topic && each.group === GROUPS[topic]);
    if (ofTopic.length === 0) continue;
    const held = await heldTopicId(client, GROUPS[topic], topic);
    const id = held === null ? null : await kafka.topicId(topic);
    if (held !== null && id !== null && held !== id)
      throw otherTopic(topic, GROUPS[topic], held, id);
    const ends = new Map((await kafka.edges(topic)).map(({ partition, end }) => [partition, end]));
    const beyond = ofTopic.find(({ partition, next }) => next > (ends.get(partition) ?? 0));
    if (beyond) throw otherKafka(beyond, ends.get(beyond.partition) ?? 0);
  }
}
