import { HOUR_MS } from '../base/clock.ts';
import { Random } from '../base/random.ts';
import { AliasTable } from '../model/alias.ts';
import type { Base } from '../model/base.ts';
import { CATEGORIES, UNKNOWN_CATEGORY } from '../model/category.ts';
import { CHUNK_ROWS, orderBatch, type OrderBatch } from '../model/order-batch.ts';
import { discountAmount, ORDER_STATUSES, paymentBandIndex, totalAmount } from '../model/order.ts';
import { productWeight } from '../model/propensity.ts';
import type { ShopSettings } from '../model/settings.ts';
import { BuyerTable } from './buyers.ts';

/** What is the same for every cart of a day; small, so that it travels to threads. */
export type ShopDay = {
  startMs: number; // midnight in Seoul
  scenario: number;
  users: Int32Array; // [pool] index into the base
  grades: Uint8Array; // [pool] index into GRADES, as of the day
  products: Int32Array; // [pool] index into the base
};

/**
 * A part of a day that is made in one go, at most CHUNK_ROWS rows. Its carts are numbered from
 * `firstCart`, and its moments lie between two quantiles of the day's orders, so that chunks know
 * nothing of each other.
 */
export type Chunk = {
  firstCart: number; // within the run
  unit: 'rows' | 'carts';
  count: number; // rows or carts, exactly
  from: number; // [0, 1)
  to: number; // (from, 1]
};

/** What a chunk does to its pool. Only successful rows count; slots are those of the day's pools. */
export type Effects = {
  carts: number;
  cartsByHour: Int32Array; // [24]
  lastOrderedMs: Float64Array; // [users] 0: none
  amount: Float64Array; // [users] won
  orders: Int32Array; // [users] rows
  sold: Int32Array; // [products] rows
};

export const CART_ROWS_MAX = 10;

/** Whose chances they are: a run is a number handed out by the database, 0 for none. */
export type Chances = { seed: number; run: number };

/** So that carts of ten rows each still fit. */
export const CHUNK_CARTS = Math.floor(CHUNK_ROWS / CART_ROWS_MAX);

/**
 * Makes orders of a shop's days, each cart from (seed, run, cart number) alone. One for each thread.
 */
export class CartMaker {
  readonly batch: OrderBatch = orderBatch(CHUNK_ROWS);
  readonly #base: Base;
  readonly #settings: ShopSettings;
  readonly #random: Random;
  readonly #chunkRandom: Random;
  readonly #cartSizes: AliasTable;
  readonly #payments: AliasTable[]; // [band]
  readonly #bandOfAge: Uint8Array; // [age]
  readonly #statusSums: number[];
  readonly #pieces: AliasTable[]; // [category] of 1, 2, 3, … pieces
  readonly #clock: DayClock;
  readonly #buyers: BuyerTable;
  #products = new AliasTable(1);
  readonly #sizes = new Uint8Array(CHUNK_ROWS);
  readonly #arrivals = new Float64Array(CHUNK_ROWS + 1); // one behind the last cart

