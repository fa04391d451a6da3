import holdTopicSql from '../../sql/queries/hold_topic.sql' with { type: 'text' };
import type { Topic } from '../model/event.ts';
import { query, type Client } from './client.ts';

/** Where each partition is read on by a group; one that was never stored is not in the map. */
export async function readPositions(
  client: Client,
  group: string,
  topic: Topic,
): Promise<Map<number, number>> {
  const rows = await query<{ partition: number; next_offset: string }>(
    client,
    `reading the offsets of ${group}`,
    'select partition, next_offset from consumer_offsets where group_id = $1 and topic = $2',
    [group, topic],
  );
  return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]));
}

/** Kafka's id of the topic that a group's offsets count in: that one, if it has none yet. */
export async function holdTopic(
  client: Client,
  group: string,
  topic: Topic,
  topicId: string,
): Promise<string> {
  const doing = `noting which topic ${group} reads`;
  await query(client, doing, holdTopicSql, [group, topic, topicId]);
  const [held] = await query<{ topic_id: string }>(
    client,
    doing,
    'select topic_id from consumer_topics where group_id = $1 and topic = $2',
    [group, topic],
  );
  return held.topic_id;
}

/** Kafka's id of the topic that the offsets of a group count in; null where none was noted. */
export async function heldTopicId(
  client: Client,
  group: string,
  topic: Topic,
): Promise<string | null> {
  const [held] = await query<{ topic_id: string }>(
    client,
    `reading which topic ${group} reads`,
    `select topic_id from consumer_topics where group_id = $1 and topic = $2
       and exists (select from consumer_offsets where group_id = $1 and topic = $2)`,
    [group, topic],
  );
  return held?.topic_id ?? null;
}

/** One partition of a group: how far it is stored, and what its records became. */
export type StoredOffset = {
  group: string;
  topic: string;
  partition: number;
  first: number; // where reading began
  next: number;
  inserted: number; // records that made or changed a row
  duplicates: number;
  rejected: number;
  updatedAtMs: number;
};

/** Every partition that was ever stored, of every group. */
export async function storedOffsets(client: Client): Promise<StoredOffset[]> {
  type Row = Record<'first' | 'next' | 'inserted' | 'duplicates' | 'rejected', string> & {
    group: string;
    topic: string;
    partition: number;
    updated_at: Date;
  };
  const rows = await query<Row>(
    client,
    'reading the stored offsets',
    `select group_id as group, topic, partition, first_offset as first, next_offset as next, inserted,
       duplicates, rejected, updated_at
     from consumer_offsets
     order by group_id, topic, partition`,
  );
  return rows.map((row) => ({
    group: row.group,
    topic: row.topic,
    partition: row.partition,
    first: Number(row.first),
    next: Number(row.next),
    inserted: Number(row.inserted),
    duplicates: Number(row.duplicates),
    rejected: Number(row.rejected),
    updatedAtMs: row.updated_at.getTime(),
  }));
}
