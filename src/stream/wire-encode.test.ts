import { expect, test } from 'bun:test';
import fc from 'fast-check';

import type { ProductEvent, UserEvent } from '../model/event.ts';
import { GRADES } from '../model/grade.ts';
import type { OutgoingRecord } from './port.ts';
import { decode } from './wire-decode.ts';
import { encodeProduct, encodeUser } from './wire-encode.ts';
import { EVENT_TYPES } from './wire.ts';

const storable = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', minLength, maxLength }).filter((text) => !text.includes('\0'));
const moment = fc.integer({ min: Date.UTC(2000, 0, 2), max: Date.UTC(2099, 11, 30) });

const userEvent: fc.Arbitrary<UserEvent> = fc.record({
  eventTimeMs: moment,
  user: fc.record({
    userId: storable(1, 64),
    name: storable(1, 100),
    gender: fc.constantFrom('M', 'F'),
    age: fc.integer({ min: 0, max: 150 }),
    birthYear: fc.integer({ min: 1850, max: 2100 }),
    address: storable(0, 300),
    addressDistrict: storable(1, 100),
    email: storable(3, 254),
    grade: fc.constantFrom(...GRADES),
    status: fc.constantFrom('ACTIVE', 'DORMANT'),
    lastLoginAtMs: moment,
    lastOrderedAtMs: fc.option(moment),
    marketingAgree: fc.boolean(),
    randomSeed: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    createdAtMs: moment,
  }),
});

const productEvent: fc.Arbitrary<ProductEvent> = fc.record({
  eventTimeMs: moment,
  product: fc.record({
    productId: storable(1, 64),
    category: storable(1, 100),
    name: storable(1, 200),
    orgPrice: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    price: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    discountRate: fc.double({ min: 0, max: 1, noNaN: true }),
    description: storable(0, 500),
    brand: storable(1, 100),
    stock: fc.nat(),
    rating: fc.double({ min: 0, max: 5, noNaN: true }),
    reviewCount: fc.nat(),
    isBest: fc.boolean(),
    createdAtMs: moment,
    orderCount: fc.maxSafeNat(),
  }),
});

const trace = { run: 3, seed: 42, sequence: 17 };
const received = (record: OutgoingRecord) => ({ ...record, partition: 0, offset: 0 });
// A decimal of 0 has no sign in JSON.
const unsigned = (value: UserEvent | ProductEvent): UserEvent & ProductEvent =>
  JSON.parse(JSON.stringify(value));

test('a user event is decoded as it was', () => {
  fc.assert(
    fc.property(userEvent, fc.constantFrom(...EVENT_TYPES.users), (event, type) => {
      expect(decode('users', received(encodeUser(type, event, trace)))).toEqual(unsigned(event));
    }),
    { numRuns: 200 },
  );
});

test('a product event is decoded as it was', () => {
  fc.assert(
    fc.property(productEvent, fc.constantFrom(...EVENT_TYPES.products), (event, type) => {
      expect(decode('products', received(encodeProduct(type, event, trace)))).toEqual(
        unsigned(event),
      );
    }),
    { numRuns: 200 },
  );
});

const readable = (record: OutgoingRecord) => {
  const text = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes ?? undefined);
  const headers = record.headers.map(([name, value]) => `${name}=${text(value)}`);
  return { topic: record.topic, key: text(record.key), value: text(record.value), headers };
};

test('a known user is written as by hand', () => {
  const eventTimeMs = Date.UTC(2026, 10, 21, 7, 0, 0, 123);
  const user = {
    userId: 'U_00000042',
    name: '김서준',
    gender: 'M',
    age: 34,
    birthYear: 1992,
    address: '경기도 가로수길 7',
    addressDistrict: '경기도',
    email: 'kim.42@naver.com',
    grade: 'GOLD',
    status: 'ACTIVE',
    lastLoginAtMs: eventTimeMs,
    lastOrderedAtMs: null,
    marketingAgree: true,
    randomSeed: 0.25,
    createdAtMs: Date.UTC(2020, 1, 29),
  } as const;
  expect(readable(encodeUser('user_changed', { eventTimeMs, user }, trace))).toEqual({
    topic: 'users',
    key: 'U_00000042',
    value:
      '{"version":1,"event_type":"user_changed","event_id":"U_00000042@1795244400123",' +
      '"event_time":"2026-11-21T16:00:00.123+09:00","user":{"user_id":"U_00000042","name":"김서준",' +
      '"gender":"M","age":34,"birth_year":1992,"address":"경기도 가로수길 7","address_district":"경기도",' +
      '"email":"kim.42@naver.com","grade":"GOLD","status":"ACTIVE",' +
      '"last_login_at":"2026-11-21T16:00:00.123+09:00","last_ordered_at":null,' +
      '"marketing_agree":true,"random_seed":0.25,"created_at":"2020-02-29T09:00:00.000+09:00"}}',
    headers: ['millrace-trace=3:42:17'],
  });
});

test('a known product is written as by hand', () => {
  const eventTimeMs = Date.UTC(2026, 10, 21, 7, 0, 0, 123);
  const product = {
    productId: 'P00000007',
    category: '골프',
    name: '드라이버 "X"',
    orgPrice: 500_000,
    price: 400_000,
    discountRate: 0.2,
    description: '',
    brand: 'PXG',
    stock: 3,
    rating: 4.5,
    reviewCount: 12,
    isBest: false,
    createdAtMs: eventTimeMs,
    orderCount: 0,
  };
  expect(readable(encodeProduct('product_created', { eventTimeMs, product }, trace))).toEqual({
    topic: 'products',
    key: 'P00000007',
    value:
      '{"version":1,"event_type":"product_created","event_id":"P00000007@1795244400123",' +
      '"event_time":"2026-11-21T16:00:00.123+09:00","product":{"product_id":"P00000007",' +
      '"category":"골프","name":"드라이버 \\"X\\"","org_price":500000,"price":400000,' +
      '"discount_rate":0.2,"description":"","brand":"PXG","stock":3,"rating":4.5,' +
      '"review_count":12,"is_best":false,"created_at":"2026-11-21T16:00:00.123+09:00",' +
      '"order_count":0}}',
    headers: ['millrace-trace=3:42:17'],
  });
});
