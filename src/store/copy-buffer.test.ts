import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { COPY_HEADER, COPY_TRAILER, CopyBuffer } from './copy-buffer.ts';

const hex = (write: (buffer: CopyBuffer) => void): string => {
  const buffer = new CopyBuffer(1); // so small that every field has to grow it
  write(buffer);
  return buffer.take().toHex();
};

test('header and trailer are those of the manual', () => {
  expect(COPY_HEADER.toHex()).toBe('5047434f50590aff0d0a000000000000000000');
  expect(COPY_TRAILER.toHex()).toBe('ffff');
});

test('fields are a length and a big-endian value', () => {
  expect(hex((to) => to.row(3))).toBe('0003');
  expect(hex((to) => to.null())).toBe('ffffffff');
  expect(hex((to) => to.text('가"'))).toBe('00000004eab08022');
  expect(hex((to) => to.boolean(true))).toBe('0000000101');
  expect(hex((to) => to.int16(-2))).toBe('00000002fffe');
  expect(hex((to) => to.int32(-2))).toBe('00000004fffffffe');
  expect(hex((to) => to.int64(-2))).toBe('00000008fffffffffffffffe');
  expect(hex((to) => to.int64(2 ** 53 - 1))).toBe('00000008001fffffffffffff');
  expect(hex((to) => to.float64(1))).toBe('000000083ff0000000000000');
  expect(hex((to) => to.timestamp(946_684_800_001))).toBe('0000000800000000000003e8');
});

test('a whole number of 64 bits is split as BigInt splits it', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const bits = BigInt.asUintN(64, BigInt(value)).toString(16).padStart(16, '0');
      expect(hex((to) => to.int64(value))).toBe(`00000008${bits}`);
    }),
  );
});

test('what a column cannot hold as it is, is refused', () => {
  const buffer = new CopyBuffer();
  for (const text of ['\0', 'a\0b', '\ud800', 'x\udc00y']) {
    expect(() => buffer.text(text)).toThrow(RangeError);
  }
  for (const value of [2 ** 53, -(2 ** 53), 0.5, Number.NaN, Infinity]) {
    expect(() => buffer.int64(value)).toThrow(RangeError);
  }
  for (const value of [2 ** 15, -(2 ** 15) - 1, 0.5, Number.NaN, 2 ** 32]) {
    expect(() => buffer.int16(value)).toThrow(RangeError);
  }
  for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN, 2 ** 32]) {
    expect(() => buffer.int32(value)).toThrow(RangeError);
  }
  expect(buffer.take()).toHaveLength(0);
});

test('text is the bytes that TextEncoder makes of it, short or long', () => {
  const unit = fc.constantFrom<'binary' | 'grapheme'>('binary', 'grapheme');
  const text = fc
    .tuple(
      unit.chain((kind) => fc.string({ unit: kind, maxLength: 12 })),
      fc.constantFrom(1, 40),
    )
    .map(([part, times]) => part.repeat(times));
  fc.assert(
    fc.property(text, (value) => {
      if (value.includes('\0')) return;
      const bytes = new TextEncoder().encode(value);
      const length = bytes.length.toString(16).padStart(8, '0');
      expect(hex((to) => to.text(value))).toBe(length + bytes.toHex());
    }),
  );
});

test('what was taken stays as it was', () => {
  const buffer = new CopyBuffer();
  buffer.int16(1);
  const first = buffer.take();
  buffer.int16(2);
  expect(first.toHex()).toBe('000000020001');
  expect(buffer.take().toHex()).toBe('000000020002');
});
