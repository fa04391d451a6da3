import { wallClock } from '../base/clock.ts';
import { metrics } from '../base/metrics.ts';
import { pause } from '../base/shutdown.ts';
import { LiveProducts } from '../generate/live-catalogue.ts';
import { LiveOrders } from '../generate/live-orders.ts';
import type { LiveScenarioRequest } from '../generate/live-scenario.ts';
import type { Pool } from '../model/pool.ts';
import { encodeProduct } from '../stream/wire-encode.ts';
import { encodeOrders, orderParts, type OrderParts } from '../stream/wire-orders.ts';
import type { Maker } from './parts/makers.ts';
import type { PartContext } from './part.ts';

const LOOK_EVERY_MS = 1_000;
const BATCH_ROWS_MAX = 2_000; // some milliseconds of this thread, and then others have their turn

/** The shop as long as it is open: orders from the pool it was given last, and new products. */
export class LiveShop {
  readonly #maker: Maker;
  readonly #context: PartContext;
  readonly #pooled = new AbortController(); // aborted once there is a pool
  #orders: LiveOrders | null = null;
  #parts: OrderParts | null = null;
  #asked: LiveScenarioRequest | null = null; // before there was a pool
  #scenario = -1;

  constructor(maker: Maker, context: PartContext) {
    this.#maker = maker;
    this.#context = context;
    context.check('pool', 'no pool has come from the cache yet');
  }

  /** Goes on with another pool. */
  take(pool: Pool): void {
    const { config, check } = this.#context;
    const { rate, rampSeconds, scenario } = config;
    this.#parts = orderParts(pool.users, pool.products);
    if (this.#orders === null) {
      const startMs = wallClock();
      const options = { ...this.#maker.run, rate, rampSeconds, startMs, pool };
      this.#orders = new LiveOrders({ ...options, ...(scenario !== 0 && { scenario }) });
      if (this.#asked) this.request(this.#asked);
      this.#pooled.abort();
    } else {
      this.#orders.take(pool);
    }
    check('pool', null);
  }

  request(request: LiveScenarioRequest): void {
    this.#asked = request;
    this.#orders?.request(request, wallClock());
  }

  async makeOrders(signal: AbortSignal): Promise<void> {
    const send = this.#maker.sender('orders');
    const { heartbeat } = this.#context;
    await this.#untilPool(signal);
    while (!signal.aborted && this.#orders && this.#parts) {
      heartbeat();
      const batch = this.#orders.make(wallClock(), BATCH_ROWS_MAX);
      this.#show(batch.scenario);
      const parts = this.#parts;
      if (batch.count > 0) await send(batch.count, (first) => encodeOrders(batch, parts, first));
      const waitMs = this.#orders.waitMs(wallClock());
      await pause(Math.min(waitMs, LOOK_EVERY_MS), signal); // 0: the others have their turn all the same
    }
  }

  async makeProducts(signal: AbortSignal): Promise<void> {
    const { run, sender, takeNumbers } = this.#maker;
    const send = sender('products');
    const take = takeNumbers('product');
    const products = new LiveProducts(run, wallClock());
    while (!signal.aborted) {
      const eventTimeMs = wallClock();
      const made = await products.make(eventTimeMs, take);
      await send(made.length, (first) =>
        made.map((product, i) => {
          const trace = { ...first, sequence: first.sequence + i };
          return encodeProduct('product_created', { eventTimeMs, product }, trace);
        }),
      );
      await pause(Math.min(products.waitMs(wallClock()), LOOK_EVERY_MS), signal);
    }
  }

  async #untilPool(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#pooled.signal]);
    while (!either.aborted) {
      this.#context.heartbeat();
      await pause(LOOK_EVERY_MS, either);
    }
  }

  #show(scenario: number): void {
    if (scenario === this.#scenario || this.#orders === null) return;
    this.#scenario = scenario;
    metrics.scenario.set(scenario);
    const { label, source } = this.#orders.scenario(wallClock());
    this.#context.log.info('scenario', { scenario, label, source });
  }
}
