import { to as copyTo } from 'pg-copy-streams';

import { sharedFloat64, sharedUint32, sharedUint8, type Base } from '../model/base.ts';
import { CATEGORIES, categoryIndex } from '../model/category.ts';
import loadProducts from '../../sql/queries/load_products.sql' with { type: 'text' };
import loadUsers from '../../sql/queries/load_users.sql' with { type: 'text' };
import type { Client } from './client.ts';
import { COPY_HEADER } from './copy-buffer.ts';
import { databaseFailure } from './failure.ts';

/** Byte strings of different length behind each other: the i-th is bytes[starts[i]..starts[i + 1]]. */
export type Fragments = { bytes: Uint8Array; starts: Uint32Array };

/** The fields that an order row copies, lengths included, as COPY's binary form has them. */
export type OrderFragments = { users: Fragments; products: Fragments };

/**
 * `checksum` is of all that decides a run's rows but the grades: those change while a run stands
 * still, so it keeps the ones it began with.
 */
export type LoadedBase = { base: Base; fragments: OrderFragments; checksum: string };

const USER_FRAGMENT_FIELDS = 5;
const PRODUCT_FRAGMENT_FIELDS = 2;
const decoder = new TextDecoder();

/**
 * Reads users and products, each in order of registration. The fields that orders repeat are kept
 * as the server sent them, so a row of orders is put together by copying bytes.
 */
export async function loadBase(client: Client): Promise<LoadedBase> {
  const users = await readCopy(client, loadUsers, 'reading users');
  const products = await readCopy(client, loadProducts, 'reading products');
  const decodedUsers = decodeUsers(users);
  const decodedProducts = decodeProducts(products);
  const base = { users: decodedUsers.columns, products: decodedProducts.columns };
  const fragments = { users: decodedUsers.fragments, products: decodedProducts.fragments };
  return { base, fragments, checksum: checksumOf(base, fragments) };
}

function checksumOf({ users, products }: Base, fragments: OrderFragments): string {
  let hash = 0n;
  for (const column of [
    fragments.users.bytes,
    users.createdAtMs,
    users.age,
    users.female,
    users.active,
    users.marketing,
    users.randomSeed,
    fragments.products.bytes,
    products.createdAtMs,
    products.category,
    products.price,
  ]) {
    hash = Bun.hash.xxHash64(column, hash);
  }
  return hash.toString(16).padStart(16, '0');
}

/** The text of a fragment's first field: the user's or product's id. */
export function fragmentId(fragments: Fragments, index: number): string {
  const from = fragments.starts[index];
  const { buffer, byteOffset } = fragments.bytes;
  const length = new DataView(buffer, byteOffset).getInt32(from);
  return decoder.decode(fragments.bytes.slice(from + 4, from + 4 + length));
}

async function readCopy(client: Client, sql: string, doing: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    const stream = client.query(copyTo(sql));
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch (cause) {
    throw databaseFailure(cause, doing);
  }
  return Buffer.concat(chunks);
}

function decodeUsers(copy: Uint8Array): { columns: Base['users']; fragments: Fragments } {
  const { starts, view } = rowStarts(copy);
  const count = starts.length;
  const columns: Base['users'] = {
    count,
    createdAtMs: sharedFloat64(count),
    age: sharedUint8(count),
    female: sharedUint8(count),
    active: sharedUint8(count),
    marketing: sharedUint8(count),
    grade: sharedUint8(count),
    randomSeed: sharedFloat64(count),
  };
  const fragments = takeFragments(copy, view, starts, USER_FRAGMENT_FIELDS);
  for (let i = 0; i < count; i++) {
    let at = starts[i]; // now behind the fragment; every field is 4 bytes of length, then itself
    columns.createdAtMs[i] = view.getFloat64((at += 4));
    columns.age[i] = view.getInt32((at += 12));
    columns.female[i] = copy[(at += 8)];
    columns.active[i] = copy[(at += 5)];
    columns.marketing[i] = copy[(at += 5)];
    columns.grade[i] = view.getInt32((at += 5));
    columns.randomSeed[i] = view.getFloat64(at + 8);
  }
  return { columns, fragments };
}

function decodeProducts(copy: Uint8Array): { columns: Base['products']; fragments: Fragments } {
  const { starts, view } = rowStarts(copy);
  const count = starts.length;
  const columns: Base['products'] = {
    count,
    createdAtMs: sharedFloat64(count),
    category: sharedUint8(count),
    price: sharedFloat64(count),
  };
  const fragments = takeFragments(copy, view, starts, PRODUCT_FRAGMENT_FIELDS);
  for (let i = 0; i < count; i++) {
    const at = starts[i];
    const category = categoryIndex(secondField(fragments, i));
    columns.category[i] = category === -1 ? CATEGORIES.length : category;
    columns.createdAtMs[i] = view.getFloat64(at + 4);
    columns.price[i] = Number(view.getBigInt64(at + 16));
  }
  return { columns, fragments };
}

function secondField(fragments: Fragments, index: number): string {
  const view = new DataView(fragments.bytes.buffer);
  const second = fragments.starts[index] + 4 + view.getInt32(fragments.starts[index]);
  const from = second + 4;
  return decoder.decode(fragments.bytes.slice(from, from + view.getInt32(second)));
}

/** Where each row's first field begins (behind its field count). */
function rowStarts(copy: Uint8Array): { starts: Uint32Array; view: DataView } {
  const view = new DataView(copy.buffer, copy.byteOffset, copy.byteLength);
  const starts: number[] = [];
  let at = COPY_HEADER.length;
  for (;;) {
    const fields = view.getInt16(at);
    if (fields === -1) break;
    at += 2;
    starts.push(at);
    for (let field = 0; field < fields; field++) at += 4 + Math.max(view.getInt32(at), 0);
  }
  return { starts: Uint32Array.from(starts), view };
}

/** Copies each row's first fields out and moves its start behind them. */
function takeFragments(
  copy: Uint8Array,
  view: DataView,
  starts: Uint32Array, // IN OUT [rows]
  fields: number,
): Fragments {
  const ends = new Uint32Array(starts.length);
  let total = 0;
  for (let i = 0; i < starts.length; i++) {
    let at = starts[i];
    for (let field = 0; field < fields; field++) at += 4 + view.getInt32(at);
    ends[i] = at;
    total += at - starts[i];
  }
  const fragments = { bytes: sharedUint8(total), starts: sharedUint32(starts.length + 1) };
  for (let i = 0, to = 0; i < starts.length; i++) {
    fragments.bytes.set(copy.subarray(starts[i], ends[i]), to);
    to += ends[i] - starts[i];
    fragments.starts[i + 1] = to;
    starts[i] = ends[i];
  }
  return fragments;
}
