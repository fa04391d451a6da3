import { PipelineError } from '../base/errors.ts';
import { GROUPS, TOPICS } from '../model/event.ts';
import type { Client } from '../store/client.ts';
import { storedOffsets, type StoredOffset } from '../store/offsets.ts';
import type { PartitionEdges } from '../stream/admin.ts';

type Ends = { edges(topic: string): Promise<PartitionEdges[]> };

/**
 * Refuses a Kafka that ends before what is stored of it: its topics were made anew, or it is another
 * one. Its records would all look as if they had been stored before, and be left out in silence.
 */
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

function otherKafka({ topic, partition, next, group }: StoredOffset, end: number): PipelineError {
  return new PipelineError(
    'KAFKA_FAILED',
    `PostgreSQL has stored ${topic}/${partition} up to ${next}, and this Kafka ends at ${end}: it is ` +
      'not the one these records came from. Use that one; or, if its topics were emptied on purpose, ' +
      `delete from consumer_offsets where group_id = '${group}', and the like for the other groups`,
  );
}
