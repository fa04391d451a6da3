import { HOUR_MS } from '../base/clock.ts';

/** A logistic curve over a period: few sign-ups, then many, then few. */
export type GrowthSettings = {
  midpoint: number; // 0..1 of the period, where sign-ups are most frequent
  steepness: number; // above 0; near 0 is a straight line
};

export const DEFAULT_GROWTH: GrowthSettings = { midpoint: 0.5, steepness: 10 };

/**
 * When the customer at quantile `u` of all signed up: the inverse of `share`, cut to whole ms.
 * `u` is in [0, 1).
 */
export function signUpTime(
  u: number,
  fromMs: number,
  toMs: number,
  settings = DEFAULT_GROWTH,
): number {
  const low = logistic(0, settings);
  const high = logistic(1, settings);
  const level = low + u * (high - low);
  const x = settings.midpoint - Math.log(1 / level - 1) / settings.steepness;
  return Math.floor(fromMs + Math.min(Math.max(x, 0), 1) * (toMs - fromMs));
}

/** The share of all customers who have signed up by a moment, 0 at the start and 1 at the end. */
export function share(
  timeMs: number,
  fromMs: number,
  toMs: number,
  settings = DEFAULT_GROWTH,
): number {
  const x = Math.min(Math.max((timeMs - fromMs) / (toMs - fromMs), 0), 1);
  const low = logistic(0, settings);
  return (logistic(x, settings) - low) / (logistic(1, settings) - low);
}

function logistic(x: number, { midpoint, steepness }: GrowthSettings): number {
  return 1 / (1 + Math.exp(-steepness * (x - midpoint)));
}

/** The pace at which new customers come to the live shop. */
export type SignUpPace = { batch: number; intervalSeconds: number };

/** Ten customers every 10 s at the start, falling to one every 120 s. */
export function signUpPace(sinceStartMs: number): SignUpPace {
  const decay = Math.exp((-0.6 * sinceStartMs) / HOUR_MS);
  return {
    batch: Math.max(1, Math.floor(10 * decay)),
    intervalSeconds: 10 + 110 * (1 - decay),
  };
}
