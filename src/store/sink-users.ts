import mergeUsers from '../../sql/queries/merge_users.sql' with { type: 'text' };
import { GROUPS, type Sink, type UserEvent } from '../model/event.ts';
import type { SinkOptions } from './sink-orders.ts';
import { PostgresStore } from './sink-postgres.ts';
import type { SinkTable } from './sink-table.ts';
import { ExactlyOnceSink } from './sink.ts';

const COLUMNS = [
  'user_id',
  'name',
  'gender',
  'age',
  'birth_year',
  'address',
  'address_district',
  'email',
  'grade',
  'status',
  'last_login_at',
  'marketing_agree',
  'random_seed',
  'created_at',
  'event_at',
];

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
    to.text(user.userId);
    to.text(user.name);
    to.text(user.gender);
    to.int16(user.age);
    to.int16(user.birthYear);
    to.text(user.address);
    to.text(user.addressDistrict);
    to.text(user.email);
    to.text(user.grade);
    to.text(user.status);
    to.timestamp(user.lastLoginAtMs);
    to.boolean(user.marketingAgree);
    to.float64(user.randomSeed);
    to.timestamp(user.createdAtMs);
    to.timestamp(eventTimeMs);
  },
  idOf: ({ user }) => user.userId,
  supersedes: (later, earlier) => later.eventTimeMs >= earlier.eventTimeMs,
  effects: null,
};

export function userSink({ group = GROUPS.users, ...session }: SinkOptions): Sink<UserEvent> {
  return new ExactlyOnceSink(new PostgresStore(USER_TABLE, { ...session, group }));
}
