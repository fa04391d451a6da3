/**
 * The sink alone: ready-made orders, batch after batch, into PostgreSQL, exactly once, effects noted
 * and folded. No Kafka: what is left of the drain once that is free. The floor is a plain COPY of the
 * same rows, encoded beforehand, into a twin of the table. Both take turns, so that what else the
 * machine does hits both.
 */
import { DAY_MS, monotonicMs, seoulMidnight } from '../src/base/clock.ts';
import { count } from '../src/base/terminal.ts';
import { CartMaker, chunksOf } from '../src/generate/carts.ts';
import { productRows } from '../src/generate/products.ts';
import { userRows } from '../src/generate/users.ts';
import type { Batch, OrderEvent, Sink, StreamRecord } from '../src/model/event.ts';
import { orderId, ORDER_STATUSES, PAYMENT_METHODS } from '../src/model/order.ts';
import type { Product } from '../src/model/product.ts';
import { DEFAULT_SETTINGS } from '../src/model/settings.ts';
import { orderAgeGroup, type User } from '../src/model/user.ts';
import { loadBase } from '../src/store/base.ts';
import { connect, withClient, type Client } from '../src/store/client.ts';
import { COPY_HEADER, COPY_TRAILER, CopyBuffer } from '../src/store/copy-buffer.ts';
import { startCopy } from '../src/store/copy.ts';
import { foldEffects, foldPauseMs } from '../src/store/effects.ts';
import { ORDER_COLUMNS } from '../src/store/order-copy.ts';
import { writeOrderEvent } from '../src/store/order-event-copy.ts';
import { copyProducts, copyUsers } from '../src/store/shop.ts';
import { orderSink } from '../src/store/sink-orders.ts';
import type { Line } from './run.ts';
import { freshDatabase, type Server } from './shop.ts';

export type StreamSinkSizes = {
  orders: number;
  users: number;
  products: number;
  pool: number; // users who buy and products that are bought: the live shop has 1,000 in its pools
  batch: number; // orders a transaction
  round: number; // orders stored before the floor has its turn
  settings?: Record<string, string>; // PostgreSQL's, of the sinks' sessions
};

export const STREAM_SINK_SIZES: StreamSinkSizes = {
  orders: 1_000_000,
  users: 10_000,
  products: 20_000,
  pool: 1_000,
  batch: 25_000,
  round: 150_000,
};

/** What the tests run. */
export const STREAM_SINK_SMALL: StreamSinkSizes = {
  orders: 3_000,
  users: 300,
  products: 300,
  pool: 100,
  batch: 500,
  round: 1_500,
};

const SINKS = [1, 3];
const CHUNK_BYTES = 1 << 18;
const WINDOW = {
  firstNumber: 1,
  fromMs: seoulMidnight(2022, 1, 1),
  toMs: seoulMidnight(2025, 1, 1),
};
const DAY = seoulMidnight(2025, 3, 3);

type Seconds = { ours: number; plain: number };

/** One line for one sink, and one for three at once. */
export async function streamSink(server: Server, sizes: StreamSinkSizes): Promise<Line[]> {
  const lines: Line[] = [];
  for (const sinks of SINKS) {
    const url = await freshDatabase(server, `bench_sink_${sinks}`);
    const rounds = await withClient(url, (client) => fill(client, url, sinks, sizes));
    const sum = (of: keyof Seconds): number => rounds.reduce((all, round) => all + round[of], 0);
    lines.push({
      bench: `${count(sizes.orders)} orders, ${sinks} sink${sinks > 1 ? 's' : ''}, effects folded`,
      stated: '',
      ours: `${count(sizes.orders / sum('ours'))}/s`,
      ratio: `${(sum('plain') / sum('ours')).toFixed(2)} of a plain COPY`,
      floor: `${count(sizes.orders / sum('plain'))}/s`,
    });
  }
  return lines;
}

/** The seconds of each round; making and encoding the orders is not counted. */
async function fill(
  client: Client,
  url: string,
  width: number,
  sizes: StreamSinkSizes,
): Promise<Seconds[]> {
  const maker = await shop(client, sizes);
  await client.query('create table plain_orders (like orders including all)');
  const sinks = Array.from({ length: width }, () =>
    orderSink({ databaseUrl: url, ...(sizes.settings && { settings: sizes.settings }) }),
  );
  await Promise.all(sinks.map((sink) => sink.positions()));
  const folder = await connect(url);
  const next = sinks.map(() => 0);
  const rounds: Seconds[] = [];
  let pausedMs = 0; // since the last fold
  let foldMs = 0; // which took this
  for (let made = 0; made < sizes.orders; made += sizes.round) {
    const rows = Math.min(sizes.round, sizes.orders - made);
    const shares = sinks.map((_, index) => share(maker, rows, index, sinks.length, made));
    const encoded = encode(shares.flat());
    Bun.gc(true);
    let started = monotonicMs();
    await Promise.all(
      sinks.map(async (sink, index) => {
        next[index] = await drain(sink, index, next[index], shares[index], sizes.batch);
      }),
    );
    pausedMs += monotonicMs() - started;
    if (pausedMs >= foldPauseMs(foldMs) || made + rows === sizes.orders) {
      const folding = monotonicMs();
      await foldEffects(folder);
      foldMs = monotonicMs() - folding;
      pausedMs = 0;
    }
    const ours = (monotonicMs() - started) / 1_000;
    started = monotonicMs();
    await plainCopy(client, encoded);
    rounds.push({ ours, plain: (monotonicMs() - started) / 1_000 });
  }
  await Promise.all([folder.end(), ...sinks.map((sink) => sink.close())]);
  await check(client, sizes.orders);
  return rounds;
}

