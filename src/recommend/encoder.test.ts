import { expect, test } from 'bun:test';

import { encodeColumn, encodeWords, fitEncoder, reserved } from './encoder.ts';
import answers from './fixtures/encoder.json';
import { CHUNK_ROWS, DIMS } from './rows.ts';

test('sorts and numbers classes as scikit-learn does, by code point', () => {
  const encoder = fitEncoder(answers.values);
  expect(encoder.classes).toEqual(answers.classes);
  expect([...encodeWords(encoder, answers.values)]).toEqual(answers.codes);
});

test('gives what is missing or unseen a code that no class has, and counts it', () => {
  const encoder = fitEncoder(['b', null, 'a', 'b']);
  const codes = encodeWords(encoder, ['x', 'b', 'a']);
  const out = new Int32Array(5);
  const column = Int16Array.of(1, -1, 0, 2, -1);
  const found = encodeColumn(
    { column, codes, reserved: reserved(encoder), out, at: 0, stride: 1 },
    0,
  );
  expect([...out]).toEqual([1, 2, 2, 0, 2]);
  expect(found).toEqual({ missing: 2, unseen: 1 });
});

test('writes into one feature of the rows, chunk by chunk', () => {
  const count = CHUNK_ROWS + 3;
  const column = Uint16Array.from({ length: count }, (_, row) => row % 3);
  const out = new Float64Array(count * DIMS);
  const input = { column, codes: Int32Array.of(4, 5, 6), reserved: 9, out, at: 2, stride: DIMS };
  encodeColumn(input, 1);
  encodeColumn(input, 0);
  const expected = new Float64Array(count * DIMS);
  for (let row = 0; row < count; row++) expected[row * DIMS + 2] = 4 + (row % 3);
  expect(out).toEqual(expected);
});

test('refuses a word that the dictionary does not have', () => {
  const input = {
    column: Int32Array.of(3),
    codes: Int32Array.of(0),
    reserved: 1,
    out: new Int32Array(1),
    at: 0,
    stride: 1,
  };
  expect(() => encodeColumn(input, 0)).toThrow('row 0 holds word 3');
});

test('with nothing to learn from, everything is a stranger', () => {
  const encoder = fitEncoder([null]);
  expect(reserved(encoder)).toBe(0);
  expect([...encodeWords(encoder, ['a'])]).toEqual([0]);
});
