import type {
  EventOf,
  OrderEvent,
  ProductEvent,
  StreamRecord,
  Topic,
  UserEvent,
} from '../model/event.ts';
import { GRADES } from '../model/grade.ts';
import { ORDER_STATUSES, PAYMENT_METHODS } from '../model/order.ts';
import { SCENARIOS } from '../model/scenario.ts';
import { GENDERS, USER_STATUSES } from '../model/user.ts';
import { Refusal } from './refusal.ts';
import { Fields } from './wire-fields.ts';
import { readWrittenOrder } from './wire-quick.ts';
import { countKeys, countNames } from './wire-scan.ts';
import {
  ADDRESS_MAX,
  AGE_MAX,
  DEPTH_MAX,
  DESCRIPTION_MAX,
  EMAIL_MAX,
  EVENT_TYPES,
  ID_MAX,
  INT4_MAX,
  NAME_MAX,
  parseTrace,
  PRODUCT_NAME_MAX,
  TRACE_HEADER,
  VALUE_BYTES_MAX,
  WIRE_VERSION,
  WORD_MAX,
} from './wire.ts';

// A byte order mark is kept, and then is no JSON (RFC 8259, section 8.1).
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * The event of a record, or why there is none. A new object with the fields of the model: whatever
 * else a value holds is ignored. Never throws.
 */
export function decode<T extends Topic>(topic: T, record: StreamRecord): EventOf[T] | Refusal {
  try {
    return DECODERS[topic](record);
  } catch (cause) {
    if (cause instanceof Refusal) return cause;
    throw cause;
  }
}

const DECODERS: { [T in Topic]: (record: StreamRecord) => EventOf[T] } = {
  users: decodeUser,
  products: decodeProduct,
  orders: decodeOrder,
};

function decodeOrder(record: StreamRecord): OrderEvent {
  const { key, value } = record;
  const written = value && readWrittenOrder(value);
  const event = written ?? orderOf(envelopeOf('orders', textOf(record)));
  if (!(key && written?.isOf(key))) checkKey(record, event.userId);
  checkTrace(record);
  return event;
}

function decodeUser(record: StreamRecord): UserEvent {
  const envelope = envelopeOf('users', textOf(record));
  const event = { eventTimeMs: envelope.time('event_time'), user: userOf(envelope.object('user')) };
  checkId(envelope, event.user.userId, event.eventTimeMs);
  checkKey(record, event.user.userId);
  checkTrace(record);
  return event;
}

function decodeProduct(record: StreamRecord): ProductEvent {
  const envelope = envelopeOf('products', textOf(record));
  const product = productOf(envelope.object('product'));
  const event = { eventTimeMs: envelope.time('event_time'), product };
  checkId(envelope, product.productId, event.eventTimeMs);
  checkKey(record, product.productId);
  checkTrace(record);
  return event;
}

/** Any order that follows the rules, however it is written. */
export function orderOf(envelope: Fields): OrderEvent {
  const order = envelope.object('order');
  const createdAtMs = order.time('created_at');
  if (envelope.time('event_time') !== createdAtMs) {
    throw envelope.refusal('event_time', "is not the order's created_at");
  }
  const orderId = order.uuidV7('order_id');
  if (envelope.uuidV7('event_id') !== orderId) {
    throw envelope.refusal('event_id', "is not the order's id");
  }
  return {
    orderId,
    cartId: order.uuid('cart_id'),
    createdAtMs,
    unitPrice: order.whole('unit_price', 0),
    totalAmount: order.whole('total_amount', 0),
    shippingCost: order.whole('shipping_cost', 0),
    discountAmount: order.whole('discount_amount', 0),
    quantity: order.whole('quantity', 1, INT4_MAX),
    scenario: order.whole('scenario', 0, SCENARIOS.length - 1),
    paymentMethod: order.oneOf('payment_method', PAYMENT_METHODS),
    status: order.oneOf('status', ORDER_STATUSES),
    productId: order.text('product_id', ID_MAX),
    category: order.text('category', WORD_MAX),
    userId: order.text('user_id', ID_MAX),
    userName: order.text('user_name', NAME_MAX),
    userRegion: order.text('user_region', WORD_MAX),
    userGender: order.oneOf('user_gender', GENDERS),
    userAgeGroup: order.text('user_age_group', WORD_MAX),
  };
}

