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
  expect(readWrittenOrder(WRITTEN)).not.toBeNull();
  expect(readWrittenOrder(WRITTEN)).toEqual(generally(WRITTEN));
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
    expect([text, readWrittenOrder(text)]).toEqual([text, null]);
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
      const quick = readWrittenOrder(text);
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
      const quick = text.isWellFormed() ? readWrittenOrder(text) : null;
      if (quick !== null) expect(quick).toEqual(generally(text)!);
    }
  }
});
