import type { RejectReason, Topic } from '../model/event.ts';
import { SCENARIOS } from '../model/scenario.ts';
import type { OutgoingRecord } from './port.ts';
import { DEPTH_MAX, TRACE_HEADER, VALUE_BYTES_MAX } from './wire.ts';

/**
 * Every way we know in which a record can be bad, for tests and drills: each kind spoils a good
 * order, so that a stream of good ones with some of these between them has known dead letters.
 */
export type PoisonKind = {
  name: string;
  reason: RejectReason;
  /** Makes a bad record of a good one, which stays as it is. */
  spoil: (record: OutgoingRecord) => OutgoingRecord;
  /** Only for a driver that keeps headers as a list: in a map these vanish on the way. */
  needsHeaderList?: true;
};

type Json = Record<string, unknown>;
type Order = Json & { order: Json };

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytesOf = (text: string): Uint8Array => encoder.encode(text);
const textOf = (record: OutgoingRecord): string => decoder.decode(record.value ?? undefined);
const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** `largeBytes`: of the value that is too large; the brokers must let it through. */
export function poisonKinds(largeBytes = 5 << 20): PoisonKind[] {
  return [
    ...NO_VALUES,
    tooLarge('one byte too many', VALUE_BYTES_MAX + 1),
    tooLarge('far too large', largeBytes),
    ...BAD_BYTES,
    ...BAD_JSON,
    ...BAD_ENVELOPES,
    ...missingFields(),
    ...wrongTypes(),
    ...BAD_NUMBERS,
    ...BAD_TEXTS,
    ...BAD_TIMES,
    ...BAD_IDS,
    ...BAD_KEYS,
    ...BAD_HEADERS,
  ];
}

const NO_VALUES: readonly PoisonKind[] = [
  bytes('a tombstone', 'empty', () => null),
  bytes('an empty value', 'empty', () => new Uint8Array()),
];

const BAD_BYTES: readonly PoisonKind[] = [
  insideName('an overlong NUL', [0xc0, 0x80]),
  insideName('an overlong slash', [0xe0, 0x80, 0xaf]),
  insideName('a surrogate in bytes', [0xed, 0xa0, 0x80]),
  insideName('a surrogate pair in bytes', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]),
  insideName('a truncated character', [0xea, 0xb0]),
  insideName('a stray continuation byte', [0x80]),
  insideName('a byte that UTF-8 never has', [0xff]),
  insideName('a code point past U+10FFFF', [0xf4, 0x90, 0x80, 0x80]),
  insideName('EUC-KR instead of UTF-8', [0xb1, 0xe8]),
  bytes('a value cut within a character', 'encoding', (valid) =>
    valid.subarray(0, valid.findIndex((byte) => byte >= 0x80) + 1),
  ),
  bytes('UTF-16 with its mark', 'encoding', (valid) =>
    join(new Uint8Array([0xff, 0xfe]), Buffer.from(decoder.decode(valid), 'utf16le')),
  ),
  bytes('bytes of chance', 'encoding', () => Uint8Array.fromHex('9f03e1c85b00d7aa41fe')),
];

