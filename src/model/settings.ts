import * as v from 'valibot';
import { PipelineError } from '../base/errors.ts';
import { type CalendarSettings, DEFAULT_CALENDAR, WEEK_FACTORS } from './calendar.ts';
import { byCategory, CATEGORY_BUYING, type CategoryBuying } from './category.ts';
import {
  type Demotion,
  DEMOTIONS,
  GRADE_PRESET_NAMES,
  GRADE_PRESETS,
  type GradePresetName,
  type GradeRule,
  type GradeRules,
  GRADES,
} from './grade.ts';
import { DEFAULT_GROWTH, type GrowthSettings } from './growth.ts';
import {
  CART_SIZE_WEIGHTS,
  DISCOUNT_MAX,
  type OrderStatus,
  PAYMENT_BANDS,
  type PaymentBand,
  SHIPPING_COSTS,
  STATUS_SHARES,
} from './order.ts';
import { DEFAULT_PROPENSITY, type PropensitySettings, TOP_BUYERS } from './propensity.ts';
import { REGION_WEIGHTS } from './region.ts';
import {
  HOURLY_MULTIPLIER,
  SCENARIO_WEIGHTS,
  SCENARIOS,
  type ScenarioWeights,
} from './scenario.ts';

/** A share of the customers, and the ages it is spread over evenly: [youngest, oldest, weight]. */
export type AgeBand = readonly [ageMin: number, ageMax: number, weight: number];

/** `weighted`: anybody in the pool, by weight. `top`: only the `topN` of the highest score. */
export type BuyerChoice = 'weighted' | 'top';

/** Everything about the shop that can be set. Plain data, so it travels to threads as it is. */
export type ShopSettings = {
  propensity: PropensitySettings;
  buyers: { choice: BuyerChoice; topN: number };
  grades: {
    live: GradePresetName;
    backfill: GradePresetName;
    demotion: Demotion;
    presets: Readonly<Record<GradePresetName, GradeRules>>;
    refreshDays: number; // between two passes of the backfill
    windowMonths: number; // how far back orders count
  };
  orders: {
    cartSizeWeights: readonly number[]; // [10] of 1..10 rows
    paymentBands: readonly PaymentBand[];
    statusShares: Readonly<Record<OrderStatus, number>>;
    shippingCosts: readonly number[]; // won, each as likely
    discountMax: number;
  };
  calendar: CalendarSettings;
  hourlyMultiplier: readonly number[]; // [24]
  scenarios: Readonly<Record<number, ScenarioWeights>>; // by number
  categories: CategoryBuying; // by name
  pools: {
    users: { returning: number; new: number };
    products: { popular: number; fresh: number };
    randomDays: number; // first days of a history, when the pool is drawn by random_seed
  };
  users: {
    ages: readonly AgeBand[];
    femaleShare: number;
    marketingShare: number;
    dormantShare: number;
    regions: Readonly<Record<string, number>>; // weights by name
    growth: GrowthSettings;
  };
  products: { priceBeta: { alpha: number; beta: number } };
  live: { volumeFactors: readonly number[] }; // [21] orders of a scenario, the ordinary day being 1
};

const BLACK_FRIDAY = 3;
const BLACK_FRIDAY_FACTOR = 3; // seed 003; the year's plan has factors of its own

export const DEFAULT_SETTINGS: ShopSettings = {
  propensity: DEFAULT_PROPENSITY,
  buyers: { choice: 'weighted', topN: TOP_BUYERS },
  grades: {
    live: 'live',
    backfill: 'history',
    demotion: 'step',
    presets: GRADE_PRESETS,
    refreshDays: 7,
    windowMonths: 6,
  },
  orders: {
    cartSizeWeights: CART_SIZE_WEIGHTS,
    paymentBands: PAYMENT_BANDS,
    statusShares: STATUS_SHARES,
    shippingCosts: SHIPPING_COSTS,
    discountMax: DISCOUNT_MAX,
  },
  calendar: DEFAULT_CALENDAR,
  hourlyMultiplier: HOURLY_MULTIPLIER,
  scenarios: SCENARIO_WEIGHTS,
  categories: CATEGORY_BUYING,
  pools: {
    users: { returning: 600, new: 400 },
    products: { popular: 700, fresh: 300 },
    randomDays: 7,
  },
  users: {
    ages: [
      [14, 19, 8],
      [20, 29, 28],
      [30, 39, 28],
      [40, 49, 22],
      [50, 69, 14],
    ],
    femaleShare: 0.5,
    marketingShare: 0.5,
    dormantShare: 0.2,
    regions: REGION_WEIGHTS,
    growth: DEFAULT_GROWTH,
  },
  products: { priceBeta: { alpha: 2, beta: 5 } },
  live: {
    volumeFactors: SCENARIOS.map(({ number }) =>
      number === BLACK_FRIDAY ? BLACK_FRIDAY_FACTOR : 1,
    ),
  },
};

