import { PipelineError } from '../base/errors.ts';
import type { Batch, OffsetRange, Rejected, StreamRecord } from '../model/event.ts';

/** The part of a batch that is not stored yet. */
export type Plan<Event> = {
  moves: OffsetRange[]; // from where each partition stands to where the batch ends
  events: readonly Event[];
  records: readonly StreamRecord[]; // events[i] came as records[i]
  rejected: readonly Rejected[];
  skipped: number;
};

/**
 * Holds a batch against what is stored. Records below the stored offset are left out: they come
 * again after a rebalance or a restart, or after a commit whose answer was lost. The stored offset
 * is compared with what this sink knew (`known`; null: nothing yet): if it has moved in between and
 * into the middle of the batch, somebody else consumes the partition (OFFSET_TAKEN). If it has moved
 * beyond the batch, that may have been this sink's own lost commit, and there is nothing left to do.
 */
export function planBatch<Event>(
  batch: Batch<Event>,
  stored: ReadonlyMap<number, number>,
  known: ReadonlyMap<number, number> | null,
): Plan<Event> {
  const moves: OffsetRange[] = [];
  let overlaps = false;
  for (const { partition, from, next } of batch.ranges) {
    const at = stored.get(partition) ?? from;
    if (from > at) throw gap(batch, partition, from, at);
    overlaps ||= from < at;
    if (next <= at) continue;
    if (from < at && known !== null && known.get(partition) !== at) {
      throw taken(batch, partition, from, at);
    }
    moves.push({ partition, from: at, next });
  }
  const { events, records, rejected } = batch;
  return overlaps
    ? { moves, ...withoutStored(batch, stored) }
    : { moves, events, records, rejected, skipped: 0 };
}

function withoutStored<Event>(
  batch: Batch<Event>,
  stored: ReadonlyMap<number, number>,
): Omit<Plan<Event>, 'moves'> {
  const isNew = ({ partition, offset }: StreamRecord): boolean =>
    offset >= (stored.get(partition) ?? 0);
  const events = batch.events.filter((_, index) => isNew(batch.records[index]));
  const records = batch.records.filter(isNew);
  const rejected = batch.rejected.filter(({ record }) => isNew(record));
  const kept = records.length + rejected.length;
  const skipped = batch.records.length + batch.rejected.length - kept;
  return { events, records, rejected, skipped };
}

export function taken(
  { group, topic }: Batch<unknown>,
  partition: number,
  from: number,
  at: number,
): PipelineError {
  return new PipelineError(
    'OFFSET_TAKEN',
    `${group} has stored ${topic}/${partition} up to ${at} meanwhile, this batch begins at ` +
      `${from}; read on from the stored positions`,
  );
}

function gap(
  { group, topic }: Batch<unknown>,
  partition: number,
  from: number,
  at: number,
): PipelineError {
  return new PipelineError(
    'OFFSET_GAP',
    `${group} has stored ${topic}/${partition} up to ${at}, this batch begins at ${from}; ` +
      'go back to the stored positions',
  );
}
