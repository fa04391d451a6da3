import type { OrderBatch } from '../model/order-batch.ts';
import { ORDER_STATUSES, PAYMENT_METHODS, writeOrderId } from '../model/order.ts';
import type { OrderFragments } from './base.ts';
import { CopyBuffer, timestampMicros, writeInt64 } from './copy-buffer.ts';

/** The columns of a COPY into orders, in the order in which `encodeOrders` writes them. */
export const ORDER_COLUMNS = [
  'order_id',
  'cart_id',
  'created_at',
  'unit_price',
  'total_amount',
  'shipping_cost',
  'discount_amount',
  'quantity',
  'scenario',
  'payment_method',
  'status',
  'user_id',
  'user_name',
  'user_region',
  'user_gender',
  'user_age_group',
  'product_id',
  'category',
] as const;

// Offsets within a row; each field is preceded by 4 bytes of length.
export const ORDER_ID = 2 + 4;
export const CART_ID = ORDER_ID + 16 + 4;
export const CREATED_AT = CART_ID + 16 + 4;
export const UNIT_PRICE = CREATED_AT + 8 + 4;
export const TOTAL_AMOUNT = UNIT_PRICE + 8 + 4;
export const SHIPPING_COST = TOTAL_AMOUNT + 8 + 4;
export const DISCOUNT_AMOUNT = SHIPPING_COST + 8 + 4;
export const QUANTITY = DISCOUNT_AMOUNT + 8 + 4;
export const SCENARIO = QUANTITY + 4 + 4;
export const FIXED_SIZE = SCENARIO + 2;

/** Field count and lengths of the fixed part; the values are written over it. */
export const TEMPLATE = fixedTemplate();
const PAYMENTS = PAYMENT_METHODS.map(textField);
const STATUSES = ORDER_STATUSES.map((status) => textField(status));
const TEXTS_SIZE_MAX = 64;

/** Which run's ids to write: `seed` marks them, `run` makes them unique. */
export type OrderIds = { seed: number; run: number };

/**
 * Encodes a batch as rows of a binary COPY into orders (ORDER_COLUMNS; no header, no trailer) and
 * returns them in a buffer of their own. The hot loop of every bulk load: no allocation a row.
 */
export function encodeOrders(
  batch: OrderBatch,
  fragments: OrderFragments,
  ids: OrderIds,
  scratch: CopyBuffer,
): Uint8Array<ArrayBuffer> {
  const { users, products } = fragments;
  for (let row = 0; row < batch.count; row++) {
    const userFrom = users.starts[batch.user[row]];
    const userTo = users.starts[batch.user[row] + 1];
    const productFrom = products.starts[batch.product[row]];
    const productTo = products.starts[batch.product[row] + 1];
    const variable = userTo - userFrom + productTo - productFrom + TEXTS_SIZE_MAX;
    scratch.reserve(FIXED_SIZE + variable);
    const start = scratch.at;
    writeFixed(batch, row, ids, scratch, start);
    const { bytes } = scratch;
    let at = append(bytes, start + FIXED_SIZE, PAYMENTS[batch.payment[row]]);
    at = append(bytes, at, STATUSES[batch.status[row]]);
    at = appendRange(bytes, at, users.bytes, userFrom, userTo);
    scratch.at = appendRange(bytes, at, products.bytes, productFrom, productTo);
  }
  return scratch.take();
}

function writeFixed(
  batch: OrderBatch,
  row: number,
  ids: OrderIds,
  scratch: CopyBuffer,
  start: number,
): void {
  const { bytes, view } = scratch;
  for (let i = 0; i < FIXED_SIZE; i++) bytes[start + i] = TEMPLATE[i];
  const createdAtMs = batch.createdAtMs[row];
  const cart = batch.cart[row];
  writeOrderId(bytes, start + ORDER_ID, createdAtMs, ids.seed, ids.run, cart, batch.item[row]);
  writeOrderId(bytes, start + CART_ID, createdAtMs, ids.seed, ids.run, cart, 0);
  writeInt64(view, start + CREATED_AT, timestampMicros(createdAtMs));
  writeInt64(view, start + UNIT_PRICE, batch.unitPrice[row]);
  writeInt64(view, start + TOTAL_AMOUNT, batch.totalAmount[row]);
  view.setInt32(start + SHIPPING_COST + 4, batch.shippingCost[row]);
  writeInt64(view, start + DISCOUNT_AMOUNT, batch.discountAmount[row]);
  view.setInt32(start + QUANTITY, batch.quantity[row]);
  view.setInt16(start + SCENARIO, batch.scenario);
}

function append(bytes: Uint8Array, at: number, field: Uint8Array): number {
  return appendRange(bytes, at, field, 0, field.length);
}

/** A loop, since `set` and `subarray` cost more than the few dozen bytes that move here. */
function appendRange(
  bytes: Uint8Array,
  at: number,
  source: Uint8Array,
  from: number,
  to: number,
): number {
  for (let i = from; i < to; i++) bytes[at++] = source[i];
  return at;
}

function textField(text: string): Uint8Array {
  const buffer = new CopyBuffer(64);
  buffer.text(text);
  return buffer.take();
}

function fixedTemplate(): Uint8Array {
  const template = new Uint8Array(FIXED_SIZE);
  const view = new DataView(template.buffer);
  view.setInt16(0, ORDER_COLUMNS.length);
  for (const [at, length] of [
    [ORDER_ID, 16],
    [CART_ID, 16],
    [CREATED_AT, 8],
    [UNIT_PRICE, 8],
    [TOTAL_AMOUNT, 8],
    [SHIPPING_COST, 8],
    [DISCOUNT_AMOUNT, 8],
    [QUANTITY, 4],
    [SCENARIO, 2],
  ]) {
    view.setInt32(at - 4, length);
  }
  return template;
}