const BAD_JSON: readonly PoisonKind[] = [
  bytes('UTF-16 of plain ASCII', 'json', () => new Uint8Array(Buffer.from('{"a":1}', 'utf16le'))),
  bytes('a byte order mark', 'json', (valid) => join(new Uint8Array([0xef, 0xbb, 0xbf]), valid)),
  written('only spaces', 'json', () => ' \n\t '),
  written('a word', 'json', () => 'order'),
  written('XML', 'json', () => '<order id="1"/>'),
  written('half a document', 'json', (json) => json.slice(0, json.length >> 1)),
  written('a document without its last brace', 'json', (json) => json.slice(0, -1)),
  written('trailing garbage', 'json', (json) => `${json}x`),
  written('a NUL behind', 'json', (json) => `${json}\0`),
  written('two documents', 'json', (json) => json + json),
  written('two documents on two lines', 'json', (json) => `${json}\n${json}`),
  written('a trailing comma', 'json', (json) => `${json.slice(0, -1)},}`),
  written('a comment', 'json', (json) => `/* order */${json}`),
  written('single quotes', 'json', (json) => json.replaceAll('"', "'")),
  written('a name without quotes', 'json', (json) => json.replace('"version"', 'version')),
  written('a NUL within a text', 'json', (json) =>
    json.replace('"user_name":"', '"user_name":"\0'),
  ),
  written('a raw line break in a text', 'json', (json) =>
    json.replace('"user_name":"', '"user_name":"\n'),
  ),
  written('an escape that is none', 'json', (json) =>
    json.replace('"user_name":"', '"user_name":"\\x'),
  ),
  written('NaN', 'json', (json) => literal(json, 'unit_price', 'NaN')),
  written('Infinity', 'json', (json) => literal(json, 'unit_price', 'Infinity')),
  written('a hexadecimal number', 'json', (json) => literal(json, 'unit_price', '0xff')),
  written('a leading zero', 'json', (json) => literal(json, 'quantity', '01')),
  written('a plus sign', 'json', (json) => literal(json, 'quantity', '+1')),
  written('nested 10,000 deep', 'json', (json) => extra(json, nested(10_000))),
  written('one level too deep', 'json', (json) => extra(json, nested(DEPTH_MAX))),
  written('a million opening brackets', 'json', () => '['.repeat(1_000_000)),
  written('two statuses', 'json', (json) => literal(json, 'status', '"Failed","status":"Success"')),
  written('two statuses, one escaped', 'json', (json) =>
    literal(json, 'status', '"Failed","\\u0073tatus":"Success"'),
  ),
  written('two orders', 'json', (json) => json.replace('"order":{', '"order":{},"order":{')),
  written('two versions', 'json', (json) => json.replace('{', '{"version":2,')),
];

const BAD_ENVELOPES: readonly PoisonKind[] = [
  written('null', 'field', () => 'null'),
  written('a number', 'field', () => '42'),
  written('a text', 'field', () => '"order_created"'),
  written('a list of one event', 'field', (json) => `[${json}]`),
  written('an empty object', 'version', () => '{}'),
  edit('version 2', 'version', (event) => (event['version'] = 2)),
  edit('a version in quotes', 'version', (event) => (event['version'] = '1')),
  edit('an unknown type', 'type', (event) => (event['event_type'] = 'order_deleted')),
  edit('a type of another topic', 'type', (event) => (event['event_type'] = 'user_created')),
  edit('a type of Object', 'type', (event) => (event['event_type'] = 'constructor')),
  edit('an order that is a list', 'field', (event) =>
    Object.assign(event, { order: [event.order] }),
  ),
  edit('an order that is null', 'field', (event) => Object.assign(event, { order: null })),
  edit('an order that is JSON in a text', 'field', (event) =>
    Object.assign(event, { order: JSON.stringify(event.order) }),
  ),
  written('a status in __proto__ only', 'field', (json) =>
    json.replace(/"status":("\w+")/, '"__proto__":{"status":$1}'),
  ),
  written('an order in constructor only', 'field', (json) =>
    json.replace('"order":', '"constructor":'),
  ),
];

const ENVELOPE_FIELDS: readonly (readonly [name: string, reason: RejectReason])[] = [
  ['version', 'version'],
  ['event_type', 'type'],
  ['event_id', 'field'],
  ['event_time', 'field'],
  ['order', 'field'],
];
const TEXT_FIELDS =
  'order_id cart_id created_at payment_method status user_id user_name user_region user_gender user_age_group product_id category'.split(
    ' ',
  );
const NUMBER_FIELDS =
  'unit_price total_amount shipping_cost discount_amount quantity scenario'.split(' ');

function missingFields(): PoisonKind[] {
  const ofOrder = [...TEXT_FIELDS, ...NUMBER_FIELDS].map((name) =>
    edit(`no ${name}`, 'field', (event) => delete event.order[name]),
  );
  const ofEnvelope = ENVELOPE_FIELDS.map(([name, reason]) =>
    edit(`no ${name}`, reason, (event) => Reflect.deleteProperty(event, name)),
  );
  return [...ofEnvelope, ...ofOrder];
}

function wrongTypes(): PoisonKind[] {
  return [
    ...TEXT_FIELDS.map((name) => set(`a number as ${name}`, name, 7)),
    ...NUMBER_FIELDS.map((name) => set(`a text as ${name}`, name, '7')),
    set('null as status', 'status', null),
    set('true as quantity', 'quantity', true),
    set('a list as user_name', 'user_name', ['김']),
    set('an object as total_amount', 'total_amount', { won: 1 }),
    edit('a number as event_id', 'field', (event) => (event['event_id'] = 7)),
    edit('a number as event_time', 'field', (event) => (event['event_time'] = 1_763_737_200_000)),
  ];
}

