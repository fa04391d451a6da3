import { afterAll, expect, test } from 'bun:test';
import { seoulMidnight } from '../base/clock.ts';
import { CartMaker, chunksOf } from '../generate/carts.ts';
import { productRows } from '../generate/products.ts';
import { userRows } from '../generate/users.ts';
import { decodeOrderId, ORDER_STATUSES, PAYMENT_METHODS, seedTag } from '../model/order.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { testDatabase } from '../stack/testing.ts';
import { loadBase } from './base.ts';
import { connect } from './client.ts';
import { COPY_HEADER, COPY_TRAILER, CopyBuffer } from './copy-buffer.ts';
import { startCopy } from './copy.ts';
import { migrate } from './migrate.ts';
import { encodeOrders, ORDER_COLUMNS } from './order-copy.ts';
import { copyProducts, copyUsers } from './shop.ts';

const database = await testDatabase('order copy');
const client = await connect(database.url);
await migrate(client);
const window = {
  firstNumber: 1,
  fromMs: seoulMidnight(2021, 1, 1),
  toMs: seoulMidnight(2025, 1, 1),
};
const byRegistration = <Row extends { createdAtMs: number }>(rows: Row[]): Row[] =>
  rows.toSorted((a, b) => a.createdAtMs - b.createdAtMs); // ids rise, so ties are in order already
const users = byRegistration(userRows({ ...window, seed: 9, count: 300 }));
const products = byRegistration(productRows({ ...window, seed: 9, count: 400 }));
users[0].name = '따옴표"\\N\t이름'; // what would need escaping in COPY's text form
await copyUsers(client, users);
await copyProducts(client, products);

afterAll(async () => {
  await client.end();
  await database.drop();
});

test('the base is what was stored, in order of registration', async () => {
  const { base } = await loadBase(client);
  expect([...base.users.createdAtMs]).toEqual(users.map((user) => user.createdAtMs));
  expect([...base.users.age]).toEqual(users.map((user) => user.age));
  expect([...base.users.female]).toEqual(users.map((user) => Number(user.gender === 'F')));
  expect([...base.users.active]).toEqual(users.map((user) => Number(user.status === 'ACTIVE')));
  expect([...base.users.marketing]).toEqual(users.map((user) => Number(user.marketingAgree)));
  expect([...base.users.randomSeed]).toEqual(users.map((user) => user.randomSeed));
  expect(base.users.grade.every((grade) => grade === 0)).toBe(true);
  expect([...base.products.createdAtMs]).toEqual(products.map((product) => product.createdAtMs));
  expect([...base.products.price]).toEqual(products.map((product) => product.price));
});

test('every field of an encoded order is what SQL gives back', async () => {
  const seed = 2 ** 40 + 77;
  const run = 2 ** 20 - 1;
  const { base, fragments } = await loadBase(client);
  const maker = new CartMaker(base, DEFAULT_SETTINGS, { seed, run });
  const day = {
    startMs: seoulMidnight(2025, 7, 9),
    scenario: 18,
    users: Int32Array.from(users.keys()),
    grades: new Uint8Array(users.length),
    products: Int32Array.from(products.keys()),
  };
  maker.open(day);
  maker.make(day, chunksOf('rows', 3_000, 2 ** 38 - 5_000)[0]);
  const { batch } = maker;
  const copy = startCopy(client, 'orders', ORDER_COLUMNS);
  await copy.write(COPY_HEADER);
  await copy.write(encodeOrders(batch, fragments, { seed, run }, new CopyBuffer(1)));
  await copy.write(COPY_TRAILER);
  expect(await copy.end()).toBe(3_000);

  const { rows } = await client.query(`
    select *, order_run(order_id) as run, (extract(epoch from created_at) * 1000)::float8 as at_ms
    from orders order by order_id`);
  expect(rows).toHaveLength(3_000);
  for (const [at, row] of rows.entries()) {
    const user = users[batch.user[at]];
    const product = products[batch.product[at]];
    const key = {
      timeMs: batch.createdAtMs[at],
      run,
      cart: batch.cart[at],
      seedTag: seedTag(seed),
    };
    expect(decodeOrderId(row.order_id)).toEqual({ ...key, item: batch.item[at] });
    expect(decodeOrderId(row.cart_id)).toEqual({ ...key, item: 0 });
    expect(row).toMatchObject({
      run,
      at_ms: batch.createdAtMs[at],
      created_at: new Date(batch.createdAtMs[at]),
      unit_price: String(batch.unitPrice[at]),
      total_amount: String(batch.totalAmount[at]),
      shipping_cost: String(batch.shippingCost[at]),
      discount_amount: String(batch.discountAmount[at]),
      quantity: batch.quantity[at],
      scenario: 18,
      payment_method: PAYMENT_METHODS[batch.payment[at]],
      status: ORDER_STATUSES[batch.status[at]],
      user_id: user.userId,
      user_name: user.name,
      user_region: user.addressDistrict,
      user_gender: user.gender,
      user_age_group: `${Math.floor(user.age / 10)}0대`, // the decade: 50대 and 60대 apart
      product_id: product.productId,
      category: product.category,
    });
  }
});
