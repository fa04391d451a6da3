import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import {
  CART_MAX,
  CART_SIZE_WEIGHTS,
  cartSizeMoments,
  decodeOrderId,
  DISCOUNT_MAX,
  discountAmount,
  formatUuid,
  ORDER_STATUSES,
  orderId,
  type OrderKey,
  parseUuid,
  PAYMENT_BANDS,
  PAYMENT_METHODS,
  paymentBandIndex,
  RUN_MAX,
  seedTag,
  SHIPPING_COSTS,
  STATUS_SHARES,
  totalAmount,
  writeOrderId,
} from './order.ts';

test('customers pay as their age does', () => {
  const expected: [number | null | undefined, string][] = [
    [14, 'Card 45 NaverPay 25 KakaoPay 20 Bank 10'],
    [29, 'Card 45 NaverPay 25 KakaoPay 20 Bank 10'],
    [30, 'Card 50 NaverPay 20 KakaoPay 20 Bank 10'],
    [39, 'Card 50 NaverPay 20 KakaoPay 20 Bank 10'],
    [40, 'Card 65 NaverPay 10 KakaoPay 15 Bank 10'],
    [49, 'Card 65 NaverPay 10 KakaoPay 15 Bank 10'],
    [null, 'Card 65 NaverPay 10 KakaoPay 15 Bank 10'],
    [undefined, 'Card 65 NaverPay 10 KakaoPay 15 Bank 10'],
    [50, 'Card 75 NaverPay 5 KakaoPay 5 Bank 15'],
    [90, 'Card 75 NaverPay 5 KakaoPay 5 Bank 15'],
  ];
  for (const [age, text] of expected) {
    const { weights } = PAYMENT_BANDS[paymentBandIndex(age)];
    const line = PAYMENT_METHODS.map((method, index) => `${method} ${weights[index]}`).join(' ');
    expect([age, line]).toEqual([age, text]);
  }
});

test('carts have 1 to 10 rows, 3.37 in the mean', () => {
  expect([...CART_SIZE_WEIGHTS]).toEqual([25, 20, 15, 12, 10, 7, 5, 3, 2, 1]);
  const mean = CART_SIZE_WEIGHTS.reduce((sum, weight, index) => sum + weight * (index + 1), 0);
  expect(mean / 100).toBe(3.37);
  // E[x²] − E[x]²: 25 + 80 + 135 + 192 + 250 + 252 + 245 + 192 + 162 + 100 = 1633 of 100
  const moments = cartSizeMoments(CART_SIZE_WEIGHTS);
  expect(moments.mean).toBeCloseTo(3.37, 12);
  expect(moments.variance).toBeCloseTo(16.33 - 3.37 ** 2, 12);
  expect(cartSizeMoments([0, 7, 0])).toEqual({ mean: 2, variance: 0 });
});

test('most orders succeed', () => {
  expect(ORDER_STATUSES.map((status) => `${status} ${STATUS_SHARES[status]}`)).toEqual([
    'Success 0.96',
    'Cancelled 0.02',
    'Returned 0.015',
    'Failed 0.005',
  ]);
});

test('an amount is price times quantity, plus shipping, less the discount', () => {
  expect([...SHIPPING_COSTS]).toEqual([0, 2500, 3000]);
  expect(DISCOUNT_MAX).toBe(0.1);
  expect(discountAmount(19_900, 3, 0)).toBe(0);
  expect(discountAmount(19_900, 3, 0.5)).toBe(2985);
  expect(discountAmount(19_900, 3, 0.999999)).toBe(5969);
  expect(discountAmount(10_000, 1, 0.5, 0.4)).toBe(2000);
  expect(totalAmount(19_900, 3, 2_500, 2_985)).toBe(59_215);
  expect(totalAmount(100, 1, 0, 500)).toBe(0);
});

const TIME = 1_735_657_200_000; // 2025-01-01 in Seoul

const keys = fc.record({
  timeMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  seed: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  run: fc.integer({ min: 0, max: RUN_MAX }),
  cart: fc.integer({ min: 0, max: CART_MAX }),
  item: fc.integer({ min: 0, max: 9 }),
});

