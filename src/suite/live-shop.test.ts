import { expect, test } from 'bun:test';

import { logger } from '../base/log.ts';
import { productRows } from '../generate/products.ts';
import { userRows } from '../generate/users.ts';
import type { Topic } from '../model/event.ts';
import type { Pool } from '../model/pool.ts';
import type { OutgoingRecord } from '../stream/port.ts';
import { configFromEnvironment, type SuiteConfig } from './config.ts';
import { LiveShop } from './live-shop.ts';
import type { Send } from './parts/makers.ts';

/** A pool of its own ids, so that it can be told from another. */
function pool(firstNumber: number): Pool {
  const window = { seed: 1, count: 50, firstNumber, fromMs: 0, toMs: 1_000 };
  return { users: userRows(window), products: productRows(window) };
}

function shop(known: Partial<SuiteConfig> = {}, busy: () => Promise<void> = async () => undefined) {
  const config = configFromEnvironment({ rate: 2_000, rampSeconds: 0, ...known });
  const stop = new AbortController();
  const checks = new Map<string, string | null>();
  const sent: Record<Topic, OutgoingRecord[]> = { users: [], products: [], orders: [] };
  const firsts: number[] = [];
  const sender = (topic: Topic): Send => {
    let sequence = 0;
    return async (count, encode) => {
      firsts.push(sequence);
      sent[topic].push(...encode({ run: 9, seed: config.seed, sequence }));
      sequence += count;
      await busy();
    };
  };
  let number = 1_000;
  const made = new LiveShop(
    {
      run: { seed: config.seed, run: 9, settings: config.settings },
      sender,
      takeNumbers: () => async (count) => (number += count) - count,
    },
    {
      name: 'producer',
      config,
      signal: stop.signal,
      log: logger('test', { level: 'off' }),
      heartbeat: () => undefined,
      progress: () => undefined,
      check: (name, failure) => checks.set(name, failure),
    },
  );
  return { made, stop, checks, sent };
}

const text = new TextDecoder();
type Order = { user_id: string; scenario: number; order_id: string };
const ordersOf = (records: OutgoingRecord[]): Order[] =>
  records.map(({ value }) => JSON.parse(text.decode(value ?? undefined)).order);

test('nothing is ordered before there is a pool, and the reason is known', async () => {
  const { made, stop, checks, sent } = shop();
  const making = made.makeOrders(stop.signal);
  await Bun.sleep(20);
  expect(sent.orders).toEqual([]);
  expect(checks.get('pool')).toContain('no pool');
  made.take(pool(1));
  expect(checks.get('pool')).toBeNull();
  await Bun.sleep(60);
  stop.abort();
  await making;
  expect(sent.orders.length).toBeGreaterThan(20);
  expect(sent.orders.length).toBeLessThan(1_000);
});

test('a new pool takes the place of the old one, whose buyers are not seen again', async () => {
  const { made, stop, sent } = shop();
  made.take(pool(1));
  const making = made.makeOrders(stop.signal);
  await Bun.sleep(50);
  made.take(pool(5_001));
  const before = sent.orders.length;
  await Bun.sleep(50);
  stop.abort();
  await making;
  const buyers = ordersOf(sent.orders).map((order) => Number(order.user_id.slice(2)));
  expect(buyers.slice(0, before).every((number) => number <= 50)).toBe(true);
  expect(buyers.slice(before).every((number) => number > 5_000)).toBe(true);
  expect(buyers.length).toBeGreaterThan(before);
  expect(new Set(ordersOf(sent.orders).map((order) => order.order_id)).size).toBe(buyers.length);
});

test('a scenario chosen before there was a pool, or later, is that of the orders from then on', async () => {
  const { made, stop, sent } = shop({ scenario: 5 });
  made.request({ number: 3, atMs: Date.now(), untilMs: Date.now() + 60_000 });
  made.take(pool(1));
  const making = made.makeOrders(stop.signal);
  await Bun.sleep(40);
  made.request({ number: 7, atMs: Date.now(), untilMs: Date.now() + 60_000 });
  const before = sent.orders.length;
  await Bun.sleep(40);
  stop.abort();
  await making;
  const scenarios = ordersOf(sent.orders).map((order) => order.scenario);
  expect(new Set(scenarios.slice(0, before))).toEqual(new Set([3]));
  expect(new Set(scenarios.slice(before))).toEqual(new Set([7]));
});

test('without a choice the shop starts with the scenario it was told', async () => {
  const { made, stop, sent } = shop({ scenario: 5 });
  made.take(pool(1));
  const making = made.makeOrders(stop.signal);
  await Bun.sleep(30);
  stop.abort();
  await making;
  expect(new Set(ordersOf(sent.orders).map((order) => order.scenario))).toEqual(new Set([5]));
});

test('products are listed at once and then every few seconds, with ids from the database', async () => {
  const { made, stop, sent } = shop();
  const making = made.makeProducts(stop.signal);
  await Bun.sleep(50);
  stop.abort();
  await making;
  expect(sent.products).toHaveLength(1);
  const event = JSON.parse(text.decode(sent.products[0].value ?? undefined));
  expect(event).toMatchObject({
    event_type: 'product_created',
    product: { product_id: 'P00001000', order_count: 0 },
  });
  expect(text.decode(sent.products[0].headers[0][1] ?? undefined)).toBe('9:42:0');
});

test('at full speed the others still have their turn', async () => {
  const { made, stop } = shop({ rate: 'max' });
  made.take(pool(1));
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 1);
  const making = made.makeOrders(stop.signal);
  await Bun.sleep(1_000);
  stop.abort();
  await making;
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(10);
});
