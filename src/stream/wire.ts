import type { Topic, Trace } from '../model/event.ts';

/**
 * The wire: a value is one JSON object in UTF-8,
 *
 *   {"version":1,"event_type":"order_created","event_id":"…","event_time":"…+09:00","order":{…}}
 *
 * whose entity is named by the first word of its type and has the columns of its table. Money is
 * whole won, times are ISO 8601 with a zone. The key is the customer's id (users, orders) or the
 * article's (products). The event id is an order's id; for the others `<id>@<event time in ms>`.
 */
export const WIRE_VERSION = 1;
export const VALUE_BYTES_MAX = 1 << 20;
export const DEPTH_MAX = 32;

/** What the columns take, or what is sensible where they take more. In characters. */
export const ID_MAX = 64; // indexed
export const NAME_MAX = 100;
export const PRODUCT_NAME_MAX = 200; // varchar(200)
export const WORD_MAX = 100; // a category, a region, a brand
export const EMAIL_MAX = 254; // RFC 5321; indexed
export const ADDRESS_MAX = 300;
export const DESCRIPTION_MAX = 10_000;

export const INT4_MAX = 2 ** 31 - 1;
export const AGE_MAX = 150;

export const EVENT_TYPES = {
  users: ['user_created', 'user_changed'],
  products: ['product_created', 'product_changed'],
  orders: ['order_created'],
} as const satisfies Record<Topic, readonly string[]>;

export type UserEventType = (typeof EVENT_TYPES.users)[number];
export type ProductEventType = (typeof EVENT_TYPES.products)[number];

/** The header that says who made an event: `<run>:<seed>:<sequence>`, decimal. */
export const TRACE_HEADER = 'millrace-trace';

const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;
const DIGITS_MAX = 16;

export function traceText({ run, seed, sequence }: Trace): string {
  return `${run}:${seed}:${sequence}`;
}

/** What a trace header says; null if it is not one. By hand, as every record has one. */
export function parseTrace(bytes: Uint8Array | null): Trace | null {
  if (bytes === null) return null;
  let run = -1;
  let seed = -1;
  let value = 0;
  let digits = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === COLON && digits > 0 && seed < 0) {
      if (run < 0) run = value;
      else seed = value;
      value = 0;
      digits = 0;
    } else if (byte >= ZERO && byte <= NINE && (value > 0 || digits === 0)) {
      value = value * 10 + (byte - ZERO); // the sum in the brackets first: it stays below 2^53
      if (++digits > DIGITS_MAX) return null;
    } else {
      return null;
    }
  }
  if (seed < 0 || digits === 0 || Math.max(run, seed, value) > Number.MAX_SAFE_INTEGER) return null;
  return { run, seed, sequence: value };
}
