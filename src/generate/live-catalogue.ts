import { Random } from '../base/random.ts';
import { signUpPace } from '../model/growth.ts';
import type { Product } from '../model/product.ts';
import type { User } from '../model/user.ts';
import type { LiveRun } from './live-carts.ts';
import { product } from './products.ts';
import { user } from './users.ts';

/** Reserves so many ids and returns the first number; the database hands them out. */
export type TakeNumbers = (count: number) => Promise<number>;

const PRODUCT_SECONDS = [6, 8] as const;

/** A deadline after each piece of work. A clock that jumps never makes the wait longer than planned. */
class Beat {
  #nextMs: number;
  #stepMs = 0;

  constructor(startMs: number) {
    this.#nextMs = startMs;
  }

  waitMs(nowMs: number): number {
    this.#nextMs = Math.min(this.#nextMs, nowMs + this.#stepMs);
    return Math.max(0, this.#nextMs - nowMs);
  }

  plan(nowMs: number, seconds: number): void {
    this.#stepMs = seconds * 1_000;
    this.#nextMs = nowMs + this.#stepMs;
  }
}

/** People who sign up while the shop runs: ten in 10 s at first, in the end one in two minutes. */
export class LiveUsers {
  readonly #startMs: number;
  readonly #settings: LiveRun['settings']['users'];
  readonly #random: Random;
  readonly #beat: Beat;
  #index = 0;

  constructor({ seed, run, settings }: LiveRun, startMs: number) {
    this.#startMs = startMs;
    // Nobody is dormant in the moment of signing up.
    this.#settings = { ...settings.users, dormantShare: 0 };
    this.#random = new Random(seed, 'user', run);
    this.#beat = new Beat(startMs);
  }

  /** How long nobody will sign up, ms; 0: somebody does. */
  waitMs(nowMs: number): number {
    return this.#beat.waitMs(nowMs);
  }

  /** Those who sign up now; nobody before it is time. If there are no numbers, the same come later. */
  async make(nowMs: number, takeNumbers: TakeNumbers): Promise<User[]> {
    if (this.waitMs(nowMs) > 0) return [];
    const atMs = Math.floor(nowMs);
    const pace = signUpPace(Math.max(0, nowMs - this.#startMs));
    const first = await takeNumbers(pace.batch);
    const rows: User[] = [];
    for (let i = 0; i < pace.batch; i++) {
      const index = this.#index++;
      const options = { count: index + 1, fromMs: atMs, toMs: atMs, settings: this.#settings };
      rows.push(user(this.#random, index, first + i, options));
    }
    this.#beat.plan(nowMs, pace.intervalSeconds);
    return rows;
  }
}

/** Articles listed while the shop runs: one every six to eight seconds. */
export class LiveProducts {
  readonly #settings: LiveRun['settings']['products'];
  readonly #random: Random;
  readonly #waits: Random;
  readonly #beat: Beat;
  #index = 0;

  constructor({ seed, run, settings }: LiveRun, startMs: number) {
    this.#settings = settings.products;
    this.#random = new Random(seed, 'product', run);
    this.#waits = new Random(seed, 'live', run);
    this.#beat = new Beat(startMs);
  }

  /** How long nothing will be listed, ms; 0: something is. */
  waitMs(nowMs: number): number {
    return this.#beat.waitMs(nowMs);
  }

  /** What is listed now; nothing before it is time. If there is no number, the same comes later. */
  async make(nowMs: number, takeNumbers: TakeNumbers): Promise<Product[]> {
    if (this.waitMs(nowMs) > 0) return [];
    const number = await takeNumbers(1);
    const index = this.#index++;
    const window = { fromMs: nowMs, toMs: nowMs, settings: this.#settings };
    const row = product(this.#random, index, number, window);
    const wait = this.#waits.at(2 * index + 1).between(...PRODUCT_SECONDS); // even: the carts'
    this.#beat.plan(nowMs, wait);
    return [row];
  }
}
