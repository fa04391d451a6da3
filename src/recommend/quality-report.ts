import * as v from 'valibot';

/** Customers that the maths, the hold-out and the drift see, however many there are. */
export const REPORT_SAMPLE = 100_000;

const number = v.pipe(v.number(), v.finite());
const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const month = v.pipe(v.string(), v.regex(/^20\d\d-\d\d$/));

const Elbow = v.strictObject({
  rows: whole,
  chosen: whole,
  modelInertia: number,
  byK: v.array(v.strictObject({ clusters: whole, inertia: number, silhouette: number })),
});

const Segment = v.strictObject({
  cluster: whole,
  customers: whole,
  sampled: whole,
  silhouette: number,
  silhouetteError: number,
  contracts: number, // mean a customer, as ingested
  purchases: number,
  topContracts: v.array(v.string()),
  topPurchases: v.array(v.string()),
  topBusinessTypes: v.array(v.string()), // 업태 as registered
});

const Coverage = v.strictObject({
  customersByCount: v.pipe(v.array(whole), v.length(4)),
  itemsKnown: whole,
  itemsRecommended: whole,
  gini: number,
  items: v.array(v.strictObject({ name: v.string(), holders: whole, recommended: whole })),
});

const Score = v.strictObject({ precision: share, hitRate: share });

const HoldOut = v.strictObject({
  firstDay: v.string(), // purchases from it on are what was to be foretold
  customers: whole,
  evaluated: whole,
  itemsKnown: whole,
  undated: whole,
  variants: v.array(
    v.strictObject({
      owned: v.boolean(),
      segment: Score,
      trade: Score,
      popularity: Score,
      chance: Score,
      best: Score,
      difference: v.strictObject({ mean: number, error: number }),
    }),
  ),
});

const Stability = v.strictObject({ name: v.string(), psi: number, bins: whole });

const Earlier = v.strictObject({
  month,
  model: v.string(), // hash
  customers: whole,
  both: whole, // customers of both months
  changed: whole, // of them, in another segment
  joined: whole,
  left: whole,
  matrix: v.array(v.array(whole)), // [segment before][segment now], of both
  sampled: v.strictObject({ before: whole, now: whole }), // for the features
  features: v.array(Stability),
  segments: Stability,
  // That month's centres, means of its drawn customers, in this month's space; null: it has another
  // number of segments, or one of which nobody was drawn.
  centres: v.nullable(
    v.strictObject({
      distances: v.array(number), // from this month's, by cluster
      inertiaRatio: number, // of the drawn customers: by those centres / by this month's
    }),
  ),
});

/** What `millrace recommend report --json` prints and the page shows. Shares are 0 to 1. */
export const QualityReportShape = v.strictObject({
  month,
  generatedAt: v.string(), // Asia/Seoul
  command: v.string(),
  model: v.string(), // hash
  codeVersion: v.string(),
  modelSeed: whole,
  seed: whole, // of the samples
  includeOwned: v.boolean(), // as published
  customers: whole,
  sampled: whole,
  segments: v.array(Segment),
  silhouette: v.strictObject({ silhouette: number, error: number, sampled: whole }),
  elbow: Elbow,
  contracts: Coverage,
  products: Coverage,
  holdOut: HoldOut,
  earlier: v.nullable(Earlier), // null: no earlier month is published
  secondsByPhase: v.record(v.string(), number),
  seconds: number,
  memoryMiB: whole,
});

export type QualityReport = v.InferOutput<typeof QualityReportShape>;
export type ReportedSegment = v.InferOutput<typeof Segment>;
export type EarlierMonth = v.InferOutput<typeof Earlier>;