const BAD_NUMBERS: readonly PoisonKind[] = [
  set('a negative price', 'unit_price', -1),
  set('a negative total', 'total_amount', -1),
  set('negative shipping', 'shipping_cost', -2_500),
  set('a negative discount', 'discount_amount', -1),
  set('half a won', 'total_amount', 0.5),
  set('2^53 won', 'total_amount', 2 ** 53),
  set('1e300 won', 'total_amount', 1e300),
  written('1e400 won', 'field', (json) => literal(json, 'total_amount', '1e400')),
  written('400 digits of won', 'field', (json) => literal(json, 'total_amount', '9'.repeat(400))),
  written('-0 won', 'field', (json) => literal(json, 'total_amount', '-0')),
  set('no pieces', 'quantity', 0),
  set('minus one piece', 'quantity', -1),
  set('half a piece', 'quantity', 1.5),
  set('2^31 pieces', 'quantity', 2 ** 31),
  set('a scenario that is not there', 'scenario', SCENARIOS.length),
  set('a negative scenario', 'scenario', -1),
];

const BAD_TEXTS: readonly PoisonKind[] = [
  set('an empty user_id', 'user_id', ''),
  set('an empty category', 'category', ''),
  set('a user_name of 101 characters', 'user_name', '김'.repeat(101)),
  set('a category of 10,000 characters', 'category', 'x'.repeat(10_000)),
  set('an unknown payment method', 'payment_method', 'Cash'),
  set('a payment method in small letters', 'payment_method', 'card'),
  set('an unknown status', 'status', 'Success '),
  set('a third gender', 'user_gender', 'X'),
  set('an escaped NUL', 'user_name', '김\0'),
  written('half a surrogate pair, escaped', 'field', (json) =>
    literal(json, 'user_name', '"\\ud83d"'),
  ),
  written('a surrogate pair turned round', 'field', (json) =>
    literal(json, 'user_name', '"\\ude00\\ud83d"'),
  ),
];

const BAD_TIMES: readonly PoisonKind[] = [
  time('a time without zone', '2026-11-21T16:00:00.123'),
  time('a date', '2026-11-21'),
  time('an empty time', ''),
  time('a year of five digits', '10000-01-01T00:00:00Z'),
  time('a time before the shop', '1970-01-01T00:00:00Z'),
  time('a leap second', '2026-12-31T23:59:60Z'),
  time('hour 24', '2026-11-21T24:00:00Z'),
  time('a 30th of February', '2026-02-30T12:00:00Z'),
  time('a month 13', '2026-13-01T12:00:00Z'),
  time('a zone that is nowhere', '2026-11-21T16:00:00+25:00'),
  time('an American date', '11/21/2026 4:00 PM +09:00'),
  edit('two times that differ', 'field', (event) => {
    event['event_time'] = '2026-11-21T16:00:00.124+09:00';
    event.order['created_at'] = '2026-11-21T16:00:00.123+09:00';
  }),
];

const BAD_IDS: readonly PoisonKind[] = [
  edit('an event_id of another order', 'field', (event) => {
    event['event_id'] = '019b74ec-4639-7184-8000-ffffffffffff';
  }),
  id('an order_id of UUID version 4', '3f2b8c1e-9a4d-4c6b-8e21-5d0f7a9b1c3e'),
  id('an order_id of another variant', '019b74ec-4639-7184-c000-1c0000000052'),
  id('an order_id without dashes', '019b74ec4639718480001c0000000052'),
  id('an order_id in braces', '{019b74ec-4639-7184-8000-1c0000000052}'),
  id('an order_id with a g', '019b74ec-4639-7184-8000-1c000000005g'),
  id('an order_id that counts up', '1042'),
  set('a cart_id that is no UUID', 'cart_id', 'cart-7'),
];

const BAD_KEYS: readonly PoisonKind[] = [
  key('no key', () => null),
  key('an empty key', () => new Uint8Array()),
  key("another customer's key", () => bytesOf('U_another')),
  key('a key that goes on', (before) => join(before, bytesOf(' '))),
  key('a key that stops early', (before) => before.slice(0, -1)),
  key('a key in quotes', (before) => join(bytesOf('"'), before, bytesOf('"'))),
];