  constructor(base: Base, settings: ShopSettings, { seed, run }: Chances) {
    const { orders } = settings;
    this.#base = base;
    this.#settings = settings;
    this.#random = new Random(seed, 'cart', run);
    this.#chunkRandom = new Random(seed, 'chunk', run);
    this.#cartSizes = AliasTable.of(orders.cartSizeWeights);
    this.#payments = orders.paymentBands.map((band) => AliasTable.of(band.weights));
    this.#bandOfAge = Uint8Array.from({ length: 256 }, (_, age) =>
      paymentBandIndex(age, orders.paymentBands),
    );
    this.#statusSums = runningSums(ORDER_STATUSES.map((status) => orders.statusShares[status]));
    const buying = CATEGORIES.map(({ name }) => settings.categories[name]);
    this.#pieces = [...buying, UNKNOWN_CATEGORY].map(({ quantityWeights }) =>
      AliasTable.of(quantityWeights),
    );
    this.#clock = new DayClock(settings.hourlyMultiplier);
    this.#buyers = new BuyerTable(base.users, settings);
  }

  /** Turns to a day. Its chunks may then be made in any order. */
  open(day: ShopDay): void {
    const { scenarios, categories } = this.#settings;
    const rules = scenarios[day.scenario];
    this.#buyers.open(day.users, day.grades, rules);
    const byCategory = CATEGORIES.map(({ name }) =>
      productWeight(rules.categories[name], categories[name].frequency),
    );
    byCategory.push(productWeight(UNKNOWN_CATEGORY.weight, UNKNOWN_CATEGORY.frequency));
    const { category } = this.#base.products;
    const weights = Float64Array.from(day.products, (product) => byCategory[category[product]]);
    if (this.#products.count !== weights.length) this.#products = new AliasTable(weights.length);
    this.#products.rebuild(weights, weights.length);
  }

  /** Fills `batch` with the rows of a chunk and returns what they change. */
  make(day: ShopDay, chunk: Chunk): Effects {
    const effects = noEffects(day);
    const carts = this.#drawSizes(chunk);
    effects.carts = carts;
    const end = this.#arrivals[carts];
    const { batch } = this;
    batch.count = 0;
    batch.scenario = day.scenario;
    this.#clock.rewind();
    for (let i = 0; i < carts; i++) {
      const share = chunk.from + (chunk.to - chunk.from) * (this.#arrivals[i] / end);
      const timeMs = day.startMs + this.#clock.msOf(share);
      const hour = this.#clock.hour;
      effects.cartsByHour[hour]++;
      this.#fillCart(day, chunk.firstCart + i, this.#sizes[i], timeMs, hour, effects);
    }
    return effects;
  }

  /**
   * Adds one cart to `batch`, which must have room for CART_ROWS_MAX more rows, and returns how many
   * it has. The day must be open; `hour` is that of `timeMs` in Seoul.
   */
  add(
    day: ShopDay,
    cart: number,
    timeMs: number,
    hour: number,
    effects: Effects, // IN OUT
  ): number {
    const size = this.#cartSizes.pick(this.#random.at(cart).next()) + 1;
    this.batch.scenario = day.scenario;
    this.#fillCart(day, cart, size, timeMs, hour, effects);
    return size;
  }

  /** See BuyerTable.addExpected; the day must be open. */
  addExpected(cartsByHour: Int32Array, expected: Float64Array): void {
    for (let hour = 0; hour < 24; hour++) {
      if (cartsByHour[hour] > 0) this.#buyers.addExpected(hour, cartsByHour[hour], expected);
    }
  }

  /**
   * Draws each cart's size and the wait before it. Waits are exponential, so once divided by their
   * sum (kept behind the last cart) the arrivals are sorted uniforms: a Poisson stream of carts,
   * given their number. The last cart is cut short where rows are what counts.
   */
  #drawSizes(chunk: Chunk): number {
    const byRows = chunk.unit === 'rows';
    let rows = 0;
    let carts = 0;
    let clock = 0;
    while (byRows ? rows < chunk.count : carts < chunk.count) {
      const random = this.#random.at(chunk.firstCart + carts);
      const size = this.#cartSizes.pick(random.next()) + 1;
      clock -= Math.log(1 - random.next());
      this.#sizes[carts] = byRows ? Math.min(size, chunk.count - rows) : size;
      this.#arrivals[carts] = clock;
      rows += this.#sizes[carts];
      carts++;
    }
    this.#arrivals[carts] = clock - Math.log(1 - this.#chunkRandom.at(chunk.firstCart).next());
    return carts;
  }

  #fillCart(
    day: ShopDay,
    cart: number,
    size: number,
    timeMs: number,
    hour: number,
    effects: Effects, // IN OUT
  ): void {
    const random = this.#random.at(cart);
    random.bits(); // the size and
    random.bits(); // the wait, drawn before
    const slot = this.#buyers.pick(hour, random.next());
    const user = day.users[slot];
    const band = this.#bandOfAge[this.#base.users.age[user]];
    const payment = this.#payments[band].pick(random.next());
    const { shippingCosts } = this.#settings.orders;
    const shipping = random.pick(shippingCosts);
    for (let item = 0; item < size; item++) {
      const row = this.batch.count;
      this.batch.cart[row] = cart;
      this.batch.item[row] = item;
      this.batch.createdAtMs[row] = timeMs;
      this.batch.user[row] = user;
      this.batch.payment[row] = payment;
      this.#fillItem(day, row, item === 0 ? shipping : 0, random, slot, effects);
      this.batch.count = row + 1;
    }
    if (effects.orders[slot] > 0 && this.#anySuccess(size)) effects.lastOrderedMs[slot] = timeMs;
  }

  #fillItem(
    day: ShopDay,
    row: number,
    shipping: number, // a cart pays it once, with its first row
    random: Random,
    userSlot: number,
    effects: Effects, // IN OUT
  ): void {
    const { batch } = this;
    const productSlot = this.#products.pick(random.next());
    const product = day.products[productSlot];
    const price = this.#base.products.price[product];
    const pieces = this.#pieces[this.#base.products.category[product]];
    const quantity = pieces.pick(random.next()) + 1;
    const { discountMax } = this.#settings.orders;
    const discount = discountAmount(price, quantity, random.next(), discountMax);
    const status = firstAbove(this.#statusSums, random.next());
    const total = totalAmount(price, quantity, shipping, discount);
    batch.product[row] = product;
    batch.quantity[row] = quantity;
    batch.unitPrice[row] = price;
    batch.shippingCost[row] = shipping;
    batch.discountAmount[row] = discount;
    batch.totalAmount[row] = total;
    batch.status[row] = status;
    if (status !== 0) return;
    effects.amount[userSlot] += total;
    effects.orders[userSlot]++;
    effects.sold[productSlot]++;
  }

  #anySuccess(size: number): boolean {
    const { status, count } = this.batch;
    for (let row = count - size; row < count; row++) if (status[row] === 0) return true;
    return false;
  }
}

