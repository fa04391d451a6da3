import { expect, test } from 'bun:test';
import fc from 'fast-check';

import type { OrderEvent } from '../model/event.ts';
import { ORDER_STATUSES, PAYMENT_METHODS } from '../model/order.ts';
import { readWrittenOrder } from '../stream/wire-quick.ts';
import { CopyBuffer } from './copy-buffer.ts';
import { OrderEffects } from './effects.ts';
import { writeOrderEvent } from './order-event-copy.ts';

const word = fc
  .string({ minLength: 1, maxLength: 60, unit: 'grapheme' })
  .filter((text) => text.isWellFormed() && !/["\\\p{Cc}]/u.test(text));
const uuid = fc.uuid({ version: 7 });
const won = fc.nat({ max: 2 ** 31 }).map((value) => value * 1_000 + (value % 7));

/** A value as a maker writes it, field by field. */
const value = fc
  .record({
    order: uuid,
    cart: uuid,
    ms: fc.integer({ min: Date.UTC(2001, 0, 1), max: Date.UTC(2099, 0, 1) }),
    prices: fc.tuple(won, won, won, won),
    quantity: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    scenario: fc.nat({ max: 20 }),
    payment: fc.constantFrom(...PAYMENT_METHODS),
    status: fc.constantFrom(...ORDER_STATUSES),
    texts: fc.array(word, { minLength: 6, maxLength: 6 }),
  })
  .map(({ order, cart, ms, prices, quantity, scenario, payment, status, texts }) => {
    const time = `${new Date(ms + 9 * 3_600_000).toISOString().slice(0, -1)}+09:00`;
    const [user, name, region, age, product, category] = texts;
    return JSON.stringify({
      version: 1,
      event_type: 'order_created',
      event_id: order,
      event_time: time,
      order: {
        order_id: order,
        cart_id: cart,
        created_at: time,
        unit_price: prices[0],
        total_amount: prices[1],
        shipping_cost: prices[2],
        discount_amount: prices[3],
        quantity,
        scenario,
        payment_method: payment,
        status,
        user_id: user,
        user_name: name,
        user_region: region,
        user_gender: 'F',
        user_age_group: age,
        product_id: product,
        category,
      },
    });
  });

function copied(order: OrderEvent): Uint8Array {
  const to = new CopyBuffer(16);
  writeOrderEvent(to, order);
  return to.take();
}

test('copied from its bytes, an order is the row that its texts and numbers make', () => {
  fc.assert(
    fc.property(value, (text) => {
      const written = readWrittenOrder(new TextEncoder().encode(text));
      expect(copied(written!)).toEqual(copied(written!.plain()));
    }),
    { numRuns: 500 },
  );
});

test('and it changes in users and products what they make it change', () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 30 }), (texts) => {
      const [fromBytes, fromTexts] = [new OrderEffects(), new OrderEffects()];
      for (const text of texts) {
        const written = readWrittenOrder(new TextEncoder().encode(text));
        fromBytes.add(written!);
        fromTexts.add(written!.plain());
      }
      expect(fromBytes.statement()).toEqual(fromTexts.statement());
    }),
  );
});
