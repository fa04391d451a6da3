import { seoulHour } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { LiveRun } from './live-carts.ts';

/** `natural`: a cart every few seconds, by the hour. A number: rows of `orders` a second. */
export type Rate = 'natural' | 'max' | number;

export type PaceOptions = {
  rate: Rate;
  rampSeconds: number; // from nothing to the rate, evenly; 0: at once
  startMs: number;
};

export const RATE_MIN = 0.5;
export const RATE_MAX = 10_000_000; // rows/s, beyond any machine
export const RAMP_SECONDS_MAX = 86_400;

/** After a stall this much of the schedule is made up for; what lies further back is given up. */
export const CATCH_UP_MS = 1_000;

const CART_SECONDS = [3, 5] as const;
const WAIT_SECONDS = [1, 30] as const;

/** `natural`, `max` or rows a second, or a USAGE error. */
export function parseRate(text: string): Rate {
  if (text === 'natural' || text === 'max') return text;
  const rate = text.trim() === '' ? Number.NaN : Number(text);
  if (rate >= RATE_MIN && rate <= RATE_MAX) return rate;
  throw new PipelineError(
    'USAGE',
    `rate '${text}': give orders a second, ${RATE_MIN} to ${RATE_MAX}, or natural, or max`,
  );
}

/** Seconds from one cart to the next in an ordinary hour; `u` is uniform in [0, 1). */
export function cartWaitSeconds(hourlyMultiplier: number, u: number): number {
  const [low, high] = CART_SECONDS;
  const [least, most] = WAIT_SECONDS;
  return Math.min(Math.max((low + u * (high - low)) / hourlyMultiplier, least), most);
}

/**
 * When each cart is due. The schedule lies on an axis of its own, ms of full rate since the start:
 * during the ramp it runs slower than the clock, so a cart moves it on by rows / rate wherever it
 * stands, and the axis' inverse tells the moment. Rows made by a time are thus never behind the
 * ramp's integral and never more than one cart ahead of it.
 *
 *   for (pace.begin(nowMs); pace.nextMs <= nowMs; ) pace.took(makeCart(pace.nextMs));
 *   await sleep(pace.nextMs - nowMs);
 */
export class LivePace {
  /** Rows that stalls have cost, where a rate was asked for. */
  missedRows = 0;
  readonly #rate: Rate;
  #startMs: number;
  readonly #rampMs: number;
  readonly #multipliers: readonly number[];
  readonly #random: Random;
  #carts = 0;
  #factor = 1;
  #now = 0; // on the axis
  #next = 0; // on the axis
  #step = 0; // what the last cart moved it on by
  #nowMs: number;

  constructor({ seed, run, settings }: LiveRun, { rate, rampSeconds, startMs }: PaceOptions) {
    checkRamp(rate, rampSeconds);
    this.#rate = rate;
    this.#startMs = startMs;
    this.#rampMs = rampSeconds * 1_000;
    this.#multipliers = settings.hourlyMultiplier;
    this.#random = new Random(seed, 'live', run);
    this.#nowMs = startMs;
  }

  /**
   * Looks at the clock. It may have jumped either way, so the next cart is never further back than
   * CATCH_UP_MS and never further off than the last step.
   */
  begin(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#startMs = Math.min(this.#startMs, nowMs);
    this.#now = this.#axis(nowMs);
    const behind = this.#now - this.#next - CATCH_UP_MS;
    if (behind > 0) {
      this.#next += behind;
      if (typeof this.#rate === 'number') {
        this.missedRows += (behind * this.#rate * this.#factor) / 1_000;
      }
    }
    this.#next = Math.min(this.#next, this.#now + this.#step);
  }

  /** When the next cart is due, ms since the epoch, fractions included. */
  get nextMs(): number {
    return this.#rate === 'max' ? this.#nowMs : this.#startMs + this.#inverse(this.#next);
  }

  /** The cart that was due has been made, with so many rows. */
  took(rows: number): void {
    this.#step = this.#stepOf(rows) / this.#factor;
    this.#next += this.#step;
    this.#carts++;
  }

  /** Goes `factor` times as fast from now on; what is left of the wait shrinks or grows with it. */
  turn(factor: number, nowMs: number): void {
    if (factor === this.#factor) return;
    this.begin(nowMs);
    const scale = this.#factor / factor;
    this.#next = this.#now + (this.#next - this.#now) * (this.#next > this.#now ? scale : 1);
    this.#step *= scale;
    this.#factor = factor;
  }

  /** Ms of full rate, before the factor. */
  #stepOf(rows: number): number {
    if (this.#rate === 'max') return 0;
    if (this.#rate !== 'natural') return (rows / this.#rate) * 1_000;
    const u = this.#random.at(2 * this.#carts).next(); // odd indexes are the products'
    return cartWaitSeconds(this.#multipliers[seoulHour(this.nextMs)], u) * 1_000;
  }

  #axis(nowMs: number): number {
    const elapsed = nowMs - this.#startMs;
    const ramp = this.#rampMs;
    return elapsed < ramp ? (elapsed * elapsed) / (2 * ramp) : elapsed - ramp / 2;
  }

  #inverse(axis: number): number {
    const ramp = this.#rampMs;
    return axis < ramp / 2 ? Math.sqrt(2 * ramp * axis) : axis + ramp / 2;
  }
}

function checkRamp(rate: Rate, seconds: number): void {
  if (!(seconds >= 0 && seconds <= RAMP_SECONDS_MAX)) {
    throw new PipelineError('USAGE', `ramp ${seconds}: give seconds, 0 to ${RAMP_SECONDS_MAX}`);
  }
  if (rate === 'max' && seconds > 0) {
    throw new PipelineError('USAGE', 'a ramp needs a rate to end at: give --rate a number');
  }
}
