import { describe, expect, test } from 'bun:test';
import { HOUR_MS, seoulMidnight } from '../base/clock.ts';
import { SCENARIOS } from '../model/scenario.ts';
import { DEFAULT_SETTINGS, parseSettings } from '../model/settings.ts';
import { LiveOrders, type LiveOrdersOptions } from './live-orders.ts';
import { productRows } from './products.ts';
import { userRows } from './users.ts';

const MIDNIGHT = seoulMidnight(2026, 11, 27);
const START = MIDNIGHT + 14 * HOUR_MS;
const MINUTE = 60_000;
const window = { seed: 9, count: 100, firstNumber: 1, fromMs: 0, toMs: MIDNIGHT };
const pool = { users: userRows(window), products: productRows(window) };

function shop(options: Partial<LiveOrdersOptions> = {}): LiveOrders {
  return new LiveOrders({
    seed: 1,
    run: 1,
    settings: DEFAULT_SETTINGS,
    pool,
    rate: 100,
    rampSeconds: 0,
    startMs: START,
    ...options,
  });
}

type Row = { cart: number; item: number; timeMs: number; user: number; scenario: number };

/** All rows of a stretch of time, looked for every `tickMs`. */
function rowsOf(orders: LiveOrders, fromMs: number, toMs: number, tickMs: number): Row[] {
  const rows: Row[] = [];
  for (let nowMs = fromMs; nowMs < toMs; nowMs += tickMs) {
    const batch = orders.make(nowMs);
    for (let at = 0; at < batch.count; at++) {
      rows.push({
        cart: batch.cart[at],
        item: batch.item[at],
        timeMs: batch.createdAtMs[at],
        user: batch.user[at],
        scenario: batch.scenario,
      });
    }
  }
  return rows;
}

test('orders come at the rate, whole carts in order of number and time, and never ahead of time', () => {
  const orders = shop({ rate: 130 }); // a row every 7.7 ms
  const rows: Row[] = [];
  for (let nowMs = START; nowMs < START + MINUTE; nowMs += 50) {
    const made = rowsOf(orders, nowMs, nowMs + 1, 1);
    for (const { timeMs } of made) {
      expect(timeMs).toBeWithin(nowMs - 50, nowMs + 1);
      expect(Number.isInteger(timeMs)).toBe(true);
    }
    rows.push(...made);
  }
  expect(Math.abs(rows.length - 7_793)).toBeLessThan(12);
  for (let at = 1; at < rows.length; at++) {
    const [before, row] = [rows[at - 1], rows[at]];
    expect(row.timeMs).toBeGreaterThanOrEqual(before.timeMs);
    expect([row.cart, row.item]).toEqual(
      row.item > 0 ? [before.cart, before.item + 1] : [before.cart + 1, 0],
    );
  }
  expect(rows[0].cart).toBe(0);
  expect(orders.carts).toBe((rows.at(-1)?.cart ?? 0) + 1);
});

test('how often one looks changes nothing', () => {
  const often = rowsOf(shop(), START, START + 20_000, 7);
  const seldom = rowsOf(shop(), START, START + 20_000, 400);
  expect(often.slice(0, 1_900)).toEqual(seldom.slice(0, 1_900));
});

test('waits until the next cart is due, and no longer', () => {
  const orders = shop({ rate: 'natural' });
  let nowMs = START;
  expect(orders.waitMs(nowMs)).toBe(0);
  for (let cart = 0; cart < 50; cart++) {
    expect(orders.make(nowMs).count).toBeWithin(1, 11);
    expect(orders.make(nowMs).count).toBe(0);
    const waitMs = orders.waitMs(nowMs);
    expect(waitMs).toBeWithin(3_000, 5_001);
    expect(orders.make(nowMs + waitMs - 1).count).toBe(0);
    nowMs += waitMs + 1e-3;
    expect(orders.waitMs(nowMs)).toBe(0);
  }
});

