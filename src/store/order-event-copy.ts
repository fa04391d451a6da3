import type { OrderEvent } from '../model/event.ts';
import { WrittenOrder } from '../model/written-order.ts';
import { textSizeMax, writeText, type CopyBuffer } from './copy-buffer.ts';
import { CART_ID, FIXED_SIZE, ORDER_ID, TEMPLATE } from './order-copy.ts';
import { writeNumbers } from './order-numbers-copy.ts';
import { writeWrittenOrder } from './written-order-copy.ts';

/**
 * Writes an order as a row of a binary COPY into orders (ORDER_COLUMNS), field count included.
 * Throws a RangeError for what no such row can hold; PostgreSQL would not see that it was cut.
 * The texts are encoded anew each time: looking up encoded ones took twice as long.
 */
export function writeOrderEvent(to: CopyBuffer, order: OrderEvent): void {
  if (order instanceof WrittenOrder) return writeWrittenOrder(to, order);
  to.reserve(FIXED_SIZE + textsSizeMax(order));
  const { bytes, view, at: start } = to;
  for (let i = 0; i < FIXED_SIZE; i++) bytes[start + i] = TEMPLATE[i];
  writeUuid(bytes, start + ORDER_ID, order.orderId);
  writeUuid(bytes, start + CART_ID, order.cartId);
  writeNumbers(view, start, order);
  let at = writeText(bytes, view, start + FIXED_SIZE, order.paymentMethod);
  at = writeText(bytes, view, at, order.status);
  at = writeText(bytes, view, at, order.userId);
  at = writeText(bytes, view, at, order.userName);
  at = writeText(bytes, view, at, order.userRegion);
  at = writeText(bytes, view, at, order.userGender);
  at = writeText(bytes, view, at, order.userAgeGroup);
  at = writeText(bytes, view, at, order.productId);
  to.at = writeText(bytes, view, at, order.category);
}

function textsSizeMax(order: OrderEvent): number {
  return (
    textSizeMax(order.paymentMethod) +
    textSizeMax(order.status) +
    textSizeMax(order.userId) +
    textSizeMax(order.userName) +
    textSizeMax(order.userRegion) +
    textSizeMax(order.userGender) +
    textSizeMax(order.userAgeGroup) +
    textSizeMax(order.productId) +
    textSizeMax(order.category)
  );
}

const NO_DIGIT = 0x100; // survives being shifted and or-ed with any digit
const DIGITS = hexDigits();
/** Where the sixteen bytes of a UUID stand in its text. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const DASHES = [8, 13, 18, 23];
const DASH = 0x2d;

function writeUuid(bytes: Uint8Array, at: number, text: string): void {
  let wrong = text.length ^ 36;
  for (let i = 0; i < 16; i++) {
    const place = PLACES[i];
    const byte =
      (DIGITS[text.charCodeAt(place) & 0xff] << 4) | DIGITS[text.charCodeAt(place + 1) & 0xff];
    wrong |= byte & ~0xff;
    wrong |= (text.charCodeAt(place) | text.charCodeAt(place + 1)) & ~0xff;
    bytes[at + i] = byte;
  }
  for (let i = 0; i < 4; i++) wrong |= text.charCodeAt(DASHES[i]) ^ DASH;
  if (wrong !== 0) throw new RangeError(`not a UUID: ${JSON.stringify(text.slice(0, 50))}`);
}

function hexDigits(): Uint16Array {
  const digits = new Uint16Array(256).fill(NO_DIGIT);
  for (let value = 0; value < 16; value++) {
    digits['0123456789abcdef'.charCodeAt(value)] = value;
    digits['0123456789ABCDEF'.charCodeAt(value)] = value;
  }
  return digits;
}
