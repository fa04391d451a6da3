import { GROUPS, TOPICS } from '../model/event.ts';
import type { Client } from '../store/client.ts';
import { storedOffsets } from '../store/offsets.ts';
import type { PartitionEdges } from '../stream/admin.ts';
import { otherKafka } from '../stream/failure.ts';

type Ends = { edges(topic: string): Promise<PartitionEdges[]> };

/** Refuses a Kafka that ends before what is stored of it. Consumers look again by themselves. */
export async function checkSameKafka(client: Client, kafka: Ends): Promise<void> {
  const stored = await storedOffsets(client);
  for (const topic of TOPICS) {
    const ofTopic = stored.filter((each) => each.topic === topic && each.group === GROUPS[topic]);
    if (ofTopic.length === 0) continue;
    const ends = new Map((await kafka.edges(topic)).map(({ partition, end }) => [partition, end]));
    const beyond = ofTopic.find(({ partition, next }) => next > (ends.get(partition) ?? 0));
    if (beyond) throw otherKafka(beyond, ends.get(beyond.partition) ?? 0);
  }
}
