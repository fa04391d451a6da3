import { expect, test } from 'bun:test';
import { inspect } from 'node:util';

import { PipelineError, type ErrorCode } from '../base/errors.ts';
import { everyReply, redisFailure } from './failure.ts';

const KNOWN: [message: string, code: ErrorCode, retryable: boolean, advice: string][] = [
  ['connect ECONNREFUSED 127.0.0.1:6379', 'REDIS_UNREACHABLE', true, 'millrace up'],
  ['Command timed out', 'REDIS_UNREACHABLE', true, 'millrace up'],
  ['Connection is closed.', 'REDIS_UNREACHABLE', true, 'millrace up'],
  ["Stream isn't writeable and enableOfflineQueue options is false", 'REDIS_UNREACHABLE', true, ''],
  ['Reached the max retries per request limit (which is 0).', 'REDIS_UNREACHABLE', true, ''],
  ['Socket timeout. Expecting data', 'REDIS_UNREACHABLE', true, ''],
  ['LOADING Redis is loading the dataset in memory', 'REDIS_UNREACHABLE', true, 'later'],
  ['WRONGPASS invalid username-password pair', 'REDIS_FAILED', false, 'REDIS_URL'],
  ['NOAUTH Authentication required.', 'REDIS_FAILED', false, 'REDIS_URL'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'REDIS_FAILED', true, 'memory'],
  ["READONLY You can't write against a read only replica.", 'REDIS_FAILED', true, 'primary'],
  ['WRONGTYPE Operation against a key', 'REDIS_FAILED', false, 'another program'],
  ['self signed certificate', 'REDIS_FAILED', false, 'certificate'],
  ['ERR something new', 'REDIS_FAILED', false, ''],
];

test.each(KNOWN)('%s', (message, code, retryable, advice) => {
  const failure = redisFailure(new Error(message), 'reading the pools');
  expect(failure).toMatchObject({ code, retryable });
  expect(failure.message).toStartWith(`reading the pools: ${message}`);
  expect(failure.message).toContain(advice);
});

test('an error inside a script counts as itself, also as Redis 6 words it', () => {
  const inner = "OOM command not allowed when used memory > 'maxmemory'.";
  const six = `ERR Error running script (call to f_ca9b): @user_script:2: @user_script: 2: -${inner}`;
  const seven = `${inner} script: ca9b, on @user_script:2.`;
  for (const text of [six, seven]) {
    const failure = redisFailure(new Error(text), 'staging');
    expect(failure).toMatchObject({ code: 'REDIS_FAILED', retryable: true });
    expect(failure.message).toStartWith(`staging: ${inner}`);
  }
});

test("a socket's code counts, also inside an AggregateError", () => {
  const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
  for (const cause of [refused, new AggregateError([refused], '')]) {
    const { code, message } = redisFailure(cause, 'x');
    expect(code).toBe('REDIS_UNREACHABLE');
    expect(message).toContain('ECONNREFUSED');
  }
});

test('the arguments of a refused command go nowhere: AUTH has the password in them', () => {
  const refused = Object.assign(new Error('WRONGPASS no'), {
    command: { name: 'auth', args: ['secret'] },
  });
  expect(inspect(redisFailure(refused, 'connecting'), { depth: 9 })).not.toContain('secret');
});

test('an error among the replies of a pipeline is thrown, and so is a dropped transaction', async () => {
  const oom = new Error('OOM no');
  const ok: [null, unknown] = [null, 'OK'];
  expect(await everyReply(Promise.resolve([ok, [null, 7]]))).toEqual(['OK', 7]);
  expect(everyReply(Promise.resolve([ok, [oom, null], ok]))).rejects.toBe(oom);
  expect(everyReply(Promise.resolve(null))).rejects.toThrow('closed');
  const known = new PipelineError('REDIS_FAILED', 'as it is');
  expect(redisFailure(known, 'x')).toBe(known);
});
