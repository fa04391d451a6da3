import { expect, test } from 'bun:test';
import fc from 'fast-check';

import type { OrderEvent } from '../model/event.ts';
import { Refusal } from './refusal.ts';
import { envelopeOf, orderOf } from './wire-decode.ts';
import { readWrittenOrder } from './wire-quick.ts';

const WRITTEN =
  '{"version":1,"event_type":"order_created","event_id":"01a1fce7-9dfb-7184-8000-140000000032",' +
  '"event_time":"2026-11-21T16:00:00.123+09:00","order":{' +
  '"order_id":"01a1fce7-9dfb-7184-8000-140000000032","cart_id":"01a1fce7-9dfb-7184-8000-140000000030",' +
  '"created_at":"2026-11-21T16:00:00.123+09:00","unit_price":12300,"total_amount":26100,' +
  '"shipping_cost":2500,"discount_amount":0,"quantity":2,"scenario":8,' +
  '"payment_method":"NaverPay","status":"Success","user_id":"U_00000042","user_name":"김서준😀",' +
  '"user_region":"경기도","user_gender":"M","user_age_group":"30대",' +
  '"product_id":"P00000007","category":"신선(과일/채소)"}}';

const encoder = new TextEncoder();

/** The quick way, with all texts made. */
function quickly(text: string): OrderEvent | null {
  return readWrittenOrder(encoder.encode(text))?.plain() ?? null;
}

/** The way of every other order: JSON.parse and checks by name. */
function generally(text: string): OrderEvent | null {
  try {
    return orderOf(envelopeOf('orders', text));
  } catch (cause) {
    if (cause instanceof Refusal) return null;
    throw cause;
  }
}

test('an order as written here is read, and as JSON.parse reads it', () => {
  expect(quickly(WRITTEN)).not.toBeNull();
  expect(quickly(WRITTEN)).toEqual(generally(WRITTEN));
});

test('what is not written so is left to the general way', () => {
  for (const [from, to] of [
    ['{"version"', '{ "version"'],
    ['}}', '}} '],
    ['김', '\\uae40'],
    ['"quantity":2', '"quantity":2.0'],
    ['"quantity":2', '"quantity":2e0'],
    ['123+09:00', '123000+09:00'],
    ['"cart_id":"01a', '"cart_id":"01A'],
    ['"unit_price":12300,"total_amount":26100', '"total_amount":26100,"unit_price":12300'],
  ]) {
    const text = WRITTEN.replace(from, to);
    expect(text).not.toBe(WRITTEN);
    expect([text, quickly(text)]).toEqual([text, null]);
  }
});

// Wherever a text is changed, by whatever sign: both readers agree, or the quick one stands back.
const SIGNS = [
  ...Array.from('"\\{}[]:,.-+eE0129afgZT '),
  '\0',
  '\n',
  '\t',
  '\u001f',
  '\u007f',
  '김',
  '\ud83d\ude00',
];
const edit = fc.record({
  at: fc.nat({ max: WRITTEN.length }),
  remove: fc.nat({ max: 3 }),
  insert: fc.array(fc.constantFrom(...SIGNS), { maxLength: 3 }).map((signs) => signs.join('')),
});

test('the quick reader never says anything else than the general one', () => {
  let taken = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 2 }), (edits) => {
      let text = WRITTEN;
      for (const { at, remove, insert } of edits) {
        text = text.slice(0, at) + insert + text.slice(at + remove);
      }
      if (!text.isWellFormed()) return; // decoding gives no such text
      const quick = quickly(text);
      if (quick === null) return;
      taken++;
      expect(quick).toEqual(generally(text)!);
    }),
    { numRuns: 10_000 },
  );
  expect(taken).toBeGreaterThan(100);
});

test('every single sign changed, every sign left out', () => {
  for (let at = 0; at < WRITTEN.length; at++) {
    for (const sign of ['', '"', '\\', '0', '9', 'a', ',', '\n', '김']) {
      const text = WRITTEN.slice(0, at) + sign + WRITTEN.slice(at + 1);
      const quick = text.isWellFormed() ? quickly(text) : null;
      if (quick !== null) expect(quick).toEqual(generally(text)!);
    }
  }
});

// Bytes that are no UTF-8, or only almost: overlong, surrogates, beyond Unicode, cut off.
const LEADS = [0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef];
LEADS.push(0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
const TAILS = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf];
const PIECES = [
  ...[0x00, 0x1f, 0x61, ...TAILS].map((byte) => [byte]),
  ...LEADS.flatMap((lead) => TAILS.map((tail) => [lead, tail])),
  ...LEADS.flatMap((lead) => TAILS.map((tail) => [lead, tail, 0x80])),
  ...LEADS.flatMap((lead) => TAILS.map((tail) => [lead, tail, 0x80, 0xbf])),
];
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

test('bytes that a strict decoder refuses are never taken, and those it takes are read alike', () => {
  const bytes = encoder.encode(WRITTEN);
  const name = encoder.encode(WRITTEN.slice(0, WRITTEN.indexOf('김'))).length;
  let taken = 0;
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(0, 1, 3, 5, 6, 9, 11),
      (inserted, at) => {
        const value = Uint8Array.of(
          ...bytes.subarray(0, name + at),
          ...inserted.flat(),
          ...bytes.subarray(name + at),
        );
        const quick = readWrittenOrder(value);
        if (quick === null) return;
        taken++;
        expect(quick.plain()).toEqual(generally(strict.decode(value))!);
      },
    ),
    { numRuns: 20_000 },
  );
  expect(taken).toBeGreaterThan(500);
});

test('every character there is, alone in a name', () => {
  for (let code = 0; code <= 0x10ffff; code += code < 0x3000 ? 1 : 0x7f) {
    const sign = String.fromCodePoint(code);
    if (!sign.isWellFormed()) continue;
    const text = WRITTEN.replace('김서준😀', sign);
    const quick = quickly(text);
    if (code >= 0x20 && sign !== '"' && sign !== '\\') expect(quick?.userName).toBe(sign);
    else expect(quick).toBeNull();
  }
});