function encode(orders: readonly OrderEvent[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const buffer = new CopyBuffer(CHUNK_BYTES * 2);
  for (const order of orders) {
    writeOrderEvent(buffer, order);
    if (buffer.at >= CHUNK_BYTES) chunks.push(buffer.take());
  }
  return [...chunks, buffer.take()];
}

async function plainCopy(client: Client, chunks: readonly Uint8Array[]): Promise<void> {
  const copy = startCopy(client, 'plain_orders', ORDER_COLUMNS);
  for (const chunk of [COPY_HEADER, ...chunks, COPY_TRAILER]) await copy.write(chunk);
  await copy.end();
}

async function drain(
  sink: Sink<OrderEvent>,
  partition: number,
  first: number,
  orders: OrderEvent[],
  batchRows: number,
): Promise<number> {
  let next = first;
  for (let from = 0; from < orders.length; from += batchRows) {
    const events = orders.slice(from, from + batchRows);
    await sink.write(batchOf(partition, next, events));
    next += events.length;
  }
  return next;
}

function batchOf(partition: number, from: number, events: OrderEvent[]): Batch<OrderEvent> {
  const records = events.map((_, index): StreamRecord => ({
    topic: 'orders',
    partition,
    offset: from + index,
    key: null,
    value: null,
    headers: [],
  }));
  const ranges = [{ partition, from, next: from + events.length }];
  return { topic: 'orders', group: 'orders_group', ranges, events, records, rejected: [] };
}

type Maker = { carts: CartMaker; users: User[]; products: Product[]; pool: number };

async function shop(client: Client, sizes: StreamSinkSizes): Promise<Maker> {
  const users = userRows({ ...WINDOW, seed: 1, count: sizes.users });
  const products = productRows({ ...WINDOW, seed: 1, count: sizes.products });
  users.sort((a, b) => a.createdAtMs - b.createdAtMs);
  products.sort((a, b) => a.createdAtMs - b.createdAtMs);
  await copyUsers(client, users);
  await copyProducts(client, products);
  const { base } = await loadBase(client);
  const carts = new CartMaker(base, DEFAULT_SETTINGS, { seed: 1, run: 0 });
  return { carts, users, products, pool: sizes.pool };
}

/** Every n-th part of a round's orders, as they come out of JSON: no two strings shared. */
function share(
  maker: Maker,
  rows: number,
  part: number,
  parts: number,
  made: number,
): OrderEvent[] {
  const { carts, users, products, pool } = maker;
  const day = {
    startMs: DAY + Math.floor(made / rows) * DAY_MS, // a day a round, so that ids go on rising
    scenario: 0,
    users: Int32Array.from(users.slice(-pool).keys(), (place) => users.length - 1 - place),
    grades: new Uint8Array(Math.min(pool, users.length)),
    products: Int32Array.from(products.slice(-pool).keys(), (place) => products.length - 1 - place),
  };
  carts.open(day);
  const texts: string[] = [];
  const own = Math.floor(rows / parts) + (part < rows % parts ? 1 : 0);
  for (const chunk of chunksOf('rows', own, made * 10 + part * rows)) {
    carts.make(day, chunk);
    for (let row = 0; row < carts.batch.count; row++) {
      texts.push(JSON.stringify(orderOf(maker, row)));
    }
  }
  return texts.map((text) => JSON.parse(text));
}

function orderOf({ carts, users, products }: Maker, row: number): OrderEvent {
  const { batch } = carts;
  const user = users[batch.user[row]];
  const product = products[batch.product[row]];
  const key = { timeMs: batch.createdAtMs[row], seed: 1, run: 1, cart: batch.cart[row] };
  return {
    orderId: orderId({ ...key, item: batch.item[row] }),
    cartId: orderId({ ...key, item: 0 }),
    createdAtMs: batch.createdAtMs[row],
    unitPrice: batch.unitPrice[row],
    totalAmount: batch.totalAmount[row],
    shippingCost: batch.shippingCost[row],
    discountAmount: batch.discountAmount[row],
    quantity: batch.quantity[row],
    scenario: batch.scenario,
    paymentMethod: PAYMENT_METHODS[batch.payment[row]],
    status: ORDER_STATUSES[batch.status[row]],
    productId: product.productId,
    category: product.category,
    userId: user.userId,
    userName: user.name,
    userRegion: user.addressDistrict,
    userGender: user.gender,
    userAgeGroup: orderAgeGroup(user.age),
  };
}

/** A rate of rows that are not there, or not counted, is none. */
async function check(client: Client, orders: number): Promise<void> {
  const { rows } = await client.query<{ orders: string; wrong: string }>(`
    select (select count(*) from orders join plain_orders using (order_id)) as orders,
      count(*) as wrong
    from products left join (
      select product_id, count(*) from orders where status = 'Success' group by product_id
    ) sold using (product_id)
    where order_count <> coalesce(sold.count, 0)`);
  const [{ orders: stored, wrong }] = rows;
  if (Number(stored) === orders && Number(wrong) === 0) return;
  throw new Error(`${stored} of ${orders} orders stored, ${wrong} articles counted wrong`);
}
