import { expect, test } from 'bun:test';

import { REJECT_REASONS, type OrderEvent } from '../model/event.ts';
import { orderBatch } from '../model/order-batch.ts';
import { WrittenOrder } from '../model/written-order.ts';
import { poisonKinds, SERVER_POISON } from './poison-corpus.ts';
import type { OutgoingRecord } from './port.ts';
import { Refusal } from './refusal.ts';
import { decode } from './wire-decode.ts';
import { encodeUser } from './wire-encode.ts';
import { encodeOrders, orderParts } from './wire-orders.ts';
import { VALUE_BYTES_MAX } from './wire.ts';

const KINDS = poisonKinds();
const STATUSES = 4;

/** Four good orders, one of each status. */
function goodOrders(): OutgoingRecord[] {
  const batch = orderBatch(STATUSES);
  batch.count = STATUSES;
  for (let row = 0; row < STATUSES; row++) {
    batch.cart[row] = row;
    batch.createdAtMs[row] = Date.UTC(2026, 10, 21, 7) + row;
    batch.quantity[row] = 1 + row;
    batch.unitPrice[row] = 12_300 * row;
    batch.totalAmount[row] = batch.unitPrice[row] * batch.quantity[row];
    batch.payment[row] = row;
    batch.status[row] = row;
  }
  const parts = orderParts(
    [{ userId: 'U_00000042', name: '김서준', addressDistrict: '경기도', gender: 'M', age: 34 }],
    [{ productId: 'P00000007', category: '신선(과일/채소)' }],
  );
  return encodeOrders(batch, parts, { run: 5, seed: 42, sequence: 0 });
}

function decoded({ topic, key, value, headers }: OutgoingRecord): OrderEvent | Refusal {
  const event = decode('orders', { topic, key, value, headers, partition: 0, offset: 0 });
  return event instanceof WrittenOrder ? event.plain() : event;
}

for (const { name, reason, spoil } of KINDS) {
  test(`refused as '${reason}': ${name}`, () => {
    for (const record of goodOrders()) {
      const before = Bun.hash(record.value ?? '');
      const spoilt = spoil(record);
      const refusal = decoded(spoilt);
      if (!(refusal instanceof Refusal)) throw new Error(`taken: ${JSON.stringify(refusal)}`);
      expect(refusal.reason).toBe(reason);
      expect(refusal.message).toMatch(/^[ -~]{5,200}$/); // one plain line, nothing of the content
      expect(Bun.hash(record.value ?? '')).toBe(before);
      expect(decoded(record)).not.toBeInstanceOf(Refusal);
    }
  });
}

test('the kinds are many, have names of their own, and give every reason that we can give', () => {
  expect(KINDS.length).toBeGreaterThan(45);
  expect(new Set(KINDS.map((kind) => kind.name)).size).toBe(KINDS.length);
  const reasons = new Set(KINDS.map((kind) => kind.reason));
  expect([...reasons].toSorted()).toEqual(
    REJECT_REASONS.filter((reason) => reason !== 'database').toSorted(),
  );
});

test('odd, but good: an order right at a limit or with more than was asked for', () => {
  const [record] = goodOrders();
  const json = new TextDecoder().decode(record.value ?? undefined);
  const odd = (value: string): OutgoingRecord => ({
    ...record,
    value: new TextEncoder().encode(value),
  });
  const bytes = record.value?.length ?? 0;
  const before = decoded(record);
  for (const value of [
    json.padEnd(json.length + VALUE_BYTES_MAX - bytes),
    `\n ${json.replaceAll(',"', '\n,\t"')}`,
    json.replace('{', `{"extra":${'['.repeat(31)}${']'.repeat(31)},`),
    json.replace('"order":{', '"order":{"__proto__":{"status":"Failed"},"note":null,'),
    json.replace('{', '{"__proto__":{"version":2},"constructor":{"prototype":{"polluted":1}},'),
    json.replace('"status"', '"\\u0073tatus"'),
    JSON.stringify({ order: JSON.parse(json).order, ...JSON.parse(json) }),
    json.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => id.toUpperCase()),
    json.replace('"scenario":0', '"scenario":0.0'),
  ]) {
    expect(decoded(odd(value))).toEqual(before);
  }
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
  expect(decoded({ ...record, headers: [] })).toEqual(before); // others may produce too
  expect(
    decoded({ ...record, headers: [['traceparent', new Uint8Array(9)], ...record.headers] }),
  ).toEqual(before);
});

test('names are counted in characters, as PostgreSQL counts', () => {
  const [record] = goodOrders();
  const json = new TextDecoder().decode(record.value ?? undefined);
  const named = (name: string): unknown =>
    decoded({ ...record, value: new TextEncoder().encode(json.replace('김서준', name)) });
  expect(named('😀'.repeat(100))).toMatchObject({ userName: '😀'.repeat(100) });
  expect(named('😀'.repeat(101))).toMatchObject({ reason: 'field' });
});

test('server poison is good as far as we can see', () => {
  const user = encodeUser(
    'user_created',
    {
      eventTimeMs: 1_795_244_400_123,
      user: {
        userId: 'U_00000042',
        name: '김서준',
        gender: 'M',
        age: 34,
        birthYear: 1992,
        address: '경기도 가로수길 7',
        addressDistrict: '경기도',
        email: 'kim.42@naver.com',
        grade: 'BRONZE',
        status: 'ACTIVE',
        lastLoginAtMs: 1_795_244_400_123,
        lastOrderedAtMs: null,
        marketingAgree: true,
        randomSeed: 0.25,
        createdAtMs: 1_795_244_400_123,
      },
    },
    { run: 5, seed: 42, sequence: 0 },
  );
  const good = { users: user, orders: goodOrders()[0], products: null };
  for (const { topic, spoil } of SERVER_POISON) {
    const record = good[topic];
    if (record === null) throw new Error(`no good record of ${topic}`);
    const { key, value, headers } = spoil(record);
    const event = decode(topic, { topic, key, value, headers, partition: 0, offset: 0 });
    expect(event).not.toBeInstanceOf(Refusal);
    expect(Bun.deepEquals(event, decode(topic, { ...record, partition: 0, offset: 0 }))).toBe(
      false,
    );
  }
});
