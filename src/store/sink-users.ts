import mergeUsers from '../../sql/queries/merge_users.sql' with { type: 'text' };
import { GROUPS, type Sink, type UserEvent } from '../model/event.ts';
import type { SinkOptions } from './sink-orders.ts';
import { PostgresStore } from './sink-postgres.ts';
import type { SinkTable } from './sink-table.ts';
import { ExactlyOnceSink } from './sink.ts';
import { USER_FACTS, writeUserFacts } from './user-columns.ts';

const COLUMNS = [...USER_FACTS, 'event_at'];

/**
 * A row a customer, as the newest event has it. `last_ordered_at` comes from stored orders alone,
 * and the grade only with a new row.
 */
export const USER_TABLE: SinkTable<UserEvent> = {
  topic: 'users',
  columns: COLUMNS,
  copies: false,
  mergeSql: mergeUsers,
  writeRow(to, { user, eventTimeMs }) {
    to.row(COLUMNS.length);
    writeUserFacts(to, user);
    to.timestamp(eventTimeMs);
  },
  idOf: ({ user }) => user.userId,
  supersedes: (later, earlier) => later.eventTimeMs >= earlier.eventTimeMs,
  effects: null,
};

export function userSink({ group = GROUPS.users, ...session }: SinkOptions): Sink<UserEvent> {
  return new ExactlyOnceSink(new PostgresStore(USER_TABLE, { ...session, group }));
}
