import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { orderBatch, type OrderBatch } from '../model/order-batch.ts';
import {
  CART_MAX,
  decodeOrderId,
  orderId,
  ORDER_STATUSES,
  PAYMENT_METHODS,
  RUN_MAX,
} from '../model/order.ts';
import { orderAgeGroup } from '../model/user.ts';
import type { OutgoingRecord } from './port.ts';
import { Refusal } from './refusal.ts';
import { decode } from './wire-decode.ts';
import { encodeOrders, orderParts } from './wire-orders.ts';
import { readWrittenOrder } from './wire-quick.ts';

const text = new TextDecoder('utf-8', { fatal: true });
const storable = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .string({ unit: 'binary', minLength: 1, maxLength })
    .filter((word) => !word.includes('\0') && word.length <= maxLength);

const buyer = fc.record({
  userId: storable(64),
  name: storable(100),
  addressDistrict: storable(100),
  gender: fc.constantFrom('M', 'F'),
  age: fc.integer({ min: 0, max: 150 }),
});
const article = fc.record({ productId: storable(64), category: storable(100) });
const won = fc.oneof(fc.nat({ max: 10_000_000 }), fc.maxSafeNat());
const row = fc.record({
  cart: fc.oneof(fc.nat(), fc.integer({ min: 0, max: CART_MAX })),
  item: fc.nat({ max: 9 }),
  createdAtMs: fc.integer({ min: Date.UTC(2000, 0, 2), max: Date.UTC(2099, 11, 30) }),
  user: fc.nat({ max: 2 }),
  product: fc.nat({ max: 2 }),
  quantity: fc.integer({ min: 1, max: 255 }),
  unitPrice: won,
  totalAmount: won,
  shippingCost: fc.nat({ max: 2 ** 31 - 1 }),
  discountAmount: won,
  payment: fc.nat({ max: PAYMENT_METHODS.length - 1 }),
  status: fc.nat({ max: ORDER_STATUSES.length - 1 }),
});
type Row = typeof row extends fc.Arbitrary<infer Value> ? Value : never;

function batchOf(rows: readonly Row[], scenario: number): OrderBatch {
  const batch = orderBatch(rows.length);
  batch.count = rows.length;
  batch.scenario = scenario;
  for (const [at, values] of rows.entries()) {
    for (const [column, value] of Object.entries(values))
      Reflect.set(Reflect.get(batch, column), at, value);
  }
  return batch;
}

const made = fc.record({
  users: fc.array(buyer, { minLength: 3, maxLength: 3 }),
  products: fc.array(article, { minLength: 3, maxLength: 3 }),
  rows: fc.array(row, { minLength: 1, maxLength: 5 }),
  scenario: fc.nat({ max: 20 }),
  trace: fc.record({
    run: fc.nat({ max: RUN_MAX }),
    seed: fc.maxSafeNat(),
    sequence: fc.nat(),
  }),
});
type Made = typeof made extends fc.Arbitrary<infer Value> ? Value : never;

/** The same orders by objects and JSON.stringify. */
function slowly({ users, products, rows, scenario, trace }: Made): OutgoingRecord[] {
  const bytesOf = (word: string): Uint8Array => new TextEncoder().encode(word);
  return rows.map((values, at) => {
    const key = { timeMs: values.createdAtMs, seed: trace.seed, run: trace.run, cart: values.cart };
    const id = orderId({ ...key, item: values.item });
    const time = new Date(values.createdAtMs + 9 * 3_600_000).toISOString().replace('Z', '+09:00');
    const user = users[values.user];
    const order = {
      order_id: id,
      cart_id: orderId({ ...key, item: 0 }),
      created_at: time,
      unit_price: values.unitPrice,
      total_amount: values.totalAmount,
      shipping_cost: values.shippingCost,
      discount_amount: values.discountAmount,
      quantity: values.quantity,
      scenario,
      payment_method: PAYMENT_METHODS[values.payment],
      status: ORDER_STATUSES[values.status],
      user_id: user.userId,
      user_name: user.name,
      user_region: user.addressDistrict,
      user_gender: user.gender,
      user_age_group: orderAgeGroup(user.age),
      product_id: products[values.product].productId,
      category: products[values.product].category,
    };
    const event = {
      version: 1,
      event_type: 'order_created',
      event_id: id,
      event_time: time,
      order,
    };
    return {
      topic: 'orders',
      key: bytesOf(user.userId),
      value: bytesOf(JSON.stringify(event)),
      headers: [['millrace-trace', bytesOf(`${trace.run}:${trace.seed}:${trace.sequence + at}`)]],
    };
  });
}

const quickly = ({ users, products, rows, scenario, trace }: Made): OutgoingRecord[] =>
  encodeOrders(batchOf(rows, scenario), orderParts(users, products), trace);

