import { seoulMidnight } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { apportion } from './apportion.ts';
import { scenario } from './scenario.ts';

const YEAR = 2025;
const BLACK_FRIDAY = 3;
const ORDERS_MAX = 100_000_000;
const WEEKS = 4;

/** What can be set about the year. */
export type CalendarSettings = {
  monthTargets: readonly number[]; // [12]
  weekFactors: Readonly<Record<number, readonly number[]>>; // by month, 1 to 12: its weeks, [4]; November [2]
  dayFactors: readonly number[]; // [7] Monday to Sunday
  blackFridayFactors: readonly number[]; // [2] weeks 3 and 4 of November
};

export type Week = readonly [scenario: number, label: string, factor: number];

export const MONTH_TARGETS: readonly number[] = [
  3_000, 3_200, 3_400, 3_600, 3_800, 4_000, 4_300, 4_600, 4_900, 5_200, 5_500, 6_000,
];

export const DAY_FACTORS: readonly number[] = [0.95, 0.95, 0.95, 0.95, 1.15, 1.3, 1.3];

export const BLACK_FRIDAY_FACTORS: readonly number[] = [2, 1.8];

/** Four weeks of each month of 2025, with the factors that the settings begin with. */
export const CALENDAR: readonly (readonly Week[])[] = [
  [
    [13, '새해 다이어트/헬스', 0.8],
    [13, '새해 다이어트/헬스', 0.7],
    [4, '설날 선물세트', 1.2],
    [4, '설날 선물세트', 1.3],
  ], // month 1
  [
    [4, '설날 연휴 마무리', 0.9],
    [0, '기본 패턴', 1],
    [11, '신학기 준비', 1.1],
    [11, '신학기 준비', 1.2],
  ], // month 2
  [
    [11, '신학기 시즌', 1.3],
    [11, '신학기 시즌', 1.1],
    [12, '결혼/혼수 시즌 시작', 1],
    [5, '봄 패션', 1],
  ], // month 3
  [
    [10, '봄 캠핑', 1.1],
    [15, '골프 시즌', 1],
    [12, '결혼/혼수 시즌', 1.2],
    [10, '봄 캠핑', 1.1],
  ], // month 4
  [
    [9, '어버이날 건강식품', 1.3],
    [9, '어버이날 건강식품', 1.4],
    [7, '뷰티 인플루언서', 1.1],
    [10, '캠핑 시즌', 1],
  ], // month 5
  [
    [5, '여름 패션/뷰티', 1.1],
    [5, '여름 패션/뷰티', 1.2],
    [16, '여름 여행 준비', 1.1],
    [16, '여름 여행 준비', 1.2],
  ], // month 6
  [
    [5, '여름 패션', 1.2],
    [16, '여행 성수기', 1.4],
    [16, '여행 성수기', 1.5],
    [5, '여름 패션', 1.1],
  ], // month 7
  [
    [16, '여행 성수기', 1.3],
    [5, '여름 패션 세일', 1.2],
    [18, '가전 할인 행사', 1.4],
    [11, '개학 준비', 1.1],
  ], // month 8
  [
    [4, '추석 선물세트', 1.3],
    [4, '추석 선물세트', 1.5],
    [10, '가을 캠핑', 1.1],
    [15, '가을 골프', 1],
  ], // month 9
  [
    [10, '캠핑 시즌', 1.2],
    [15, '골프 시즌', 1.1],
    [6, '겨울 준비', 1],
    [6, 'FW 신상', 1.2],
  ], // month 10
  [
    [6, '겨울 패딩', 1.1],
    [18, '가전 할인', 1.3],
    [3, '블랙프라이데이', 2],
    [3, '블랙프라이데이', 1.8],
  ], // month 11
  [
    [6, '겨울 패딩', 1.2],
    [16, '연말 여행', 1.3],
    [20, '연말 대량 주문', 1.4],
    [8, 'MZ세대 연말 쇼핑', 1.3],
  ], // month 12
];

/** Without the weeks of Black Friday, whose factors are a setting of their own. */
export const WEEK_FACTORS: Readonly<Record<number, readonly number[]>> = Object.fromEntries(
  CALENDAR.map((weeks, index) => [
    index + 1,
    weeks.filter(([number]) => number !== BLACK_FRIDAY).map(([, , factor]) => factor),
  ]),
);

export const DEFAULT_CALENDAR: CalendarSettings = {
  monthTargets: MONTH_TARGETS,
  weekFactors: WEEK_FACTORS,
  dayFactors: DAY_FACTORS,
  blackFridayFactors: BLACK_FRIDAY_FACTORS,
};

/** `rows`: targets count rows of `orders`. `carts`: they count carts, before the week factors. */
export type PlanUnit = 'rows' | 'carts';

export type PlanOptions = {
  from: string; // 2025-01, the first month
  to: string; // the last month
  unit: PlanUnit;
  orders?: number | null; // how many rows or carts in all, instead of the targets' own number
  scenario?: number | null; // one scenario on every day; the week factors stay
  calendar?: CalendarSettings;
};

export type DayPlan = {
  date: string; // 2025-01-01
  startMs: number; // midnight in Seoul
  dayIndex: number; // 0 is the first day of the plan
  month: string; // 2025-01
  weekday: number; // 0 is Monday
  scenario: number;
  label: string;
  count: number; // rows or carts, as the unit says
};