const POOL_MAX = 1_000_000;
const PIECES_MAX = 100; // of one article in a row of an order
const WON_MAX = 1_000_000_000_000;

const number = v.pipe(v.number('must be a number'), v.finite('must be finite'));
const atLeast0 = v.pipe(number, v.minValue(0, 'must not be below 0'));
const above0 = v.pipe(number, v.gtValue(0, 'must be above 0'));
const share = v.pipe(atLeast0, v.maxValue(1, 'must not be above 1'));
/** Bounded, since the wait for the next cart is divided by it. */
const volumeFactor = v.pipe(
  number,
  v.minValue(0.01, 'must not be below 0.01'),
  v.maxValue(100, 'must not be above 100'),
);
const list = (item: v.GenericSchema<number>) => v.array(item, 'must be a list of numbers');
const positiveSum = v.check<number[], string>(
  (values) => values.some((value) => value > 0),
  'must not be all zero',
);

function whole(min: number, max: number) {
  return v.pipe(
    number,
    v.integer('must be a whole number'),
    v.minValue(min, `must not be below ${min}`),
    v.maxValue(max, `must not be above ${max}`),
  );
}

function listOf(length: number, item: v.GenericSchema<number> = atLeast0) {
  return v.pipe(list(item), v.length(length, `must have ${length} numbers`));
}

function weights(length: number) {
  return v.pipe(listOf(length), positiveSum);
}

function mapValues<Value, Result>(
  record: Readonly<Record<string, Value>>,
  change: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function oneOf<const Name extends string>(names: readonly Name[]) {
  return v.picklist(names, `must be one of ${names.join(', ')}`);
}

/** An object of which any part may be given, and nothing else. */
function part<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.partial(v.strictObject(entries, 'must be an object'));
}

const ages = { '10대': atLeast0, '20대': atLeast0, '30대': atLeast0, '40대': atLeast0 };
const hours = {
  '10대': weights(24),
  '20대': weights(24),
  '30대': weights(24),
  '40대': weights(24),
  '50대이상': weights(24),
};

const Propensity = part({
  age: part({ ...ages, '50대이상': atLeast0 }),
  gender: part({ M: atLeast0, F: atLeast0 }),
  status: part({ ACTIVE: atLeast0, DORMANT: atLeast0 }),
  marketing: part({ agreed: atLeast0, declined: atLeast0 }),
  grade: part({ BRONZE: atLeast0, SILVER: atLeast0, GOLD: atLeast0, VIP: atLeast0 }),
  unknown: part({ age: atLeast0, gender: atLeast0, status: atLeast0, grade: atLeast0 }),
  timeVariation: part(hours),
  promotion: part({ chance: share, factor: atLeast0 }),
  life: part({ weights: weights(3), factors: listOf(3) }),
});

const Rules = v.array(
  v.strictObject(
    { grade: oneOf(GRADES), amountMin: whole(0, WON_MAX), ordersMin: whole(0, POOL_MAX) },
    'must be a rule: grade, amountMin, ordersMin',
  ),
  'must be a list of rules, highest grade first',
);

const Grades = part({
  live: oneOf(GRADE_PRESET_NAMES),
  backfill: oneOf(GRADE_PRESET_NAMES),
  demotion: oneOf(DEMOTIONS),
  presets: part({ live: falling(Rules), history: falling(Rules), guide: falling(Rules) }),
  refreshDays: whole(1, 366),
  windowMonths: whole(1, 12),
});

const Band = v.strictObject({ ageMin: whole(0, 150), weights: weights(4) }, 'must be a band');
const Orders = part({
  cartSizeWeights: weights(10),
  paymentBands: v.pipe(
    v.array(Band, 'must be a list of bands'),
    v.minLength(1, 'must have a band'),
    v.check(
      (bands) => bands.every((band, i) => band.ageMin === 0 || i > 0) && rising(bands),
      'must start at ageMin 0 and rise',
    ),
  ),
  statusShares: part({ Success: share, Cancelled: share, Returned: share, Failed: share }),
  shippingCosts: v.pipe(list(whole(0, WON_MAX)), v.minLength(1, 'must have a cost')),
  discountMax: share,
});

const ScenarioShares = part({
  gender: part({ M: atLeast0, F: atLeast0 }),
  ages: weights(5),
  categories: part(byCategory(() => atLeast0)),
});

const Category = part({
  frequency: atLeast0,
  quantityWeights: v.pipe(
    list(atLeast0),
    v.maxLength(PIECES_MAX, `must not have more than ${PIECES_MAX} numbers`),
    positiveSum,
  ),
});

const Age = whole(14, 120);
const Ages = v.pipe(
  v.array(
    v.pipe(
      v.strictTuple([Age, Age, atLeast0], 'must be [youngest, oldest, weight]'),
      v.check(([low, high]) => low <= high, 'must not end before it starts'),
    ),
    'must be a list of bands',
  ),
  v.check((bands) => bands.some(([, , weight]) => weight > 0), 'must not be all zero'),
);