test('the records are those that JSON.stringify makes, byte for byte', () => {
  fc.assert(
    fc.property(made, (values) => {
      expect(quickly(values)).toEqual(slowly(values));
    }),
    { numRuns: 200 },
  );
});

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(made, (values) => {
      for (const [at, { topic, key, value, headers }] of quickly(values).entries()) {
        const event = decode('orders', { topic, key, value, headers, partition: 0, offset: at });
        if (event instanceof Refusal) throw event;
        const { user, product, cart, item, payment, status, ...same } = values.rows[at];
        expect(event).toMatchObject({ ...same, scenario: values.scenario });
        expect(decodeOrderId(event.orderId)).toMatchObject({ cart, item, run: values.trace.run });
        expect(decodeOrderId(event.cartId)).toMatchObject({ cart, item: 0 });
        expect(event).toMatchObject(values.products[product]);
        expect([event.userId, event.userName, event.userRegion]).toEqual([
          values.users[user].userId,
          values.users[user].name,
          values.users[user].addressDistrict,
        ]);
        expect([event.paymentMethod, event.status]).toEqual([
          PAYMENT_METHODS[payment],
          ORDER_STATUSES[status],
        ]);
      }
    }),
    { numRuns: 150 },
  );
});

test('a known order is written as by hand', () => {
  const [record] = encodeOrders(
    batchOf(
      [
        {
          cart: 3,
          item: 2,
          createdAtMs: Date.UTC(2026, 10, 21, 7, 0, 0, 123),
          user: 0,
          product: 0,
          quantity: 2,
          unitPrice: 12_300,
          totalAmount: 26_100,
          shippingCost: 2_500,
          discountAmount: 1_000,
          payment: 1,
          status: 0,
        },
      ],
      8,
    ),
    orderParts(
      [{ userId: 'U_00000042', name: '김"서준', addressDistrict: '경기도', gender: 'M', age: 34 }],
      [{ productId: 'P00000007', category: '신선(과일/채소)' }],
    ),
    { run: 5, seed: 42, sequence: 1_234 },
  );
  // Time 01a1fce79dfb, version 7 and the seed's tag, run 5, cart 3, item 2.
  expect(text.decode(record.value ?? undefined)).toBe(
    `{"version":1,"event_type":"order_created","event_id":"01a1fce7-9dfb-7184-8000-140000000032",` +
      `"event_time":"2026-11-21T16:00:00.123+09:00","order":{` +
      `"order_id":"01a1fce7-9dfb-7184-8000-140000000032","cart_id":"01a1fce7-9dfb-7184-8000-140000000030",` +
      `"created_at":"2026-11-21T16:00:00.123+09:00","unit_price":12300,"total_amount":26100,` +
      `"shipping_cost":2500,"discount_amount":1000,"quantity":2,"scenario":8,` +
      `"payment_method":"NaverPay","status":"Success","user_id":"U_00000042","user_name":"김\\"서준",` +
      `"user_region":"경기도","user_gender":"M","user_age_group":"30대",` +
      `"product_id":"P00000007","category":"신선(과일/채소)"}}`,
  );
  expect(text.decode(record.key ?? undefined)).toBe('U_00000042');
  expect(record.headers.map(([name, value]) => [name, text.decode(value ?? undefined)])).toEqual([
    ['millrace-trace', '5:42:1234'],
  ]);
});

test('part of a batch is numbered on from its first row', () => {
  fc.assert(
    fc.property(made, (values) => {
      const parts = orderParts(values.users, values.products);
      const batch = batchOf(values.rows, values.scenario);
      const cut = values.rows.length >> 1;
      const { sequence } = values.trace;
      const first = encodeOrders(batch, parts, values.trace, 0, cut);
      const second = encodeOrders(batch, parts, { ...values.trace, sequence: sequence + cut }, cut);
      expect([...first, ...second]).toEqual(quickly(values));
    }),
    { numRuns: 50 },
  );
});

test('the quick reader takes what is written here, where no escape is needed', () => {
  const plain = {
    userId: 'U_1',
    name: '김서준',
    addressDistrict: '경기도',
    gender: 'F',
    age: 20,
  } as const;
  fc.assert(
    fc.property(made, (values) => {
      const records = quickly({
        ...values,
        users: [plain, plain, plain],
        products: values.products.map(() => ({ productId: 'P1', category: '골프' })),
        rows: values.rows.map((one) => ({
          ...one,
          unitPrice: 0,
          totalAmount: 1e15 - 1,
          discountAmount: 7,
        })),
      });
      for (const { value } of records) expect(readWrittenOrder(value!)).not.toBeNull();
    }),
    { numRuns: 50 },
  );
});