/** The id by the layout of RFC 9562, slowly: one 128-bit number. */
function slowId({ timeMs, seed, run, cart, item }: OrderKey): string {
  let bits = BigInt(timeMs);
  bits = (bits << 4n) | 7n;
  bits = (bits << 12n) | BigInt(seedTag(seed));
  bits = (bits << 2n) | 2n;
  bits = (bits << 20n) | BigInt(run);
  bits = (bits << 38n) | BigInt(cart);
  bits = (bits << 4n) | BigInt(item);
  const hex = bits.toString(16).padStart(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function compare(a: OrderKey, b: OrderKey): number {
  return a.timeMs - b.timeMs || a.run - b.run || a.cart - b.cart || a.item - b.item;
}

describe('order ids', () => {
  test('are what the slow layout says', () => {
    fc.assert(fc.property(keys, (key) => expect(orderId(key)).toBe(slowId(key))));
    const edge = { timeMs: 2 ** 48 - 1, seed: 1, run: RUN_MAX, cart: CART_MAX, item: 9 };
    expect(orderId(edge)).toBe(slowId(edge));
  });

  test('are UUIDs of version 7 and the RFC variant', () => {
    fc.assert(
      fc.property(keys, (key) => {
        expect(orderId(key)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });

  test('can be read back', () => {
    fc.assert(
      fc.property(keys, (key) => {
        const { seed, ...rest } = key;
        expect(decodeOrderId(orderId(key))).toEqual({ ...rest, seedTag: seedTag(seed) });
      }),
    );
  });

  test('rise with time, run, cart and item, and differ when these do', () => {
    const near = fc.record({
      timeMs: fc.integer({ min: TIME, max: TIME + 2 }),
      seed: fc.constant(42),
      run: fc.integer({ min: 0, max: 2 }),
      cart: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: CART_MAX })),
      item: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(near, near, (a, b) => {
        const [left, right] = [orderId(a), orderId(b)];
        expect(Math.sign(compare(a, b))).toBe(left < right ? -1 : left > right ? 1 : 0);
      }),
      { numRuns: 2000 },
    );
  });

  test('are all different in a run', () => {
    const ids = new Set<string>();
    for (let cart = 0; cart < 2000; cart++) {
      for (let item = 0; item < 10; item++) {
        ids.add(orderId({ timeMs: TIME, seed: 1, run: 3, cart, item }));
      }
    }
    expect(ids.size).toBe(20_000);
  });

  test('are written at an offset and touch nothing else', () => {
    const bytes = new Uint8Array(48).fill(0xee);
    writeOrderId(bytes, 16, TIME, 5, 1, 2 ** 33 + 7, 4);
    expect(formatUuid(bytes, 16)).toBe(
      orderId({ timeMs: TIME, seed: 5, run: 1, cart: 2 ** 33 + 7, item: 4 }),
    );
    expect(bytes.subarray(0, 16).every((byte) => byte === 0xee)).toBe(true);
    expect(bytes.subarray(32).every((byte) => byte === 0xee)).toBe(true);
  });

  test('tell seeds apart', () => {
    const tags = new Set(Array.from({ length: 4096 }, (_, seed) => seedTag(seed)));
    expect(tags.size).toBeGreaterThan(2400); // 63 % of 4096 by chance
    expect(seedTag(1)).not.toBe(seedTag(1 + 2 ** 32));
  });

  test('out of range are refused', () => {
    const good = { timeMs: TIME, seed: 1, run: 0, cart: 0, item: 0 };
    const bad = [
      { run: RUN_MAX + 1 },
      { run: -1 },
      { cart: CART_MAX + 1 },
      { cart: 0.5 },
      { item: 10 },
      { timeMs: 2 ** 48 },
      { seed: -1 },
    ];
    for (const change of bad) expect(() => orderId({ ...good, ...change })).toThrow(RangeError);
  });
});

test('UUIDs are formatted and parsed both ways', () => {
  const text = '0194200c-8d80-7abc-8000-1000000000f4';
  expect(formatUuid(parseUuid(text))).toBe(text);
  expect(formatUuid(parseUuid(text.toUpperCase()))).toBe(text);
  for (const wrong of ['', 'x', text.slice(1), `${text}0`, text.replace('-', '_')]) {
    expect(() => parseUuid(wrong)).toThrow(RangeError);
  }
  expect(() => decodeOrderId('0194200c-8d80-4abc-8000-1000000000f4')).toThrow('UUIDv7');
  expect(() => decodeOrderId('0194200c-8d80-7abc-c000-1000000000f4')).toThrow('UUIDv7');
});
