import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { PipelineError } from '../base/errors.ts';
import { readProduct, readUser, writeProduct, writeTime, writeUser } from './entry.ts';
import { samplePool } from './testing.ts';

const { users, products } = samplePool(200);

test('what is written is read again, field by field', () => {
  for (const user of users) expect(readUser(writeUser(user))).toEqual(user);
  for (const product of products) expect(readProduct(writeProduct(product))).toEqual(product);
});

test('an entry has the fields of the original by name', () => {
  expect(Object.keys(JSON.parse(writeUser(users[1])))).toEqual([
    'user_id',
    'name',
    'gender',
    'age',
    'birth_year',
    'address',
    'address_district',
    'email',
    'grade',
    'status',
    'marketing_agree',
    'last_ordered_at',
    'random_seed',
    'created_at',
  ]);
  expect(Object.keys(JSON.parse(writeProduct(products[1])))).toEqual([
    'product_id',
    'category',
    'name',
    'org_price',
    'price',
    'discount_rate',
    'description',
    'brand',
    'stock',
    'order_count',
    'created_at',
  ]);
});

test('times carry the zone of the shop and lose no millisecond', () => {
  expect(writeTime(Date.UTC(2026, 10, 21, 7, 0, 0, 123))).toBe('2026-11-21T16:00:00.123+09:00');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => Date.parse(writeTime(ms)) === ms),
  );
});

test('a new object comes out: fields that are none of ours stay behind', () => {
  const entry = writeUser(users[0]).replace('{', '{"admin":true,"__proto__":{"grade":"VIP"},');
  const user = readUser(entry);
  expect(user).toEqual(users[0]);
  expect(Object.keys(user)).not.toContain('admin');
});

const WRONG: [field: string, value: unknown][] = [
  ['user_id', 7],
  ['name', null],
  ['gender', 'X'],
  ['age', '30'],
  ['age', 30.5],
  ['age', -1],
  ['birth_year', 1e300],
  ['grade', 'PLATINUM'],
  ['status', undefined],
  ['marketing_agree', 'true'],
  ['last_ordered_at', 'yesterday'],
  ['last_ordered_at', undefined],
  ['random_seed', '0.5'],
  ['created_at', 1_700_000_000_000],
];

test.each(WRONG)('an entry whose %s is %p is refused by that name', (field, value) => {
  const entry = JSON.stringify({ ...JSON.parse(writeUser(users[0])), [field]: value });
  const read = (): unknown => readUser(entry);
  expect(read).toThrow(PipelineError);
  expect(read).toThrow(`cache:users: ${field} `);
});

test('what is no JSON object is refused', () => {
  for (const entry of ['', '{', 'null', '3', '"text"', '[]', '{}']) {
    expect(() => readProduct(entry)).toThrow(PipelineError);
  }
});
