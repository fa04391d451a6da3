import { deadLetterTopic, placeText, TOPICS, type Topic } from '../model/event.ts';
import type { PartitionEdges, StreamAdmin } from '../stream/admin.ts';
import { placeBefore } from '../stream/dead-letter-topic.ts';
import { readPartition } from '../stream/read-topic.ts';

/** What the table says of a dead letter. */
export type LetterMark = { topic: string; reason: string; open: boolean; published: boolean };

/** A dead-letter topic against the table. A letter may be there more than once; its place counts. */
export type LetterTopicAudit = {
  topic: Topic;
  places: number; // distinct, in the topic and in the table
  unpublished: number; // not sent yet
  missing: number; // marked as sent, and not there
  unknown: number; // records there of which the table has no dead letter
  expired: number; // records Kafka threw away: what is missing may have been among them
};

/** Where the dead-letter topics end; to be asked before the table is read. */
export async function publishedSoFar(admin: StreamAdmin): Promise<Map<Topic, PartitionEdges[]>> {
  const edges = new Map<Topic, PartitionEdges[]>();
  for (const topic of TOPICS) edges.set(topic, await admin.edges(deadLetterTopic(topic)));
  return edges;
}

/** Holds the dead-letter topics against the table: `letters` by place, read after `before` was asked. */
export async function auditLetterTopics(
  admin: StreamAdmin,
  letters: ReadonlyMap<string, LetterMark>,
  before: ReadonlyMap<Topic, readonly PartitionEdges[]>,
  note: (difference: string) => void,
): Promise<LetterTopicAudit[]> {
  const audits: LetterTopicAudit[] = [];
  for (const topic of TOPICS) {
    const found = await placesIn(admin, topic, before.get(topic) ?? []);
    const marks = [...letters].filter(([, mark]) => mark.topic === topic);
    const { early, all, expired } = found;
    const unknown = [...early].filter((place) => !letters.has(place));
    const sent = marks.filter(([, { published }]) => published);
    const missing = expired > 0 ? [] : sent.filter(([place]) => !all.has(place));
    if (missing.length > 0) note(`the dead letter ${missing[0][0]} is not in ${topic}.dlq`);
    if (unknown.length > 0) note(`${topic}.dlq has ${unknown[0]}, which is no dead letter`);
    audits.push({
      topic,
      places: marks.filter(([place]) => all.has(place)).length,
      unpublished: marks.length - sent.length,
      missing: missing.length,
      unknown: unknown.length,
      expired,
    });
  }
  return audits;
}

type Found = { early: Set<string>; all: Set<string>; expired: number };

/** The places in a dead-letter topic: all, and those that were there before the table was read. */
async function placesIn(
  admin: StreamAdmin,
  topic: Topic,
  before: readonly PartitionEdges[],
): Promise<Found> {
  const name = deadLetterTopic(topic);
  const found: Found = { early: new Set(), all: new Set(), expired: 0 };
  for (const edge of await admin.edges(name)) {
    const earlyEnd = before.find(({ partition }) => partition === edge.partition)?.end ?? 0;
    found.expired += edge.first;
    for await (const records of readPartition(admin, name, edge)) {
      for (const record of records) {
        const origin = placeBefore(record);
        const place = placeText(origin ?? record); // its own place is none of a dead letter's
        found.all.add(place);
        if (record.offset < earlyEnd) found.early.add(place);
      }
    }
  }
  return found;
}