test('at most so many rows are made at a time; the rest stays due', () => {
  const orders = shop({ rate: 1_000 });
  orders.make(START);
  let rows = 0;
  for (let call = 0; call < 12; call++) {
    const { count } = orders.make(START + 500, 50);
    expect(count).toBeLessThan(51);
    rows += count;
  }
  expect(rows).toBeWithin(490, 510);
  const most = shop({ rate: 'max' });
  expect(most.make(START).count).toBeWithin(16_375, 16_385);
  expect(most.waitMs(START)).toBe(0);
  expect(most.make(START + 1, 30).count).toBeWithin(21, 31);
  expect(most.missedRows).toBe(0);
});

describe('a scenario', () => {
  test('Black Friday makes three times as much for its minute, in a batch of its own', () => {
    const orders = shop();
    const before = rowsOf(orders, START, START + MINUTE, 20);
    const atMs = START + MINUTE;
    expect(orders.request({ number: 3, atMs }, atMs)).toBe(true);
    expect(orders.request({ number: 3, atMs }, atMs)).toBe(false);
    const sale = rowsOf(orders, atMs, atMs + MINUTE, 20);
    const after = rowsOf(orders, atMs + MINUTE, atMs + 2 * MINUTE, 20);
    expect(sale.length / before.length).toBeWithin(2.97, 3.03);
    expect(after.length / before.length).toBeWithin(0.98, 1.02);
    expect(new Set(before.map((row) => row.scenario))).toEqual(new Set([0]));
    expect(new Set(sale.map((row) => row.scenario))).toEqual(new Set([3]));
    expect(new Set(after.map((row) => row.scenario))).toEqual(new Set([0]));
  });

  test('changes who buys from then on', () => {
    const women = ({ user }: Row): boolean => pool.users[user].gender === 'F';
    const orders = shop({ scenario: 1 }); // nine in ten buyers are women
    const buyers = rowsOf(orders, START, START + MINUTE, 20);
    expect(buyers.filter(women).length / buyers.length).toBeGreaterThan(0.8);
    orders.request({ number: 2, atMs: START + MINUTE }, START + MINUTE);
    const men = rowsOf(orders, START + MINUTE, START + 2 * MINUTE, 20);
    expect(men.filter(women).length / men.length).toBeLessThan(0.3);
  });

  test('of the hour comes by itself', () => {
    const rows = rowsOf(shop({ startMs: MIDNIGHT }), MIDNIGHT, MIDNIGHT + MINUTE, 500);
    expect(new Set(rows.map((row) => row.scenario))).toEqual(new Set([19]));
    expect(shop().scenario(MIDNIGHT + 23 * HOUR_MS)).toMatchObject({ number: 17, source: 'hour' });
  });

  test('has the factor of the settings', () => {
    const volumeFactors = SCENARIOS.map(({ number }) => (number === 6 ? 5 : 1));
    const settings = parseSettings({ live: { volumeFactors } });
    const rows = rowsOf(shop({ settings, scenario: 6 }), START, START + MINUTE, 20);
    expect(Math.abs(rows.length - 30_000)).toBeLessThan(30);
    const sale = rowsOf(shop({ settings, scenario: 3 }), START, START + MINUTE, 20);
    expect(Math.abs(sale.length - 6_000)).toBeLessThan(30);
  });

  test('shortens the wait that is under way', () => {
    const orders = shop({ rate: 0.5 });
    const { count } = orders.make(START);
    expect(orders.waitMs(START)).toBeCloseTo(count * 2_000, 3);
    orders.request({ number: 3, atMs: START + 1_000 }, START + 1_000);
    expect(orders.waitMs(START + 1_000)).toBeCloseTo((count * 2_000 - 1_000) / 3, 3);
  });
});

test('another pool is used from the next batch on', () => {
  const orders = shop();
  const other = { users: pool.users.slice(50), products: pool.products.slice(99) };
  rowsOf(orders, START, START + 1_000, 10);
  orders.take(other);
  expect(orders.pool).toBe(other);
  const rows = rowsOf(orders, START + 1_000, START + 10_000, 10);
  expect(Math.max(...rows.map((row) => row.user))).toBe(49);
  expect(rows[0].cart).toBeGreaterThan(10);
});
