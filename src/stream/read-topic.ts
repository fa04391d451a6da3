import type { StreamRecord } from '../model/event.ts';
import type { PartitionEdges, StreamAdmin } from './admin.ts';

/**
 * Every record of a partition between two offsets, in pieces, without a group: nobody's position
 * moves. Ends early where Kafka has thrown records away meanwhile.
 */
export async function* readPartition(
  admin: StreamAdmin,
  topic: string,
  { partition, first, end }: PartitionEdges,
): AsyncGenerator<StreamRecord[]> {
  let at = first;
  while (at < end) {
    const { records, next } = await admin.records(topic, partition, at);
    const wanted = records.filter(({ offset }) => offset < end);
    if (wanted.length > 0) yield wanted;
    if (next === at && records.length === 0) return; // only what Kafka keeps for itself is left
    at = next;
  }
}
