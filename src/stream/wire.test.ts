import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { parseTrace, traceText } from './wire.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test('a trace reads back as it was written', () => {
  expect(traceText({ run: 7, seed: 42, sequence: 0 })).toBe('7:42:0');
  const trace = fc.record({
    run: fc.maxSafeNat(),
    seed: fc.maxSafeNat(),
    sequence: fc.maxSafeNat(),
  });
  fc.assert(
    fc.property(trace, (value) => {
      expect(parseTrace(bytesOf(traceText(value)))).toEqual(value);
    }),
  );
});

test('what is not three plain numbers is no trace', () => {
  expect(parseTrace(null)).toBeNull();
  const plain =
    '| : | :: | 1 | 1:2 | 1:2: | 1::3 | :2:3 | 1:2:3: | 1:2:3:4 | 01:2:3 | 1:00:3 | +1:2:3';
  const odd = '-1:2:3 | 1:2:3.0 | 1:2:3e1 | 1:2:0x3 | 1:2:３ | 1,2,3 | 1:2:3\n |  1:2:3';
  const large = `9007199254740992:2:3 | 1:9007199254740993:3 | 1:2:${'9'.repeat(400)}`;
  for (const text of [plain, odd, large]
    .flatMap((list) => list.split(' | '))
    .concat(['1:2:3 ', '|'])) {
    expect([text, parseTrace(bytesOf(text))]).toEqual([text, null]);
  }
  expect(parseTrace(bytesOf('0:0:9007199254740991'))?.sequence).toBe(Number.MAX_SAFE_INTEGER);
});

test('any bytes are a trace exactly if a slow reader says so', () => {
  const slow = (text: string): number[] | null => {
    const parts = text.split(':').map((part) => (/^(0|[1-9]\d*)$/.test(part) ? Number(part) : -1));
    return parts.length === 3 && parts.every((part) => part >= 0 && part < 2 ** 53) ? parts : null;
  };
  const near = fc.string({ unit: fc.constantFrom('0', '1', '9', ':', '-', 'x'), maxLength: 9 });
  fc.assert(
    fc.property(near, (text) => {
      const found = parseTrace(bytesOf(text));
      expect(found && [found.run, found.seed, found.sequence]).toEqual(slow(text));
    }),
    { numRuns: 2_000 },
  );
});