function userOf(user: Fields): UserEvent['user'] {
  return {
    userId: user.text('user_id', ID_MAX),
    name: user.text('name', NAME_MAX),
    gender: user.oneOf('gender', GENDERS),
    age: user.whole('age', 0, AGE_MAX),
    birthYear: user.whole('birth_year', 1850, 2100),
    address: user.text('address', ADDRESS_MAX, 0),
    addressDistrict: user.text('address_district', WORD_MAX),
    email: user.text('email', EMAIL_MAX, 3),
    grade: user.oneOf('grade', GRADES),
    status: user.oneOf('status', USER_STATUSES),
    lastLoginAtMs: user.time('last_login_at'),
    lastOrderedAtMs: user.timeOrNull('last_ordered_at'),
    marketingAgree: user.flag('marketing_agree'),
    randomSeed: user.real('random_seed', 0, 1 - Number.EPSILON / 2),
    createdAtMs: user.time('created_at'),
  };
}

function productOf(product: Fields): ProductEvent['product'] {
  return {
    productId: product.text('product_id', ID_MAX),
    category: product.text('category', WORD_MAX),
    name: product.text('name', PRODUCT_NAME_MAX),
    orgPrice: product.whole('org_price', 1),
    price: product.whole('price', 1),
    discountRate: product.real('discount_rate', 0, 1),
    description: product.text('description', DESCRIPTION_MAX, 0),
    brand: product.text('brand', WORD_MAX),
    stock: product.whole('stock', 0, INT4_MAX),
    rating: product.real('rating', 0, 5),
    reviewCount: product.whole('review_count', 0, INT4_MAX),
    isBest: product.flag('is_best'),
    createdAtMs: product.time('created_at'),
    orderCount: product.whole('order_count', 0),
  };
}

/** The value as text, with its limits checked first. */
function textOf({ value }: StreamRecord): string {
  if (value === null || value.length === 0) throw new Refusal('empty', 'there is no value');
  if (value.length > VALUE_BYTES_MAX) {
    throw new Refusal('too_large', `${value.length} bytes; ${VALUE_BYTES_MAX} are taken`);
  }
  try {
    return decoder.decode(value);
  } catch {
    throw new Refusal('encoding', 'not UTF-8');
  }
}

/** The outer object, of a version and type that the topic has. */
export function envelopeOf(topic: Topic, text: string): Fields {
  const envelope = new Fields(parseJson(text), '');
  if (envelope.raw('version') !== WIRE_VERSION) {
    throw new Refusal('version', `version is not ${WIRE_VERSION}`);
  }
  const types: readonly unknown[] = EVENT_TYPES[topic];
  if (!types.includes(envelope.raw('event_type'))) {
    throw new Refusal('type', `event_type is none of ${types.join(', ')}`);
  }
  return envelope;
}

/** JSON.parse with what it does not mind: any depth, and a name that stands twice in an object. */
function parseJson(text: string): unknown {
  const names = countNames(text, DEPTH_MAX);
  if (names < 0) throw new Refusal('json', `nested deeper than ${DEPTH_MAX}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal('json', 'not one JSON document');
  }
  if (countKeys(value) !== names) throw new Refusal('json', 'an object has one name twice');
  return value;
}

/** The id of an event that may happen to an entity more than once. */
function checkId(envelope: Fields, entityId: string, eventTimeMs: number): void {
  if (envelope.raw('event_id') === `${entityId}@${eventTimeMs}`) return;
  throw envelope.refusal('event_id', 'is not <id>@<event time in ms>');
}

function checkKey({ key }: StreamRecord, id: string): void {
  if (key !== null && holds(key, id)) return;
  throw new Refusal('key', key === null ? 'there is no key' : "the key is not the entity's");
}

/** Whether bytes are a text in UTF-8; ids are ASCII almost always. */
function holds(bytes: Uint8Array, text: string): boolean {
  if (bytes.length < text.length) return false;
  for (let at = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at);
    if (sign > 0x7f) return Buffer.compare(bytes, encoder.encode(text)) === 0;
    if (bytes[at] !== sign) return false;
  }
  return bytes.length === text.length;
}

/** Who made an event need not be said, but not in two ways, as the audit goes by it. */
function checkTrace({ headers }: StreamRecord): void {
  let found = 0;
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i];
    if (header[0] !== TRACE_HEADER) continue;
    if (++found > 1) throw new Refusal('field', `${TRACE_HEADER} stands twice`);
    if (parseTrace(header[1]) === null) {
      throw new Refusal('field', `${TRACE_HEADER} is not <run>:<seed>:<sequence>`);
    }
  }
}