const BAD_HEADERS: readonly PoisonKind[] = [
  header('a trace that is a word', [bytesOf('run')]),
  header('a trace of two numbers', [bytesOf('1:2')]),
  header('a trace of four numbers', [bytesOf('1:2:3:4')]),
  header('a negative trace', [bytesOf('1:2:-3')]),
  header('an empty trace', [new Uint8Array()]),
  header('a trace past 2^53', [bytesOf('1:2:9007199254740993')]),
  { ...header('two traces', [bytesOf('1:2:3'), bytesOf('1:2:3')]), needsHeaderList: true },
];

/** What only PostgreSQL can refuse: nothing in the record tells. */
export type ServerPoison = {
  name: string;
  topic: Topic;
  setup: string; // SQL that makes the server refuse
  spoil: (record: OutgoingRecord) => OutgoingRecord;
};

/**
 * The schema itself refuses one thing that validation cannot know, a second customer with one e-mail
 * address. Its other constraints are all checked before, so for orders an operator's own stands in.
 */
export const SERVER_POISON: readonly ServerPoison[] = [
  {
    name: "another customer's e-mail",
    topic: 'users',
    setup: `insert into users (user_id, name, gender, age, birth_year, address, address_district, email,
      random_seed, created_at) values ('U_taken', '김', 'F', 30, 1996, '-', '-', 'taken@example.com', 0, now())`,
    spoil: edit('', 'database', (event) => {
      Object.assign(Object(event['user']), { email: 'taken@example.com' });
    }).spoil,
  },
  {
    name: 'more pieces than the operator allows',
    topic: 'orders',
    setup: 'alter table orders add constraint orders_operator check (quantity <= 1000000)',
    spoil: set('', 'quantity', 1_000_001).spoil,
  },
];

function bytes(
  name: string,
  reason: RejectReason,
  change: (value: Uint8Array) => Uint8Array | null,
): PoisonKind {
  const spoil = (record: OutgoingRecord): OutgoingRecord => ({
    ...record,
    value: change(record.value ?? new Uint8Array()),
  });
  return { name, reason, spoil };
}

function written(name: string, reason: RejectReason, change: (json: string) => string): PoisonKind {
  const spoil = (record: OutgoingRecord): OutgoingRecord => ({
    ...record,
    value: bytesOf(change(textOf(record))),
  });
  return { name, reason, spoil };
}

function edit(name: string, reason: RejectReason, change: (event: Order) => unknown): PoisonKind {
  return written(name, reason, (json) => {
    const event: Order = JSON.parse(json);
    change(event);
    return JSON.stringify(event);
  });
}

function set(name: string, field: string, to: unknown): PoisonKind {
  return edit(name, 'field', (event) => (event.order[field] = to));
}

function time(name: string, to: string): PoisonKind {
  return edit(name, 'field', (event) => (event['event_time'] = event.order['created_at'] = to));
}

function id(name: string, to: string): PoisonKind {
  return edit(name, 'field', (event) => (event['event_id'] = event.order['order_id'] = to));
}

function key(name: string, change: (key: Uint8Array) => Uint8Array | null): PoisonKind {
  const spoil = (record: OutgoingRecord): OutgoingRecord => ({
    ...record,
    key: change(record.key ?? new Uint8Array()),
  });
  return { name, reason: 'key', spoil };
}

function header(name: string, traces: readonly Uint8Array[]): PoisonKind {
  const headers = traces.map((trace) => [TRACE_HEADER, trace] as const);
  return { name, reason: 'field', spoil: (record) => ({ ...record, headers }) };
}

function tooLarge(name: string, size: number): PoisonKind {
  return bytes(name, 'too_large', (valid) => {
    const large = new Uint8Array(size).fill(0x20); // spaces behind it: good JSON but for its size
    large.set(valid);
    return large;
  });
}

/** Puts bytes in front of the user's name. */
function insideName(name: string, intruder: readonly number[]): PoisonKind {
  return bytes(name, 'encoding', (valid) => {
    const mark = '"user_name":"';
    const at = Buffer.from(valid).indexOf(mark) + mark.length;
    return join(valid.subarray(0, at), new Uint8Array(intruder), valid.subarray(at));
  });
}

/** Replaces the value of a field by a text of JSON or of something near it. */
function literal(json: string, field: string, to: string): string {
  return json.replace(new RegExp(`"${field}":("[^"]*"|[^,}]*)`), () => `"${field}":${to}`);
}

/** Adds a field that nobody asks for. */
function extra(json: string, to: string): string {
  return `${json.slice(0, -1)},"extra":${to}}`;
}

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}
