import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { countKeys, countNames } from './wire-scan.ts';

const DEPTH = 32;

test('names of any JSON are counted as its keys are, however it is written', () => {
  const json = fc.json({ depthSize: 'small', stringUnit: 'binary' });
  fc.assert(
    fc.property(json, fc.constantFrom(undefined, 2, '\t'), (text, indent) => {
      const value: unknown = JSON.parse(text);
      const written = JSON.stringify(value, null, indent);
      expect(countNames(written, DEPTH)).toBe(countKeys(value));
    }),
    { numRuns: 300 },
  );
});

test('a name that stands twice counts twice, wherever and however', () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":1}',
    '{"b":{"a":1,"c":[],"a":2}}',
    '[{"x":{}},[{"a":1,"a":1}]]',
    '{"__proto__":1,"__proto__":2}',
    '{"1":1,"1":2}',
    '{"":1,"":2}',
    '{"a" : 1 ,\n"a"\t:1}',
  ]) {
    expect(countNames(text, DEPTH)).toBe(countKeys(JSON.parse(text)) + 1);
  }
});

test('signs within texts are not structure', () => {
  const text = '{"a":"{[:\\"{[:\\\\","b":["x:y","\\\\",":"]}';
  expect(countNames(text, 2)).toBe(2);
});

test('depth counts objects and lists, and what is open is enough', () => {
  expect(countNames('['.repeat(DEPTH) + ']'.repeat(DEPTH), DEPTH)).toBe(0);
  expect(countNames('['.repeat(DEPTH + 1), DEPTH)).toBe(-1);
  expect(countNames('{"a":'.repeat(DEPTH + 1), DEPTH)).toBe(-1);
  expect(countNames('[]'.repeat(1_000), 1)).toBe(0);
});

test('text that is not JSON ends too', () => {
  for (const text of ['"', '"\\', '{"a', ']]]]', ':::', '', '\0', '{"a":"\\']) {
    expect(countNames(text, DEPTH)).toBeGreaterThanOrEqual(0);
  }
});
