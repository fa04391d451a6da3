import { expect, test } from 'bun:test';

import { philox, Random } from './random.ts';

const hex = (words: Uint32Array): string =>
  [...words].map((word) => word.toString(16).padStart(8, '0')).join(' ');

// Known answers published with Random123 (kat_vectors, philox4x32 with 10 rounds).
test.each([
  [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    '408f276d 41c83b0e a20bc7c6 6d5451fd',
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  ],
])('philox of %p under %p is the published answer', (counter, key, answer) => {
  const out = new Uint32Array(4);
  philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1], out);
  expect(hex(out)).toBe(answer);
});

function draw(seed: number, stream: 'user' | 'cart', index: number, run = 0): number[] {
  const random = new Random(seed, stream, run);
  random.at(7).next();
  random.at(index);
  return Array.from({ length: 9 }, () => random.next());
}

test('draws depend on seed, run, stream and index, and on nothing else', () => {
  expect(draw(42, 'user', 5)).toEqual(draw(42, 'user', 5));
  const others = [draw(43, 'user', 5), draw(42, 'cart', 5), draw(42, 'user', 6)];
  for (const other of others) expect(other).not.toEqual(draw(42, 'user', 5));
  expect(draw(42 + 2 ** 32, 'user', 5)).not.toEqual(draw(42, 'user', 5));
  expect(draw(42, 'user', 5 + 2 ** 32)).not.toEqual(draw(42, 'user', 5));
  const runs = [0, 1, 2, 255, 256, 2 ** 20 - 1].map((run) => draw(42, 'cart', 5, run).join());
  expect(new Set(runs).size).toBe(runs.length);
  expect(draw(42, 'cart', 5, 9)).toEqual(draw(42, 'cart', 5, 9));
});

test('the run and the stream are the last word of the counter', () => {
  const out = new Uint32Array(4);
  philox(5, 0, 0, 3 + 2 ** 20 * 256 - 256, 42, 0, out); // stream 3 of run 2^20 - 1
  const random = new Random(42, 'cart', 2 ** 20 - 1).at(5);
  expect([random.bits(), random.bits(), random.bits(), random.bits()]).toEqual([...out]);
});

test('uniform draws fill ten bins alike', () => {
  const random = new Random(1, 'user');
  const bins = new Uint32Array(10);
  for (let index = 0; index < 10_000; index++) {
    random.at(index);
    for (let turn = 0; turn < 5; turn++) bins[random.below(10)]++;
  }
  const expected = 5_000;
  const chiSquare = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(chiSquare).toBeLessThan(27.9); // 99.9th percentile, 9 degrees of freedom
  expect(chiSquare).toBeGreaterThan(1.15); // 0.1st percentile: not suspiciously even
});
