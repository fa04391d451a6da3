/**
 * Order rows as columns, the shape in which they are made and encoded: no object a row. Users and
 * products are indexes into the base. Money is whole won; every value is a whole number.
 */
export type OrderBatch = {
  count: number; // rows in use
  scenario: number;
  cart: Float64Array; // cart sequence within the run, < 2^38
  item: Uint8Array; // 0..9 within the cart
  createdAtMs: Float64Array; // falls nowhere: rows are in time order
  user: Int32Array;
  product: Int32Array;
  quantity: Uint8Array;
  unitPrice: Float64Array;
  totalAmount: Float64Array;
  shippingCost: Int32Array;
  discountAmount: Float64Array;
  payment: Uint8Array; // index into PAYMENT_METHODS
  status: Uint8Array; // index into ORDER_STATUSES
};

/**
 * The most rows that are made in one go: few enough to share a day among threads, enough to be worth
 * a message. Part of the data: the last cart of each go is cut to fit.
 */
export const CHUNK_ROWS = 16_384;

/** A batch with room for `capacity` rows. */
export function orderBatch(capacity: number): OrderBatch {
  return {
    count: 0,
    scenario: 0,
    cart: new Float64Array(capacity),
    item: new Uint8Array(capacity),
    createdAtMs: new Float64Array(capacity),
    user: new Int32Array(capacity),
    product: new Int32Array(capacity),
    quantity: new Uint8Array(capacity),
    unitPrice: new Float64Array(capacity),
    totalAmount: new Float64Array(capacity),
    shippingCost: new Int32Array(capacity),
    discountAmount: new Float64Array(capacity),
    payment: new Uint8Array(capacity),
    status: new Uint8Array(capacity),
  };
}
