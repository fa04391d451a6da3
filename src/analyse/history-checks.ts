import { DAY_MS, HOUR_MS, SEOUL_OFFSET_MS, seoulDate } from '../base/clock.ts';
import type { DayPlan } from '../model/calendar.ts';
import { CHUNK_ROWS } from '../model/order-batch.ts';
import {
  cartSizeMoments,
  ORDER_STATUSES,
  PAYMENT_METHODS,
  paymentBandIndex,
} from '../model/order.ts';
import { scenario } from '../model/scenario.ts';
import type { BackfillRules } from '../model/rules.ts';
import { AGE_GROUPS, ageGroupIndex, GENDERS } from '../model/user.ts';
import { cartSizesOfCarts, cartSizesOfRows, type CartSizes } from './cart-size.ts';
import { chance, exact, type Check } from './check.ts';
import type { FinishedRun, StoredHistory } from './stored-history.ts';

/** A run's plan and its stored rows, to be held against each other. */
export type History = {
  run: FinishedRun;
  rules: BackfillRules;
  plans: DayPlan[];
  stored: StoredHistory;
  orders: number; // rows stored
  carts: number;
};

const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const DATES_NAMED_MAX = 3;

const ORDERS_CHANGED =
  'orders or grades that the run built on or made have changed, or its rules were not kept';

/** Every line of the report. */
export function historyChecks(history: History): Check[] {
  return [
    ledgerChecks,
    calendarChecks,
    dayChecks,
    hourChecks,
    decileChecks,
    ageChecks,
    genderChecks,
    sizeChecks,
    paymentChecks,
    statusChecks,
    soundnessChecks,
  ].flatMap((checks) => checks(history));
}

function ledgerChecks({ run, orders, carts }: History): Check[] {
  return [exact('ledger', 'rows', run.orders, orders), exact('ledger', 'carts', run.carts, carts)];
}

/** Months, weekdays and scenarios follow from the plan to the last order. */
function calendarChecks({ rules, plans, stored }: History): Check[] {
  const planned = new Tally();
  const actual = new Tally();
  for (const plan of plans) {
    planned.add(monthItem(plan.month), plan.count);
    planned.add(weekdayItem(plan.weekday), plan.count);
    planned.add(scenarioItem(plan.scenario), plan.count);
  }
  for (const row of stored.hours) {
    const ms = row.hour_ms ?? 0;
    actual.add(monthItem(seoulDate(ms).slice(0, 7)), row[unitKey(rules)]);
    // The epoch fell on a Thursday, which is 3 counted from Monday.
    const weekday = (Math.floor((ms + SEOUL_OFFSET_MS) / DAY_MS) + 3) % 7;
    actual.add(weekdayItem(weekday), row[unitKey(rules)]);
    actual.add(scenarioItem(row.scenario), row[unitKey(rules)]);
  }
  const keys = [...new Set([...planned.keys(), ...actual.keys()])].toSorted();
  return keys.map((key) => {
    const [, section, item] = key.split('\t');
    return exact(`${section} (${rules.unit})`, item, planned.of(key), actual.of(key));
  });
}

/** Keys sort by section, then as the calendar does. */
const monthItem = (month: string): string => `1\tmonth\t${month}`;
const weekdayItem = (weekday: number): string => `2 ${weekday}\tweekday\t${WEEKDAYS[weekday]}`;
const scenarioItem = (number: number): string =>
  `3 ${String(number).padStart(2, '0')}\tscenario\t${number} ${scenario(number).name}`;

function dayChecks({ rules, plans, stored }: History): Check[] {
  const actual = new Tally();
  for (const row of stored.hours) {
    actual.add(`${seoulDate(row.hour_ms ?? 0)} ${row.scenario}`, row[unitKey(rules)]);
  }
  const wrong = plans.filter((plan) => actual.of(`${plan.date} ${plan.scenario}`) !== plan.count);
  const named = wrong.slice(0, DATES_NAMED_MAX).map((plan) => plan.date);
  const more = wrong.length > named.length ? ' and others' : '';
  const item = `wrong among ${plans.length} days`;
  return [exact(`day (${rules.unit})`, item, 0, wrong.length, `${named.join(', ')}${more}`)];
}

