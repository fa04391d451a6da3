import { expect, test } from 'bun:test';

import { murmur2, partitionOf } from './murmur2.ts';

// org.apache.kafka.common.utils.Utils.murmur2 of Kafka 4.1.1, and toPositive of it modulo 3 and 7.
test.each([
  ['', 275646681, 0, 2],
  ['a', -1563381124, 1, 5],
  ['ab', 316155434, 2, 0],
  ['abc', 479470107, 0, 4],
  ['abcd', -1323649548, 2, 5],
  ['USER-000001', -1914136111, 1, 3],
  ['P_0000000000000042', -551970470, 0, 0],
  ['고객-1', 602740453, 1, 0],
  ['the quick brown fox jumps', -1650844993, 1, 2],
])("the hash of '%s' is Java's", (key, hash, ofThree, ofSeven) => {
  const bytes = new TextEncoder().encode(key);
  expect(murmur2(bytes)).toBe(hash);
  expect([partitionOf(bytes, 3), partitionOf(bytes, 7)]).toEqual([ofThree, ofSeven]);
});

test('bytes beyond 127 are taken as bytes', () => {
  expect(murmur2(Uint8Array.of(0xff, 0x80, 0, 127, 0xfe, 1))).toBe(552156664);
});
