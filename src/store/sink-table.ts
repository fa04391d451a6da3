import type { Topic } from '../model/event.ts';
import type { CopyBuffer } from './copy-buffer.ts';

/** How events of one topic become rows of one table. */
export type SinkTable<Event> = {
  topic: Topic; // the table's name too
  columns: readonly string[]; // of a COPY, into the table or into its staging table
  copies: boolean; // whether rows may go straight into the table, as none is ever changed
  mergeSql: string; // from the staging table into the table; returns the `id`s of rows made or changed
  /** Puts a row, field count included. Throws a RangeError for what no row can hold. */
  writeRow: (to: CopyBuffer, event: Event) => void;
  /** The row's id as PostgreSQL prints it. */
  idOf: (event: Event) => string;
  /** Of two events of one id, the earlier in the batch first: whether the later one stands for both. */
  supersedes: (later: Event, earlier: Event) => boolean;
  /** Begins to gather what rows change elsewhere, if they change anything. */
  effects: (() => EffectsOf<Event>) | null;
};

/** What rows that go in change elsewhere: added up row by row, then a statement of their transaction. */
export type EffectsOf<Event> = {
  add(event: Event): void;
  statement(): { sql: string; values: unknown[] } | null; // null: they change nothing
};
