import type { Batch, OffsetRange, Rejected, StreamRecord, Topic } from '../model/event.ts';
import { Refusal } from './refusal.ts';

/**
 * When what was received becomes a batch. Fresh events wait a moment for company and no longer, so
 * that a row is there within milliseconds; where there is a backlog, its age is spoilt anyway, and
 * larger batches cost less a row.
 */
export type BatchLimits = {
  rowsMax: number; // a batch is stored at once when it has so many,
  bytesMax: number; // or keys, values and headers of so many bytes,
  freshMsMax: number; // or when its first record has waited so long,
  behindMsMax: number; // or so long while there is a backlog
};

/** A batch of orders that large takes PostgreSQL a tenth of a second, and 40 MiB here. */
export const BATCH_LIMITS: BatchLimits = {
  rowsMax: 25_000,
  bytesMax: 16 << 20,
  freshMsMax: 10,
  behindMsMax: 250,
};

/** Collects the next batch, good records and refused ones, while the one before is being stored. */
export class Batcher<Event> {
  /** There is more where this came from. */
  behind = false;

  readonly #source: { topic: Topic; group: string };
  readonly #limits: BatchLimits;
  #events: Event[] = [];
  #records: StreamRecord[] = [];
  #rejected: Rejected[] = [];
  #ranges = new Map<number, OffsetRange>();
  #last: OffsetRange | undefined; // of the record added last
  #bytes = 0;
  #sinceMs = 0; // when the first record came

  constructor(source: { topic: Topic; group: string }, limits: BatchLimits) {
    this.#source = source;
    this.#limits = limits;
  }

  get rows(): number {
    return this.#events.length + this.#rejected.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How many more records may come before the batch is full. */
  get room(): number {
    return this.#bytes >= this.#limits.bytesMax ? 0 : Math.max(0, this.#limits.rowsMax - this.rows);
  }

  /**
   * Takes a record in. `from` is where its partition stood before: offsets between it and the record
   * belong to the batch too, as ones that do not exist.
   */
  add(record: StreamRecord, event: Event | Refusal, from: number, nowMs: number): void {
    if (this.rows === 0) this.#sinceMs = nowMs;
    this.#rangeOf(record.partition, from).next = record.offset + 1;
    this.#bytes += bytesOf(record);
    if (event instanceof Refusal) {
      this.#rejected.push({ record, reason: event.reason, message: event.message });
    } else {
      this.#events.push(event);
      this.#records.push(record);
    }
  }

  /** How long the batch may go on growing, ms; 0: it is due. Without a record it never is. */
  dueInMs(nowMs: number): number {
    if (this.rows === 0) return Infinity;
    if (this.room === 0) return 0;
    const { freshMsMax, behindMsMax } = this.#limits;
    return Math.max(0, this.#sinceMs + (this.behind ? behindMsMax : freshMsMax) - nowMs);
  }

  /** The batch so far; a new one begins. */
  take(): Batch<Event> {
    const batch = {
      ...this.#source,
      ranges: [...this.#ranges.values()],
      events: this.#events,
      records: this.#records,
      rejected: this.#rejected,
    };
    this.clear();
    return batch;
  }

  /** Forgets what was collected; it has to be received again. */
  clear(): void {
    this.#events = [];
    this.#records = [];
    this.#rejected = [];
    this.#ranges = new Map();
    this.#last = undefined;
    this.#bytes = 0;
  }

  /** Forgets the records of a partition. */
  drop(partition: number): void {
    if (!this.#ranges.delete(partition)) return;
    this.#last = undefined;
    const stays = (record: StreamRecord): boolean => record.partition !== partition;
    this.#events = this.#events.filter((_, index) => stays(this.#records[index]));
    this.#records = this.#records.filter(stays);
    this.#rejected = this.#rejected.filter(({ record }) => stays(record));
    this.#bytes = 0;
    for (const record of this.#records) this.#bytes += bytesOf(record);
    for (const { record } of this.#rejected) this.#bytes += bytesOf(record);
  }

  /** Records come in runs of one partition, so the last range is the one nearly always. */
  #rangeOf(partition: number, from: number): OffsetRange {
    if (this.#last?.partition === partition) return this.#last;
    let range = this.#ranges.get(partition);
    if (!range) this.#ranges.set(partition, (range = { partition, from, next: from }));
    this.#last = range;
    return range;
  }
}

/** What a record weighs: nobody forbids a key or a header to be larger than the value. */
function bytesOf({ key, value, headers }: StreamRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, content] of headers) bytes += name.length + (content?.length ?? 0);
  return bytes;
}
