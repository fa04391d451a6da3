import type { OffsetRange, Rejected, Topic } from '../model/event.ts';

/**
 * What storing a batch asks of a database, verb by verb: sink.ts decides, this does. PostgreSQL is
 * behind it in sink-postgres.ts; a simulation may stand there too. One transaction at a time.
 */
export type SinkStore<Event> = {
  readonly topic: Topic;
  readonly group: string;
  /** Whether `copy` works; the sink goes straight to `merge` where it does not. */
  readonly copies: boolean;
  begin(): Promise<SinkTransaction<Event>>;
  /** Next offset by partition, of those that were ever stored. */
  positions(): Promise<Map<number, number>>;
  close(): Promise<void>;
};

export type SinkTransaction<Event> = {
  /**
   * Locks the offsets of these partitions until the end and returns where each stands. One that was
   * never seen is entered at `from`.
   */
  claim(ranges: readonly OffsetRange[]): Promise<Map<number, number>>;
  /** The rows that cannot even be sent, found without the database. */
  screen(events: readonly Event[]): RefusedRow[];
  /** All rows into the table, or RowsRefused: then `rollback` is all that is left. */
  copy(events: readonly Event[]): Promise<void>;
  /**
   * The rows whose id is new, or whose event is newer; returns the indexes of those that made or
   * changed a row. Where it throws RowsRefused nothing of it has happened, and the rest goes on.
   */
  merge(events: readonly Event[]): Promise<number[]>;
  /** Keeps records that cannot be stored. One that was kept before stays as it was. */
  bury(letters: readonly Rejected[]): Promise<void>;
  /** Keeps what these rows change elsewhere. */
  note(landed: readonly Event[]): Promise<void>;
  /** Moves offsets that stand at `from`; false where one of them does not. */
  advance(moves: readonly Move[]): Promise<boolean>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
};

export type RefusedRow = { index: number; message: string };

/** A partition moved on, and what became of the records between. */
export type Move = OffsetRange & { inserted: number; duplicates: number; rejected: number };

/**
 * The database refuses rows for what is in them: `duplicate` if an id is there already (only where
 * that was not allowed for), `refused` for everything else. Any other failure is a PipelineError.
 */
export class RowsRefused extends Error {
  override name = 'RowsRefused';
  readonly why: 'duplicate' | 'refused';

  constructor(why: 'duplicate' | 'refused', message: string, cause?: unknown) {
    super(message, { cause });
    this.why = why;
  }
}
