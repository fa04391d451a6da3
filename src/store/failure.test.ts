import { expect, test } from 'bun:test';
import { DatabaseError } from 'pg';

import { databaseFailure, serverError } from './failure.ts';

const fromServer = (code: string): DatabaseError => {
  const error = new DatabaseError('no', 2, 'error');
  error.code = code;
  return error;
};
const fromSocket = (code: string): Error => Object.assign(new Error('no'), { code });

test.each([
  ['40P01', 'DATABASE_BUSY'], // deadlock
  ['40001', 'DATABASE_BUSY'],
  ['55P03', 'DATABASE_BUSY'], // lock timeout
  ['57014', 'DATABASE_BUSY'], // statement timeout
  ['53200', 'DATABASE_BUSY'],
  ['25006', 'DATABASE_BUSY'], // a standby
  ['53100', 'DATABASE_FULL'],
  ['53300', 'DATABASE_UNREACHABLE'], // too many connections
  ['57P03', 'DATABASE_UNREACHABLE'], // starting up
  ['57P01', 'DATABASE_LOST'],
  ['57P05', 'DATABASE_LOST'],
  ['25P03', 'DATABASE_LOST'], // idle in transaction
  ['08006', 'DATABASE_LOST'],
] as const)('%s is %s, and may be tried again', (sqlState, code) => {
  const failure = databaseFailure(fromServer(sqlState), 'storing');
  expect(failure).toMatchObject({ code, retryable: true });
  expect(failure.message).toStartWith(`storing: no (${sqlState})`);
});

test.each([
  ['28P01', 'DATABASE_DENIED'],
  ['42501', 'DATABASE_DENIED'],
  ['3D000', 'DATABASE_DENIED'],
  ['42P01', 'DATABASE_FAILED'],
  ['22001', 'DATABASE_FAILED'],
  ['23505', 'DATABASE_FAILED'],
  ['XX000', 'DATABASE_FAILED'],
] as const)('%s is %s, and trying again is no use', (sqlState, code) => {
  expect(databaseFailure(fromServer(sqlState), 'storing')).toMatchObject({
    code,
    retryable: false,
  });
});

test('what the socket and pg say without a state is told apart too', () => {
  const codes = (cause: unknown): [string, boolean] => {
    const { code, retryable } = databaseFailure(cause, 'storing');
    return [code, retryable];
  };
  expect(codes(fromSocket('ECONNREFUSED'))).toEqual(['DATABASE_UNREACHABLE', true]);
  expect(codes(fromSocket('ECONNRESET'))).toEqual(['DATABASE_LOST', true]);
  expect(codes(new AggregateError([fromSocket('ECONNREFUSED')], ''))).toEqual([
    'DATABASE_UNREACHABLE',
    true,
  ]);
  for (const message of [
    'Connection terminated unexpectedly',
    'Client has encountered a connection error and is not queryable',
    'Query read timeout',
  ]) {
    expect(codes(new Error(message))).toEqual(['DATABASE_LOST', true]);
  }
  for (const message of ['timeout expired', 'Connection terminated due to connection timeout']) {
    expect(codes(new Error(message))).toEqual(['DATABASE_UNREACHABLE', true]);
  }
  expect(codes(new Error('our own bug'))).toEqual(['DATABASE_FAILED', false]);
});

test('the words of the server are found behind a failure, and nowhere else', () => {
  const cause = fromServer('23505');
  cause.constraint = 'users_email_key';
  const expected = { code: '23505', message: 'no', constraint: 'users_email_key' };
  expect(serverError(cause)).toEqual(expected);
  expect(serverError(databaseFailure(cause, 'storing'))).toEqual(expected);
  expect(serverError(fromSocket('ECONNRESET'))).toBeNull();
});