/** The share of a day's orders that has come by a moment, and its inverse, by HOURLY_MULTIPLIER. */
class DayClock {
  hour = 0; // of the last moment asked for
  readonly #sums: Float64Array; // [25] share of the day's orders before each hour

  constructor(multipliers: readonly number[]) {
    const total = multipliers.reduce((sum, value) => sum + value, 0);
    this.#sums = new Float64Array(25);
    for (let hour = 0; hour < 24; hour++) {
      this.#sums[hour + 1] = hour === 23 ? 1 : this.#sums[hour] + multipliers[hour] / total;
    }
  }

  rewind(): void {
    this.hour = 0;
  }

  /** Whole ms since midnight at which `share` in [0, 1) of the day's orders has come. Never asks back. */
  msOf(share: number): number {
    while (this.hour < 23 && this.#sums[this.hour + 1] <= share) this.hour++;
    const before = this.#sums[this.hour];
    const within = (share - before) / (this.#sums[this.hour + 1] - before);
    return this.hour * HOUR_MS + Math.min(Math.floor(within * HOUR_MS), HOUR_MS - 1);
  }
}

export function noEffects(day: ShopDay): Effects {
  return {
    carts: 0,
    cartsByHour: new Int32Array(24),
    lastOrderedMs: new Float64Array(day.users.length),
    amount: new Float64Array(day.users.length),
    orders: new Int32Array(day.users.length),
    sold: new Int32Array(day.products.length),
  };
}

/** Cuts a day's count into chunks, numbered from the run's `firstCart` on. */
export function chunksOf(unit: 'rows' | 'carts', count: number, firstCart: number): Chunk[] {
  const sizeMax = unit === 'rows' ? CHUNK_ROWS : CHUNK_CARTS;
  const chunks: Chunk[] = [];
  for (let start = 0; start < count; start += sizeMax) {
    const size = Math.min(sizeMax, count - start);
    const from = start / count;
    const to = (start + size) / count;
    chunks.push({ firstCart: firstCart + start, unit, count: size, from, to });
  }
  return chunks;
}

function runningSums(shares: readonly number[]): number[] {
  let sum = 0;
  return shares.map((share) => (sum += share));
}

function firstAbove(sums: readonly number[], u: number): number {
  for (let i = 0; i < sums.length - 1; i++) if (u < sums[i]) return i;
  return sums.length - 1;
}