const poolSize = whole(0, POOL_MAX);
const Settings = part({
  propensity: Propensity,
  buyers: part({ choice: oneOf(['weighted', 'top']), topN: whole(1, POOL_MAX) }),
  grades: Grades,
  orders: Orders,
  calendar: part({
    monthTargets: v.pipe(listOf(12, whole(0, 100_000_000)), positiveSum),
    weekFactors: part(mapValues(WEEK_FACTORS, (weeks) => listOf(weeks.length, above0))),
    dayFactors: listOf(7, above0),
    blackFridayFactors: listOf(2, above0),
  }),
  hourlyMultiplier: weights(24),
  scenarios: part(mapValues(SCENARIO_WEIGHTS, () => ScenarioShares)),
  categories: part(byCategory(() => Category)),
  pools: part({
    users: part({ returning: poolSize, new: poolSize }),
    products: part({ popular: poolSize, fresh: poolSize }),
    randomDays: whole(0, 366),
  }),
  users: part({
    ages: Ages,
    femaleShare: share,
    marketingShare: share,
    dormantShare: share,
    regions: part(mapValues(REGION_WEIGHTS, () => atLeast0)),
    growth: part({
      midpoint: share,
      steepness: v.pipe(above0, v.maxValue(100, 'must not be above 100')),
    }),
  }),
  products: part({ priceBeta: part({ alpha: above0, beta: above0 }) }),
  live: part({ volumeFactors: listOf(SCENARIOS.length, volumeFactor) }),
});

/**
 * The settings a JSON value asks for: any part of DEFAULT_SETTINGS, at any depth, lists whole.
 * Always new objects. A USAGE error names the first setting that cannot be used.
 */
export function parseSettings(json: unknown): ShopSettings {
  checkShape(json ?? null, DEFAULT_SETTINGS, '');
  const parsed = v.safeParse(Settings, json, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw bad(v.getDotPath(issue) ?? '', issue.message);
  }
  const settings = structuredClone(DEFAULT_SETTINGS);
  overlay(settings, parsed.output);
  checkTogether(settings);
  return settings;
}

/** What only shows once the parts are put together. */
function checkTogether({ orders, pools, users }: ShopSettings): void {
  const shares = Object.values(orders.statusShares).reduce((sum, value) => sum + value, 0);
  if (Math.abs(shares - 1) > 1e-9)
    throw bad('orders.statusShares', `must add up to 1, not ${shares}`);
  if (pools.users.returning + pools.users.new === 0) throw bad('pools.users', 'must not be empty');
  if (pools.products.popular + pools.products.fresh === 0) {
    throw bad('pools.products', 'must not be empty');
  }
  if (Object.values(users.regions).every((weight) => weight === 0)) {
    throw bad('users.regions', 'must not be all zero');
  }
}

/** Every object in its place and no unknown key in it, `__proto__` and its like included. */
function checkShape(value: unknown, known: unknown, path: string): void {
  if (!isRecord(known) || value === undefined) return;
  if (!isRecord(value)) throw bad(path, 'must be an object');
  for (const key of Object.keys(value)) {
    const at = path === '' ? key : `${path}.${key}`;
    if (!Object.hasOwn(known, key)) {
      throw bad(at, `there is no such setting; there are ${Object.keys(known).join(', ')}`);
    }
    checkShape(value[key], known[key], at);
  }
}

/** Walks the target's keys, never the payload's, so only known keys are ever written. */
function overlay(target: unknown, override: unknown): void {
  if (!isRecord(target) || !isRecord(override)) return;
  for (const key of Object.keys(target)) {
    if (override[key] === undefined) continue;
    if (isRecord(target[key])) overlay(target[key], override[key]);
    else target[key] = structuredClone(override[key]);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(path: string, message: string): PipelineError {
  return new PipelineError('USAGE', `settings: ${path === '' ? '' : `${path}: `}${message}`);
}

/** Rules are tried in order, so a higher grade must come first and ask for no less. */
function falling(rules: typeof Rules) {
  return v.pipe(
    rules,
    v.check(
      (table) => table.every((rule, i) => i === 0 || isBelow(rule, table[i - 1])),
      'must fall from the highest grade to the lowest',
    ),
  );
}

function isBelow(rule: GradeRule, higher: GradeRule): boolean {
  return (
    GRADES.indexOf(rule.grade) < GRADES.indexOf(higher.grade) &&
    rule.amountMin <= higher.amountMin &&
    rule.ordersMin <= higher.ordersMin
  );
}

function rising(bands: readonly { ageMin: number }[]): boolean {
  return bands.every((band, i) => i === 0 || band.ageMin > bands[i - 1].ageMin);
}
