import { spanLength, spanStart, type Span, type WrittenOrder } from '../model/written-order.ts';
import type { CopyBuffer } from './copy-buffer.ts';
import { CART_ID, FIXED_SIZE, ORDER_ID, TEMPLATE } from './order-copy.ts';
import { writeNumbers } from './order-numbers-copy.ts';

const TEXTS = 9;

/**
 * Writes an order as `writeOrderEvent` does, its ids and texts from the bytes that it came in, which
 * were checked when they were read.
 */
export function writeWrittenOrder(to: CopyBuffer, order: WrittenOrder): void {
  const source = order.bytes;
  to.reserve(FIXED_SIZE + TEXTS * 4 + source.length);
  const { bytes, view, at: start } = to;
  for (let i = 0; i < FIXED_SIZE; i++) bytes[start + i] = TEMPLATE[i];
  copyUuid(bytes, start + ORDER_ID, source, order.orderIdAt);
  copyUuid(bytes, start + CART_ID, source, order.cartIdAt);
  writeNumbers(view, start, order);
  let at = copyText(bytes, start + FIXED_SIZE, source, order.paymentMethodSpan);
  at = copyText(bytes, at, source, order.statusSpan);
  at = copyText(bytes, at, source, order.userIdSpan);
  at = copyText(bytes, at, source, order.userNameSpan);
  at = copyText(bytes, at, source, order.userRegionSpan);
  at = copyText(bytes, at, source, order.userGenderSpan);
  at = copyText(bytes, at, source, order.userAgeGroupSpan);
  at = copyText(bytes, at, source, order.productIdSpan);
  to.at = copyText(bytes, at, source, order.categorySpan);
}

/** A field with its length, which is below 2^16. */
function copyText(bytes: Uint8Array, at: number, source: Uint8Array, span: Span): number {
  const from = spanStart(span);
  const length = spanLength(span);
  bytes[at] = 0;
  bytes[at + 1] = 0;
  bytes[at + 2] = length >>> 8;
  bytes[at + 3] = length;
  const target = at + 4;
  for (let i = 0; i < length; i++) bytes[target + i] = source[from + i];
  return target + length;
}

const DASH = 0x2d;
const NINE = 0x39;

/** Sixteen bytes from their digits, which are small letters. */
function copyUuid(bytes: Uint8Array, at: number, source: Uint8Array, from: number): void {
  let place = from;
  for (let i = 0; i < 16; i++) {
    if (source[place] === DASH) place++;
    bytes[at + i] = (digit(source[place]) << 4) | digit(source[place + 1]);
    place += 2;
  }
}

function digit(sign: number): number {
  return sign <= NINE ? sign - 0x30 : sign - 0x57;
}
