import { expect, test } from 'bun:test';

import { PipelineError } from './errors.ts';
import { errorFields, logger } from './log.ts';

const clock = (): number => Date.UTC(2026, 10, 21, 7, 0, 0, 123);

function lines(options: Parameters<typeof logger>[1] = {}) {
  const written: string[] = [];
  const log = logger('producer', {
    level: 'debug',
    people: false,
    clock,
    write: (line) => written.push(line),
    ...options,
  });
  return { log, written };
}

test('a line is one JSON object with time, level, part and message first', () => {
  const { log, written } = lines();
  log.info('stored a batch', { rows: 3, topic: 'orders', none: undefined });
  expect(written).toEqual([
    '{"time":"2026-11-21T07:00:00.123Z","level":"info","part":"producer","msg":"stored a batch","rows":3,"topic":"orders"}\n',
  ]);
});

test('people get a short line, in the time of the shop', () => {
  const { log, written } = lines({ people: true });
  log.info('stored', { rows: 3 });
  log.warn('again');
  expect(written).toEqual([
    '16:00:00 producer           stored  rows=3\n',
    '16:00:00 producer           WARN again\n',
  ]);
});

test('what is below the level is not written', () => {
  const { log, written } = lines({ level: 'warn' });
  log.debug('a');
  log.info('b');
  log.error('c');
  expect(written).toHaveLength(1);
  const off = lines({ level: 'off' });
  off.log.error('d');
  expect(off.written).toEqual([]);
});

test('passwords in URLs never reach a line, wherever they stand', () => {
  const { log, written } = lines();
  log.info('from postgres://a:secret1@h/db to redis://:secret2@h', {
    error: 'no answer of postgres://b:secret3@h, nor of redis://c:secret4@h',
  });
  expect(written[0]).not.toContain('secret');
  expect(written[0]).toContain('postgres://a:***@h/db');
});

test('a line break in a message stays inside its line, and long texts are cut', () => {
  const { log, written } = lines();
  log.error('first\nsecond', { text: 'x'.repeat(10_000) });
  expect(written[0].trimEnd()).not.toContain('\n');
  expect(written[0].length).toBeLessThan(2_200);
});

test('an error of the world is its code and message, a defect has its stack', () => {
  expect(errorFields(new PipelineError('REDIS_UNREACHABLE', 'away'))).toEqual({
    code: 'REDIS_UNREACHABLE',
    error: 'away',
  });
  expect(errorFields(new TypeError('oops'))).toMatchObject({ code: 'DEFECT', error: 'oops' });
  expect(errorFields(new TypeError('oops'))['stack']).toContain('log.test.ts');
});
