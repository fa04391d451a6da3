export const PAYMENT_METHODS = ['Card', 'NaverPay', 'KakaoPay', 'Bank'] as const;

/** Only `Success` counts for grades, `last_ordered_at` and `order_count`. */
export const ORDER_STATUSES = ['Success', 'Cancelled', 'Returned', 'Failed'] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** How customers from an age on pay: weights by PAYMENT_METHODS. */
export type PaymentBand = { ageMin: number; weights: readonly number[] };

/** Rising by age. */
export const PAYMENT_BANDS: readonly PaymentBand[] = [
  { ageMin: 0, weights: [45, 25, 20, 10] },
  { ageMin: 30, weights: [50, 20, 20, 10] },
  { ageMin: 40, weights: [65, 10, 15, 10] },
  { ageMin: 50, weights: [75, 5, 5, 15] },
];

const PAYMENT_AGE_UNKNOWN = 40;

/** Of carts with 1..10 rows. */
export const CART_SIZE_WEIGHTS: readonly number[] = [25, 20, 15, 12, 10, 7, 5, 3, 2, 1];

export const STATUS_SHARES: Readonly<Record<OrderStatus, number>> = {
  Success: 0.96,
  Cancelled: 0.02,
  Returned: 0.015,
  Failed: 0.005,
};

export const SHIPPING_COSTS: readonly number[] = [0, 2_500, 3_000]; // each as likely

export const DISCOUNT_MAX = 0.1;

/** Mean and variance of a cart's rows. */
export function cartSizeMoments(weights: readonly number[]): { mean: number; variance: number } {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = weights.reduce((sum, weight, index) => sum + weight * (index + 1), 0) / total;
  const squares = weights.reduce((sum, weight, i) => sum + weight * (i + 1 - mean) ** 2, 0);
  return { mean, variance: squares / total };
}

/** Index into the bands of an age; an unknown age pays as the forties do. */
export function paymentBandIndex(
  age: number | null | undefined,
  bands: readonly PaymentBand[] = PAYMENT_BANDS,
): number {
  const known = age === null || age === undefined || !(age >= 0) ? PAYMENT_AGE_UNKNOWN : age;
  let band = bands.length - 1;
  while (band > 0 && known < bands[band].ageMin) band--;
  return band;
}

/** `u` is uniform in [0, 1): anything up to a tenth of the price. */
export function discountAmount(
  price: number,
  quantity: number,
  u: number,
  discountMax = DISCOUNT_MAX,
): number {
  return Math.floor(price * quantity * u * discountMax);
}

export function totalAmount(
  price: number,
  quantity: number,
  shipping: number,
  discount: number,
): number {
  return Math.max(0, price * quantity + shipping - discount);
}

/**
 * Order ids are UUIDv7 (RFC 9562) computed from what they stand for, so the same seed makes the same
 * ids on any thread:
 *
 *   bits 0..47   time, ms
 *        48..51  version 7          64..65  variant 10
 *        52..63  tag of the seed    66..85  run    86..123  cart of the run    124..127  item
 *
 * Two rows of a database differ in run, cart or item, so in the id. For one seed, ids rise with
 * (time, run, cart, item), which keeps inserts at the right edge of the index.
 */
export const RUN_MAX = 2 ** 20 - 1;
export const CART_MAX = 2 ** 38 - 1;
export const ITEM_MAX = 9;

/** Everything an id is made of. `run` is handed out by the database, `cart` counts from 0 in a run. */
export type OrderKey = { timeMs: number; seed: number; run: number; cart: number; item: number };

/** Writes the 16 bytes of an id. The numbers must be in range: `orderId` checks, this does not. */
export function writeOrderId(
  target: Uint8Array, // OUT [at + 16]
  at: number,
  timeMs: number,
  seed: number,
  run: number,
  cart: number,
  item: number,
): void {
  const timeHigh = Math.floor(timeMs / 0x1_0000_0000);
  const tag = seedTag(seed);
  const cartHigh = Math.floor(cart / 0x1000_0000); // bits 28..37, past what `|` can hold
  target[at] = timeHigh >>> 8;
  target[at + 1] = timeHigh;
  target[at + 2] = timeMs >>> 24;
  target[at + 3] = timeMs >>> 16;
  target[at + 4] = timeMs >>> 8;
  target[at + 5] = timeMs;
  target[at + 6] = 0x70 | (tag >>> 8);
  target[at + 7] = tag;
  target[at + 8] = 0x80 | (run >>> 14);
  target[at + 9] = run >>> 6;
  target[at + 10] = (run << 2) | (cartHigh >>> 8);
  target[at + 11] = cartHigh;
  target[at + 12] = cart >>> 20;
  target[at + 13] = cart >>> 12;
  target[at + 14] = cart >>> 4;
  target[at + 15] = (cart << 4) | item;
}

/** An id as text, with its numbers checked. */
export function orderId({ timeMs, seed, run, cart, item }: OrderKey): string {
  checkRange('timeMs', timeMs, 2 ** 48 - 1);
  checkRange('seed', seed, Number.MAX_SAFE_INTEGER);
  checkRange('run', run, RUN_MAX);
  checkRange('cart', cart, CART_MAX);
  checkRange('item', item, ITEM_MAX);
  const bytes = new Uint8Array(16);
  writeOrderId(bytes, 0, timeMs, seed, run, cart, item);
  return formatUuid(bytes);
}

/** What an id says. Throws a RangeError if the text is not a UUIDv7. */
export function decodeOrderId(text: string): Omit<OrderKey, 'seed'> & { seedTag: number } {
  const bytes = parseUuid(text);
  if (bytes[6] >>> 4 !== 7 || bytes[8] >>> 6 !== 2) throw new RangeError(`not a UUIDv7: ${text}`);
  const view = new DataView(bytes.buffer);
  const cartHigh = (view.getUint16(10) & 0x3ff) * 0x1000_0000;
  return {
    timeMs: view.getUint16(0) * 0x1_0000_0000 + view.getUint32(2),
    seedTag: view.getUint16(6) & 0xfff,
    run: ((view.getUint32(8) & 0x3fff_ffff) >>> 10) & RUN_MAX,
    cart: cartHigh + (view.getUint32(12) >>> 4),
    item: bytes[15] & 0xf,
  };
}

/** Twelve bits that tell seeds apart at sight (and not more: they guard no uniqueness). */
export function seedTag(seed: number): number {
  let hash = Math.imul(
    (seed | 0) ^ Math.imul(Math.floor(seed / 0x1_0000_0000), 0x9e3779b1),
    0x85ebca6b,
  );
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) & 0xfff;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** 16 bytes as `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`. */
export function formatUuid(bytes: Uint8Array, at = 0): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[bytes[at + i]];
  }
  return text;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function parseUuid(text: string): Uint8Array<ArrayBuffer> {
  if (!UUID.test(text)) throw new RangeError(`not a UUID: ${text}`);
  return Uint8Array.fromHex(text.replaceAll('-', ''));
}

function checkRange(name: string, value: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return;
  throw new RangeError(`${name} ${value} is not a whole number from 0 to ${max}`);
}
