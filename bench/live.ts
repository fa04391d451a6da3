import { monotonicMs, seoulMidnight } from '../src/base/clock.ts';
import { LiveCarts } from '../src/generate/live-carts.ts';
import { productRows } from '../src/generate/products.ts';
import { userRows } from '../src/generate/users.ts';
import type { OrderBatch } from '../src/model/order-batch.ts';
import { DEFAULT_SETTINGS } from '../src/model/settings.ts';

export type LiveMeasured = { rows: number; seconds: number; checksum: string };

const POOL = 1_000;
const FROM_MS = seoulMidnight(2025, 11, 28);
const CART_MS = 200; // 2,000,000 rows span more than a day, so every hour's table is used

/** Rows that one core makes for the live shop from a full pool, with nothing encoded or sent. */
export async function liveCarts(rowsMin: number): Promise<LiveMeasured> {
  const window = { seed: 1, count: POOL, firstNumber: 1, fromMs: 0, toMs: FROM_MS };
  const pool = { users: userRows(window), products: productRows(window) };
  const carts = new LiveCarts({ seed: 1, run: 1, settings: DEFAULT_SETTINGS }, pool);
  let rows = 0;
  let checksum = 0;
  const started = monotonicMs();
  while (rows < rowsMin) {
    const batch = carts.begin(3);
    while (carts.hasRoom()) carts.add(FROM_MS + carts.next * CART_MS);
    rows += batch.count;
    checksum = fold(batch, checksum);
  }
  const seconds = (monotonicMs() - started) / 1_000;
  return { rows, seconds, checksum: (checksum >>> 0).toString(16).padStart(8, '0') };
}

/** So that no work can be left out, and two runs can be told to have done the same. */
function fold({ count, user, product, totalAmount }: OrderBatch, checksum: number): number {
  let hash = checksum;
  for (let row = 0; row < count; row++) {
    hash = Math.imul(hash ^ user[row] ^ (product[row] << 10) ^ totalAmount[row], 0x01000193);
  }
  return hash;
}
