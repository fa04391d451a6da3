/** One line of a report: what was planned, what the stored rows say, and how far apart they may be. */
export type Check = {
  section: string;
  item: string;
  planned: number;
  actual: number;
  tolerance: number; // 0: must be exact
  pass: boolean;
  note?: string; // why it may have failed, or what it leaves out
};

/** About 70 lines hang on chance; at 4.5 deviations one report of a right run in 2,000 fails. */
const DEVIATIONS = 4.5;
/** Counts of a few lean to the right: the Cornish-Fisher term of a Poisson count, (4.5² − 1) ÷ 6. */
const SKEW = (DEVIATIONS ** 2 - 1) / 6;
// In tens of millions of rows chance all but vanishes; the rules need not hold to the last digit.
const SHARE_OF_TOTAL = 0.002;
const SHARE_OF_PLANNED = 0.01;

/** A line that allows no difference. A note is kept only where it fails. */
export function exact(
  section: string,
  item: string,
  planned: number,
  actual: number,
  note?: string,
): Check {
  const pass = planned === actual;
  const check: Check = { section, item, planned, actual, tolerance: 0, pass };
  return pass || note === undefined ? check : { ...check, note };
}

/** A line that chance decides. `variance` defaults to that of `total` independent draws. */
export function chance(
  section: string,
  item: string,
  planned: number,
  actual: number,
  total: number,
  variance = binomialVariance(planned, total),
): Check {
  const tolerance = allowance(planned, total, variance);
  const pass = Math.abs(actual - planned) <= tolerance;
  return { section, item, planned, actual, tolerance, pass };
}

/**
 * How far chance may carry a count: 4.5 standard deviations and the skew of small counts, or 0.2 %
 * of the total where that is more, though never above 1 % of the count itself, lest a rare thing
 * pass whatever it does. What has no chance at all, or every chance, has no tolerance either.
 */
export function allowance(planned: number, total: number, variance: number): number {
  if (!(variance > 0)) return 0;
  const byChance = DEVIATIONS * Math.sqrt(variance) + SKEW;
  const byShare = Math.min(total * SHARE_OF_TOTAL, planned * SHARE_OF_PLANNED);
  return Math.round(Math.max(byChance, byShare) * 10) / 10;
}

/** At most this, also where the draws have different chances that add up to `planned`. */
export function binomialVariance(planned: number, total: number): number {
  return total > 0 ? planned * Math.max(0, 1 - planned / total) : 0;
}