function hourChecks({ rules, stored, carts }: History): Check[] {
  const { hourlyMultiplier } = rules.settings;
  const sum = total(hourlyMultiplier, (value) => value);
  const actual = new Float64Array(24);
  for (const row of stored.hours) {
    actual[Math.floor((((row.hour_ms ?? 0) + SEOUL_OFFSET_MS) % DAY_MS) / HOUR_MS)] += row.carts;
  }
  return hourlyMultiplier.map((value, hour) => {
    const item = `${String(hour).padStart(2, '0')}:00`;
    return chance('hour of day (carts)', item, (carts * value) / sum, actual[hour], carts);
  });
}

function decileChecks({ stored, carts }: History): Check[] {
  const planned = new Tally();
  const actual = new Tally();
  for (const row of stored.users) {
    if (row.decile === null) continue;
    planned.add(String(row.decile), row.expected);
    actual.add(String(row.decile), row.carts);
  }
  return Array.from({ length: 10 }, (_, index) => {
    const key = String(index + 1);
    const item = key + (index === 0 ? ' lowest' : index === 9 ? ' highest' : '');
    return chance('propensity decile (carts)', item, planned.of(key), actual.of(key), carts);
  });
}

function ageChecks({ stored, carts }: History): Check[] {
  return AGE_GROUPS.map((name, group) => {
    const customers = stored.users.filter(
      (row) => row.age !== null && ageGroupIndex(row.age) === group,
    );
    const planned = total(customers, (row) => row.expected);
    // '60대' on an order: its leading digits are an age of the group.
    const sold = stored.users.filter(
      (row) =>
        row.user_age_group !== null && ageGroupIndex(Number.parseInt(row.user_age_group)) === group,
    );
    return chance(
      'age group (carts)',
      name,
      planned,
      total(sold, (row) => row.carts),
      carts,
    );
  });
}

function genderChecks({ stored, carts }: History): Check[] {
  return GENDERS.map((gender) => {
    const customers = stored.users.filter((row) => row.gender === gender);
    const planned = total(customers, (row) => row.expected);
    const sold = stored.users.filter((row) => row.user_gender === gender);
    const actual = total(sold, (row) => row.carts);
    return chance('gender (carts)', gender, planned, actual, carts);
  });
}

/** A cart has s rows if it has an s-th and no (s + 1)-th; the ids count the rows of a cart from 0. */
function sizeChecks(history: History): Check[] {
  const { rules, stored, orders, carts } = history;
  const weights = rules.settings.orders.cartSizeWeights;
  const sizes = cartSizes(history);
  const reaching = (size: number): number =>
    stored.items.find((row) => row.item === size - 1)?.orders ?? 0;
  const section = 'cart size (carts)';
  const checks = sizes.bySize.map((planned, index) => {
    const actual = reaching(index + 1) - reaching(index + 2);
    const item = `${index + 1} ${index === 0 ? 'row' : 'rows'}`;
    return chance(section, item, planned, actual, carts, sizes.varianceBySize[index]);
  });
  if (rules.unit === 'rows') {
    return [
      ...checks,
      chance('cart size (all)', 'carts', sizes.carts, carts, carts, sizes.cartsVariance),
    ];
  }
  const { mean, variance } = cartSizeMoments(weights);
  return [
    ...checks,
    chance('cart size (all)', 'rows', carts * mean, orders, orders, carts * variance),
  ];
}

function cartSizes({ rules, plans }: History): CartSizes {
  const weights = rules.settings.orders.cartSizeWeights;
  if (rules.unit === 'carts')
    return cartSizesOfCarts(
      weights,
      total(plans, (plan) => plan.count),
    );
  const chunks = plans.flatMap(({ count }) =>
    Array.from({ length: Math.ceil(count / CHUNK_ROWS) }, (_, index) =>
      Math.min(CHUNK_ROWS, count - index * CHUNK_ROWS),
    ),
  );
  return cartSizesOfRows(weights, chunks);
}

