import type { Trace } from '../model/event.ts';
import type { OrderBatch } from '../model/order-batch.ts';
import { ORDER_STATUSES, PAYMENT_METHODS, writeOrderId } from '../model/order.ts';
import type { Product } from '../model/product.ts';
import { orderAgeGroup, type User } from '../model/user.ts';
import type { OutgoingRecord } from './port.ts';
import * as WORDS from './wire-order-words.ts';
import { bytesOf } from './wire-order-words.ts';
import { TIME_BYTES, writeTime } from './wire-time.ts';
import { TRACE_HEADER } from './wire.ts';

/** What orders repeat of users and products, encoded once: the batch's indexes point in here. */
export type OrderParts = {
  users: readonly Uint8Array[]; // "user_id":"…", … "user_age_group":"…"
  keys: readonly Uint8Array[]; // the user ids
  products: readonly Uint8Array[]; // "product_id":"…","category":"…"}}
};

type Buyer = Pick<User, 'userId' | 'name' | 'addressDistrict' | 'gender' | 'age'>;
type Article = Pick<Product, 'productId' | 'category'>;

/** The parts for batches whose indexes count through these users and products. */
export function orderParts(users: readonly Buyer[], products: readonly Article[]): OrderParts {
  return {
    users: users.map((user) =>
      bytesOf(
        `,${inner({
          user_id: user.userId,
          user_name: user.name,
          user_region: user.addressDistrict,
          user_gender: user.gender,
          user_age_group: orderAgeGroup(user.age),
        })}`,
      ),
    ),
    keys: users.map((user) => bytesOf(user.userId)),
    products: products.map((product) =>
      bytesOf(`,${inner({ product_id: product.productId, category: product.category })}}}`),
    ),
  };
}

/** An object's JSON without its braces. */
function inner(fields: object): string {
  return JSON.stringify(fields).slice(1, -1);
}

const PAYMENTS = PAYMENT_METHODS.map((method) => bytesOf(`,"payment_method":"${method}"`));
const STATUSES = ORDER_STATUSES.map((status) => bytesOf(`,"status":"${status}"`));

const UUID_BYTES = 36;
const NUMBER_BYTES_MAX = 16; // 2^53 - 1
/** More than a row takes besides its parts: literals, three ids, two times, numbers, the trace. */
const ROW_BYTES_MAX = 640;

/**
 * The rows [from, to) of a batch as records of the topic orders; the first is number `sequence` of
 * its maker, the others follow. All bytes of one call lie in one buffer of their own. The hot loop of
 * every producer: no text is made and no object a row but the record itself.
 */
export function encodeOrders(
  batch: OrderBatch,
  parts: OrderParts,
  trace: Trace,
  from = 0,
  to: number = batch.count,
): OutgoingRecord[] {
  const bytes = new Uint8Array(sizeMax(batch, parts, from, to));
  const tracePrefix = bytesOf(`${trace.run}:${trace.seed}:`);
  const records: OutgoingRecord[] = [];
  let end = 0;
  for (let row = from; row < to; row++) {
    const start = end;
    const valueEnd = writeOrder(bytes, start, batch, row, parts, trace);
    end = append(bytes, valueEnd, tracePrefix);
    end = writeWhole(bytes, end, trace.sequence + row - from);
    records.push({
      topic: 'orders',
      key: parts.keys[batch.user[row]],
      value: bytes.subarray(start, valueEnd),
      headers: [[TRACE_HEADER, bytes.subarray(valueEnd, end)]],
    });
  }
  return records;
}

function sizeMax(
  { user, product }: OrderBatch,
  parts: OrderParts,
  from: number,
  to: number,
): number {
  let size = (to - from) * ROW_BYTES_MAX;
  for (let row = from; row < to; row++) {
    size += parts.users[user[row]].length + parts.products[product[row]].length;
  }
  return size;
}

function writeOrder(
  bytes: Uint8Array, // OUT
  start: number,
  batch: OrderBatch,
  row: number,
  parts: OrderParts,
  { seed, run }: Trace,
): number {
  const createdAtMs = batch.createdAtMs[row];
  writeOrderId(id, 0, createdAtMs, seed, run, batch.cart[row], batch.item[row]);
  const idAt = append(bytes, start, WORDS.HEAD);
  let at = writeUuid(bytes, idAt);
  const timeAt = (at = append(bytes, at, WORDS.EVENT_TIME));
  writeTime(bytes, timeAt, createdAtMs);
  at = append(bytes, at + TIME_BYTES, WORDS.ORDER_ID);
  at = repeat(bytes, at, idAt, UUID_BYTES);
  at = append(bytes, at, WORDS.CART_ID);
  at = repeat(bytes, at, idAt, UUID_BYTES);
  bytes[at - 1] = ZERO; // a cart's id is that of its first item, which is the last digit
  at = append(bytes, at, WORDS.CREATED_AT);
  at = repeat(bytes, at, timeAt, TIME_BYTES);
  at = writeWhole(bytes, append(bytes, at, WORDS.UNIT_PRICE), batch.unitPrice[row]);
  at = writeWhole(bytes, append(bytes, at, WORDS.TOTAL_AMOUNT), batch.totalAmount[row]);
  at = writeWhole(bytes, append(bytes, at, WORDS.SHIPPING_COST), batch.shippingCost[row]);
  at = writeWhole(bytes, append(bytes, at, WORDS.DISCOUNT_AMOUNT), batch.discountAmount[row]);
  at = writeWhole(bytes, append(bytes, at, WORDS.QUANTITY), batch.quantity[row]);
  at = writeWhole(bytes, append(bytes, at, WORDS.SCENARIO), batch.scenario);
  at = append(bytes, at, PAYMENTS[batch.payment[row]]);
  at = append(bytes, at, STATUSES[batch.status[row]]);
  at = append(bytes, at, parts.users[batch.user[row]]);
  return append(bytes, at, parts.products[batch.product[row]]);
}

const id = new Uint8Array(16); // of the row at hand
const ZERO = 0x30;
const DASH = 0x2d;
const HEX = bytesOf('0123456789abcdef');

function writeUuid(bytes: Uint8Array, start: number): number {
  let at = start;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) bytes[at++] = DASH;
    bytes[at++] = HEX[id[i] >>> 4];
    bytes[at++] = HEX[id[i] & 15];
  }
  return at;
}

/** Loops, since `set` and `subarray` cost more than the few dozen bytes that move here. */
function append(bytes: Uint8Array, start: number, part: Uint8Array): number {
  for (let i = 0; i < part.length; i++) bytes[start + i] = part[i];
  return start + part.length;
}

function repeat(bytes: Uint8Array, start: number, from: number, length: number): number {
  for (let i = 0; i < length; i++) bytes[start + i] = bytes[from + i];
  return start + length;
}

/** A whole number, 0 or more, in decimal. */
function writeWhole(bytes: Uint8Array, start: number, value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit && digits < NUMBER_BYTES_MAX; limit *= 10) digits++;
  let rest = value;
  for (let at = start + digits - 1; at >= start; at--) {
    const tenth = Math.floor(rest / 10);
    bytes[at] = ZERO + (rest - tenth * 10); // the brackets keep the sum below 2^53
    rest = tenth;
  }
  return start + digits;
}