/** A day whose index and count are still to come, and how much of its month happens on it. */
type Day = { plan: DayPlan; weight: number };

/** The days of the chosen months in order, each with its scenario and how much happens on it. */
export function planDays(options: PlanOptions): DayPlan[] {
  const calendar = options.calendar ?? DEFAULT_CALENDAR;
  const orders = options.orders ?? undefined;
  const months = monthsBetween(options.from, options.to);
  checkOrders(orders);
  const byMonth = months.map((month) => daysOfMonth(month, calendar, options.scenario));
  const targets = months.map((month) => calendar.monthTargets[month - 1]);
  checkTargets(targets, options);
  const counts =
    options.unit === 'rows'
      ? countRows(byMonth, targets, orders)
      : countCarts(byMonth, targets, orders);
  const plans = byMonth.flat().map((day) => day.plan);
  for (const [dayIndex, plan] of plans.entries()) {
    plan.dayIndex = dayIndex;
    plan.count = counts[dayIndex];
  }
  return plans;
}

/** 1..4: Monday to Sunday weeks, the first cut short by the 1st, the fourth takes the rest. */
export function weekOfMonth(year: number, month: number, day: number): number {
  return Math.min(WEEKS, Math.ceil((day + weekdayOf(year, month, 1)) / 7));
}

/** 0 is Monday. */
export function weekdayOf(year: number, month: number, day: number): number {
  return (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7;
}

/** Each month is exactly its target; the factors shape the days inside it. */
function countRows(byMonth: Day[][], targets: number[], orders?: number): number[] {
  const totals = orders === undefined ? targets : apportion(orders, targets);
  return byMonth.flatMap((days, index) =>
    apportion(
      totals[index],
      days.map((day) => day.weight),
    ),
  );
}

/** Targets before the factors, each day rounded down; with `orders`, exactly that many in all. */
function countCarts(byMonth: Day[][], targets: number[], orders?: number): number[] {
  const shares = byMonth.flatMap((days, index) =>
    days.map((day) => (targets[index] / days.length) * day.weight),
  );
  if (orders !== undefined) return apportion(orders, shares);
  // 2860 x 1.3 may come out a hair below the whole number it is.
  return shares.map((share) => Math.floor(share + 1e-9));
}

function daysOfMonth(month: number, calendar: CalendarSettings, forced?: number | null): Day[] {
  const one = typeof forced === 'number' ? scenario(forced) : undefined;
  const length = new Date(Date.UTC(YEAR, month, 0)).getUTCDate();
  return Array.from({ length }, (_, index) => {
    const day = index + 1;
    const week = weekOfMonth(YEAR, month, day);
    const weekday = weekdayOf(YEAR, month, day);
    const [number, label, factor] = weekPlan(month, week, calendar);
    const plan = {
      date: `${monthName(month)}-${twoDigits(day)}`,
      startMs: seoulMidnight(YEAR, month, day),
      dayIndex: 0,
      month: monthName(month),
      weekday,
      scenario: one?.number ?? number,
      label: one?.name ?? label,
      count: 0,
    };
    return { plan, weight: factor * calendar.dayFactors[weekday] };
  });
}

/** Black Friday lasts for weeks 3 and 4 of one month, so its week gives the place in the settings. */
function weekPlan(month: number, week: number, calendar: CalendarSettings): Week {
  const [number, label] = CALENDAR[month - 1][week - 1];
  const { weekFactors, blackFridayFactors } = calendar;
  const sale = number === BLACK_FRIDAY;
  return [number, label, sale ? blackFridayFactors[week - 3] : weekFactors[month][week - 1]];
}

/** The months' numbers from first to last. */
function monthsBetween(from: string, to: string): number[] {
  const first = monthNumber(from);
  const last = monthNumber(to);
  if (first > last) throw new PipelineError('USAGE', `months: ${from} is after ${to}`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function monthNumber(text: string): number {
  const parts = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text);
  if (parts === null) {
    throw new PipelineError('USAGE', `month '${text}': write it as YYYY-MM, like ${YEAR}-01`);
  }
  if (Number(parts[1]) !== YEAR) {
    throw new PipelineError('USAGE', `month ${text}: the calendar has ${YEAR}-01 to ${YEAR}-12`);
  }
  return Number(parts[2]);
}

function checkOrders(orders: number | undefined): void {
  if (orders === undefined) return;
  if (Number.isInteger(orders) && orders >= 1 && orders <= ORDERS_MAX) return;
  const range = `1 to ${ORDERS_MAX.toLocaleString('en')}`;
  throw new PipelineError('USAGE', `orders ${orders}: give a whole number, ${range}`);
}

/** A part of nothing is not a plan: whatever is asked for has to be shared out by the targets. */
function checkTargets(targets: readonly number[], { from, to }: PlanOptions): void {
  if (targets.some((target) => target > 0)) return;
  const months = from === to ? from : `${from} to ${to}`;
  throw new PipelineError(
    'USAGE',
    `settings: calendar.monthTargets: must not be all zero for ${months}, the months to be made`,
  );
}

function monthName(month: number): string {
  return `${YEAR}-${twoDigits(month)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
