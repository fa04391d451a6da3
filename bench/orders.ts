import { seoulMidnight } from '../src/base/clock.ts';
import { LiveCarts } from '../src/generate/live-carts.ts';
import { productRows } from '../src/generate/products.ts';
import { userRows } from '../src/generate/users.ts';
import type { Product } from '../src/model/product.ts';
import { DEFAULT_SETTINGS } from '../src/model/settings.ts';
import type { User } from '../src/model/user.ts';
import type { OutgoingRecord } from '../src/stream/port.ts';
import { encodeOrders, orderParts } from '../src/stream/wire-orders.ts';

const POOL = 1_000; // of users, and of products
const CARTS = 400; // a batch, about 1,400 orders
const CART_MS = 200;
const FROM_MS = seoulMidnight(2025, 11, 28);

/** Orders of the live shop, as a producer makes them: 1,000 users, 1,000 products, numbered from 0. */
export class OrderSource {
  readonly pool: { users: User[]; products: Product[] };
  #carts: LiveCarts;
  #parts: ReturnType<typeof orderParts>;
  #sequence = 0;

  constructor() {
    const window = { seed: 1, count: POOL, firstNumber: 1, fromMs: 0, toMs: FROM_MS };
    this.pool = { users: userRows(window), products: productRows(window) };
    this.#carts = new LiveCarts({ seed: 1, run: 1, settings: DEFAULT_SETTINGS }, this.pool);
    this.#parts = orderParts(this.pool.users, this.pool.products);
  }

  next(): OutgoingRecord[] {
    const batch = this.#carts.begin(3);
    for (let carts = 0; carts < CARTS && this.#carts.hasRoom(); carts++) {
      this.#carts.add(FROM_MS + this.#carts.next * CART_MS);
    }
    const records = encodeOrders(batch, this.#parts, { run: 1, seed: 1, sequence: this.#sequence });
    this.#sequence += records.length;
    return records;
  }

  take(records: number): OutgoingRecord[] {
    const taken: OutgoingRecord[] = [];
    while (taken.length < records) taken.push(...this.next());
    return taken;
  }
}