/** How people of an age pay, given how many carts they bought. */
function paymentChecks({ rules, stored, carts }: History): Check[] {
  const bands = rules.settings.orders.paymentBands;
  const cartsByBand = bands.map(() => 0);
  for (const row of stored.users) cartsByBand[paymentBandIndex(row.age, bands)] += row.carts;
  return PAYMENT_METHODS.map((method, index) => {
    let planned = 0;
    let variance = 0;
    for (const [band, { weights }] of bands.entries()) {
      const share = weights[index] / total(weights, (weight) => weight);
      planned += cartsByBand[band] * share;
      variance += cartsByBand[band] * share * (1 - share);
    }
    const actual = total(stored.hours, (row) => row.payments[index]);
    return chance('payment method (carts)', method, planned, actual, carts, variance);
  });
}

function statusChecks({ rules, stored, orders }: History): Check[] {
  return ORDER_STATUSES.map((status, index) => {
    const planned = orders * rules.settings.orders.statusShares[status];
    const actual = total(stored.hours, (row) => row.statuses[index]);
    return chance('order status (rows)', status, planned, actual, orders);
  });
}

/** What must never be found, whatever the rules. */
function soundnessChecks({ run, stored, orders, carts }: History): Check[] {
  const { users, products, hours } = stored;
  const sum = (value: (row: (typeof users)[number]) => number | null): number =>
    total(users, (row) => value(row) ?? 0);
  const statuses = total(hours, (row) => total(row.statuses, (rows) => rows));
  const payments = total(hours, (row) => total(row.payments, (rows) => rows));
  return [
    lending(
      never(
        'buyers before their sign-up',
        sum((row) => row.early),
      ),
      sum((row) => row.lent),
      run.options.youngDays?.users,
    ),
    lending(
      never('products before their registration', products.early),
      products.lent,
      run.options.youngDays?.products,
    ),
    never(
      'rows of unknown users',
      sum((row) => row.strangers),
    ),
    never('rows of unknown products', products.strangers),
    never(
      'carts of users no rule expected',
      sum((row) => row.unexpected),
    ),
    ...buyerChecks(stored),
    never(
      "rows unlike the user's gender, age",
      sum((row) => row.unlike),
    ),
    never(
      "rows unlike the user's name, region",
      sum((row) => row.misnamed),
    ),
    never(
      'rows whose total does not add up',
      total(hours, (row) => row.wrong_totals),
    ),
    never('rows with an unknown status', orders - statuses),
    never('carts with an unknown payment method', carts - payments),
    never('users with a wrong last_ordered_at', users[0]?.wrong_lasts ?? 0),
    never('products with a wrong order_count', products.wrong_counts),
    never('users not of their last grade', stored.wrongGrades),
  ];
}

/** Held against pools and weights worked out anew, where that can be done. */
function buyerChecks({ workedOut }: StoredHistory): Check[] {
  if (!workedOut) return [];
  return [
    never("carts of users not in the day's pool", workedOut.outside, ORDERS_CHANGED),
    never('users the run itself weighed otherwise', workedOut.recordedOtherwise, ORDERS_CHANGED),
  ];
}

/** Says what the check has left out since the base, then or in an earlier run, was too young. */
function lending(check: Check, lent: number, days = 0): Check {
  if (lent === 0) return check;
  const young = `too few were registered to fill a pool (the first ${days} days of this run)`;
  return { ...check, note: `not counting ${lent} of days when ${young}; a larger base avoids it` };
}

function never(item: string, actual: number, note?: string): Check {
  return exact('must not be', item, 0, actual, note);
}

const unitKey = ({ unit }: BackfillRules): 'orders' | 'carts' =>
  unit === 'rows' ? 'orders' : 'carts';

class Tally {
  readonly #counts = new Map<string, number>();

  add(key: string, count: number): void {
    this.#counts.set(key, this.of(key) + count);
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  keys(): Iterable<string> {
    return this.#counts.keys();
  }
}

function total<Row>(rows: readonly Row[], value: (row: Row) => number): number {
  return rows.reduce((sum, row) => sum + value(row), 0);
}
