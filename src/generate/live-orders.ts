import type { OrderBatch } from '../model/order-batch.ts';
import type { Pool } from '../model/pool.ts';
import { LiveCarts, type LiveRun, LIVE_ROWS_MAX } from './live-carts.ts';
import { LivePace, type PaceOptions } from './live-pace.ts';
import { LiveScenario, type LiveScenarioRequest, type LiveScenarioState } from './live-scenario.ts';

export type LiveOrdersOptions = LiveRun &
  PaceOptions & {
    pool: Pool;
    scenario?: number; // to start with
  };

/** What a producer makes: carts by the pace, of the scenario that stands, from the pool it has. */
export class LiveOrders {
  readonly #factors: readonly number[];
  readonly #carts: LiveCarts;
  readonly #pace: LivePace;
  readonly #scenario: LiveScenario;

  constructor(options: LiveOrdersOptions) {
    this.#factors = options.settings.live.volumeFactors;
    this.#carts = new LiveCarts(options, options.pool);
    this.#pace = new LivePace(options, options);
    this.#scenario = new LiveScenario(options.startMs, options.scenario);
  }

  /** The pool that a batch's users and products are indexes into. */
  get pool(): Pool {
    return this.#carts.pool;
  }

  /** Carts made so far, which is also the next one's number. */
  get carts(): number {
    return this.#carts.next;
  }

  /** Rows that stalls have cost: see LivePace. */
  get missedRows(): number {
    return this.#pace.missedRows;
  }

  take(pool: Pool): void {
    this.#carts.take(pool);
  }

  /** See LiveScenario.request. The next `make` or `waitMs` goes by it. */
  request(request: LiveScenarioRequest, nowMs: number): boolean {
    return this.#scenario.request(request, nowMs);
  }

  scenario(nowMs: number): LiveScenarioState {
    const state = this.#scenario.at(nowMs);
    this.#pace.turn(this.#factors[state.number], nowMs);
    return state;
  }

  /**
   * The rows due by now, all of one scenario, whole carts, no more than `rowsMax` (at least a cart's
   * ten); maybe none. The batch is overwritten by the next call. A cart's time is when it was due.
   */
  make(nowMs: number, rowsMax: number = LIVE_ROWS_MAX): OrderBatch {
    const batch = this.#carts.begin(this.scenario(nowMs).number);
    this.#pace.begin(nowMs);
    while (this.#pace.nextMs <= nowMs && this.#carts.hasRoom(rowsMax)) {
      this.#pace.took(this.#carts.add(Math.floor(this.#pace.nextMs)));
    }
    return batch;
  }

  /** How long nothing will be due, ms; 0: something is. */
  waitMs(nowMs: number): number {
    this.scenario(nowMs);
    this.#pace.begin(nowMs);
    return Math.max(0, this.#pace.nextMs - nowMs);
  }
}
