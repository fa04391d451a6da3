import type { OrderEvent } from '../model/event.ts';
import { timestampMicros, writeInt64 } from './copy-buffer.ts';
import {
  CREATED_AT,
  DISCOUNT_AMOUNT,
  QUANTITY,
  SCENARIO,
  SHIPPING_COST,
  TOTAL_AMOUNT,
  UNIT_PRICE,
} from './order-copy.ts';

/**
 * Writes an order's time and numbers where they stand in the row that begins at `start`. Throws a
 * RangeError for what a column cannot hold.
 */
export function writeNumbers(view: DataView, start: number, order: OrderEvent): void {
  writeWhole(view, start + CREATED_AT, timestampMicros(order.createdAtMs));
  writeWhole(view, start + UNIT_PRICE, order.unitPrice);
  writeWhole(view, start + TOTAL_AMOUNT, order.totalAmount);
  writeWhole(view, start + SHIPPING_COST, order.shippingCost);
  writeWhole(view, start + DISCOUNT_AMOUNT, order.discountAmount);
  if ((order.quantity | 0) !== order.quantity) throw outOfRange(order.quantity);
  view.setInt32(start + QUANTITY, order.quantity);
  if ((order.scenario << 16) >> 16 !== order.scenario) throw outOfRange(order.scenario);
  view.setInt16(start + SCENARIO, order.scenario);
}

function writeWhole(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw outOfRange(value);
  writeInt64(view, at, value);
}

function outOfRange(value: number): RangeError {
  return new RangeError(`${value} is out of range for its column`);
}
