import { describe, expect, test } from 'bun:test';
import { PipelineError } from '../base/errors.ts';
import {
  BLACK_FRIDAY_FACTORS,
  CALENDAR,
  DAY_FACTORS,
  DEFAULT_CALENDAR,
  MONTH_TARGETS,
  planDays,
  type DayPlan,
  type PlanOptions,
  WEEK_FACTORS,
  weekdayOf,
  weekOfMonth,
} from './calendar.ts';

// month | target | four weeks (days: scenario label ×factor) | carts planned
const TABLE = `
1 | 3000 | 1–5: 13 새해 다이어트/헬스 ×0.8 | 6–12: 13 새해 다이어트/헬스 ×0.7 | 13–19: 4 설날 선물세트 ×1.2 | 20–31: 4 설날 선물세트 ×1.3 | 3383
2 | 3200 | 1–2: 4 설날 연휴 마무리 ×0.9 | 3–9: 0 기본 패턴 ×1.0 | 10–16: 11 신학기 준비 ×1.1 | 17–28: 11 신학기 준비 ×1.2 | 3781
3 | 3400 | 1–2: 11 신학기 시즌 ×1.3 | 3–9: 11 신학기 시즌 ×1.1 | 10–16: 12 결혼/혼수 시즌 시작 ×1.0 | 17–31: 5 봄 패션 ×1.0 | 3858
4 | 3600 | 1–6: 10 봄 캠핑 ×1.1 | 7–13: 15 골프 시즌 ×1.0 | 14–20: 12 결혼/혼수 시즌 ×1.2 | 21–30: 10 봄 캠핑 ×1.1 | 4225
5 | 3800 | 1–4: 9 어버이날 건강식품 ×1.3 | 5–11: 9 어버이날 건강식품 ×1.4 | 12–18: 7 뷰티 인플루언서 ×1.1 | 19–31: 10 캠핑 시즌 ×1.0 | 4745
6 | 4000 | 1–1: 5 여름 패션/뷰티 ×1.1 | 2–8: 5 여름 패션/뷰티 ×1.2 | 9–15: 16 여름 여행 준비 ×1.1 | 16–30: 16 여름 여행 준비 ×1.2 | 5070
7 | 4300 | 1–6: 5 여름 패션 ×1.2 | 7–13: 16 여행 성수기 ×1.4 | 14–20: 16 여행 성수기 ×1.5 | 21–31: 5 여름 패션 ×1.1 | 5850
8 | 4600 | 1–3: 16 여행 성수기 ×1.3 | 4–10: 5 여름 패션 세일 ×1.2 | 11–17: 18 가전 할인 행사 ×1.4 | 18–31: 11 개학 준비 ×1.1 | 6091
9 | 4900 | 1–7: 4 추석 선물세트 ×1.3 | 8–14: 4 추석 선물세트 ×1.5 | 15–21: 10 가을 캠핑 ×1.1 | 22–30: 15 가을 골프 ×1.0 | 6338
10 | 5200 | 1–5: 10 캠핑 시즌 ×1.2 | 6–12: 15 골프 시즌 ×1.1 | 13–19: 6 겨울 준비 ×1.0 | 20–31: 6 FW 신상 ×1.2 | 6301
11 | 5500 | 1–2: 6 겨울 패딩 ×1.1 | 3–9: 18 가전 할인 ×1.3 | 10–16: 3 블랙프라이데이 ×2.0 | 17–30: 3 블랙프라이데이 ×1.8 | 10063
12 | 6000 | 1–7: 6 겨울 패딩 ×1.2 | 8–14: 16 연말 여행 ×1.3 | 15–21: 20 연말 대량 주문 ×1.4 | 22–31: 8 MZ세대 연말 쇼핑 ×1.3 | 8307
`;

const SEED_SCENARIOS = `
1월 1 2: 13
1월 3 4: 4
2월 1: 4
2월 2: 0
2월 3 4: 11
3월 1 2: 11
3월 3: 12
3월 4: 5
4월 1 4: 10
4월 2: 15
4월 3: 12
5월 1 2: 9
5월 3: 7
5월 4: 10
6월 1 2: 5
6월 3 4: 16
7월 1 4: 5
7월 2 3: 16
8월 1: 16
8월 2: 5
8월 3: 18
8월 4: 11
9월 1 2: 4
9월 3: 10
9월 4: 15
10월 1: 10
10월 2: 15
10월 3 4: 6
11월 1: 6
11월 2: 18
11월 3 4: 3
12월 1: 6
12월 2: 16
12월 3: 20
12월 4: 8
`;

const YEAR = { from: '2025-01', to: '2025-12' } as const;
const rows = (options: Partial<PlanOptions> = {}) =>
  planDays({ ...YEAR, unit: 'rows', ...options });
const carts = (options: Partial<PlanOptions> = {}) =>
  planDays({ ...YEAR, unit: 'carts', ...options });
const sum = (days: readonly DayPlan[]) => days.reduce((all, day) => all + day.count, 0);
const ofMonth = (days: readonly DayPlan[], month: number) =>
  days.filter((day) => Number(day.month.slice(5)) === month);

describe('the year of the specification', () => {
  const months = TABLE.trim()
    .split('\n')
    .map((line) => line.split(' | '));

  for (const [month, target, ...cells] of months) {
    const planned = Number(cells.pop());
    test(`month ${month} has its target, weeks, scenarios, labels and factors`, () => {
      expect(MONTH_TARGETS[Number(month) - 1]).toBe(Number(target));
      const days = ofMonth(rows(), Number(month));
      let next = 1;
      for (const [week, cell] of cells.entries()) {
        const [, from, to, scenario, label, factor] =
          /^(\d+)–(\d+): (\d+) (.*) ×([\d.]+)$/.exec(cell) ?? [];
        expect(Number(from)).toBe(next);
        expect(CALENDAR[Number(month) - 1][week][2]).toBe(Number(factor));
        for (; next <= Number(to); next++) {
          expect(weekOfMonth(2025, Number(month), next)).toBe(week + 1);
          expect(days[next - 1]).toMatchObject({ scenario: Number(scenario), label });
        }
      }
      expect(days).toHaveLength(next - 1);
    });

    test(`month ${month} plans ${planned} carts`, () => {
      expect(sum(ofMonth(carts(), Number(month)))).toBe(planned);
    });
  }

  test('has twelve months, 51,500 rows and 68,012 carts', () => {
    expect(months).toHaveLength(12);
    expect(sum(rows())).toBe(51_500);
    expect(sum(carts())).toBe(68_012);
  });
});

test('each week of a month has the scenario of the history guide', () => {
  let weeks = 0;
  for (const entry of SEED_SCENARIOS.trim().split('\n')) {
    const [, month, which, scenario] = /^(\d+)월 ([\d ]+): (\d+)$/.exec(entry) ?? [];
    for (const week of which.split(' ').map(Number)) {
      weeks++;
      const days = rows().filter(
        (day) =>
          Number(day.month.slice(5)) === Number(month) &&
          weekOfMonth(2025, Number(month), Number(day.date.slice(8))) === week,
      );
      expect(days.length).toBeGreaterThan(0);
      expect(new Set(days.map((day) => day.scenario))).toEqual(new Set([Number(scenario)]));
    }
  }
  expect(weeks).toBe(48);
});

test('a month in rows is exactly its target', () => {
  const targets = [3000, 3200, 3400, 3600, 3800, 4000, 4300, 4600, 4900, 5200, 5500, 6000];
  expect(targets.map((_, index) => sum(ofMonth(rows(), index + 1)))).toEqual(targets);
});

test('weekdays weigh as the guide says', () => {
  expect([...DAY_FACTORS]).toEqual([0.95, 0.95, 0.95, 0.95, 1.15, 1.3, 1.3]);
  expect(weekdayOf(2025, 1, 1)).toBe(2); // a Wednesday
  expect(weekdayOf(2025, 6, 1)).toBe(6); // a Sunday
  expect(weekdayOf(2025, 12, 29)).toBe(0);
  // 1-3 January 2025 are Wednesday to Friday, then the weekend, all in one week.
  const days = carts().slice(0, 5);
  expect(days.map((day) => day.weekday)).toEqual([2, 3, 4, 5, 6]);
  // 3000 / 31 x 0.8 = 77.419…, times 0.95, 1.15 and 1.30
  expect(days.map((day) => day.count)).toEqual([73, 73, 89, 100, 100]);
});

test('days follow each other without a gap, at midnight in Seoul', () => {
  const days = rows();
  expect(days).toHaveLength(365);
  expect(days[0]).toMatchObject({ date: '2025-01-01', dayIndex: 0, month: '2025-01', weekday: 2 });
  expect(days[0].startMs).toBe(Date.parse('2025-01-01T00:00:00+09:00'));
  expect(days[364]).toMatchObject({ date: '2025-12-31', dayIndex: 364 });
  for (const [index, day] of days.entries()) {
    expect(day.dayIndex).toBe(index);
    expect(day.startMs).toBe(Date.parse(`${day.date}T00:00:00+09:00`));
    expect(day.startMs - days[0].startMs).toBe(index * 86_400_000);
  }
});

test('counts inside a month follow week and day factors to within one row', () => {
  for (let month = 1; month <= 12; month++) {
    const days = ofMonth(rows(), month);
    const weights = days.map((day) => {
      const week = weekOfMonth(2025, month, Number(day.date.slice(8)));
      return CALENDAR[month - 1][week - 1][2] * DAY_FACTORS[day.weekday];
    });
    const total = weights.reduce((all, weight) => all + weight, 0);
    for (const [index, day] of days.entries()) {
      const share = (MONTH_TARGETS[month - 1] * weights[index]) / total;
      expect(Math.abs(day.count - share)).toBeLessThan(1);
    }
  }
});

test('orders sets the sum exactly, in both units', () => {
  for (const orders of [1, 7, 364, 50_000, 1_000_003, 100_000_000]) {
    expect(sum(rows({ orders }))).toBe(orders);
    expect(sum(carts({ orders }))).toBe(orders);
    expect(sum(rows({ orders, from: '2025-02', to: '2025-04' }))).toBe(orders);
  }
  expect(rows({ orders: 51_500 })).toEqual(rows());
  expect(sum(ofMonth(rows({ orders: 515_000 }), 11))).toBe(55_000);
  // Carts keep the weeks' own volume: November is far above its target there.
  expect(sum(ofMonth(carts({ orders: 68_012 }), 11))).toBeGreaterThan(10_000);
});

test('Black Friday is a setting, and only its weeks move', () => {
  const calendar = { ...DEFAULT_CALENDAR, blackFridayFactors: [3, 3] };
  const before = carts();
  const after = carts({ calendar });
  for (const [index, day] of before.entries()) {
    if (day.scenario === 3) expect(after[index].count).toBeGreaterThan(day.count * 1.4);
    else expect(after[index]).toEqual(day);
  }
  expect(before.filter((day) => day.scenario === 3).map((day) => day.date.slice(5))).toEqual(
    Array.from({ length: 21 }, (_, index) => `11-${index + 10}`),
  );
});

test('the factor of every week is a setting, each in one place', () => {
  const weeks = (month: number) =>
    month === 11 ? [...WEEK_FACTORS[11], ...BLACK_FRIDAY_FACTORS] : WEEK_FACTORS[month];
  for (const [index, month] of CALENDAR.entries()) {
    expect(weeks(index + 1)).toEqual(month.map(([, , factor]) => factor));
  }
  const before = carts();
  for (let month = 1; month <= 12; month++) {
    for (let week = 1; week <= WEEK_FACTORS[month].length; week++) {
      const changed = WEEK_FACTORS[month].with(week - 1, 5);
      const weekFactors = { ...WEEK_FACTORS, [month]: changed };
      const after = carts({ calendar: { ...DEFAULT_CALENDAR, weekFactors } });
      for (const [index, day] of before.entries()) {
        const its = weekOfMonth(2025, month, Number(day.date.slice(8))) === week;
        if (its && Number(day.month.slice(5)) === month) {
          expect(after[index].count / day.count).toBeGreaterThan(2);
        } else {
          expect(after[index]).toEqual(day);
        }
      }
    }
  }
});

test('the other settings reach the plan', () => {
  const flat = { ...DEFAULT_CALENDAR, dayFactors: [1, 1, 1, 1, 1, 1, 1] };
  const week = rows({ calendar: flat }).slice(5, 12);
  expect(new Set(week.map((day) => day.count)).size).toBeLessThanOrEqual(2);
  const double = { ...DEFAULT_CALENDAR, monthTargets: MONTH_TARGETS.map((target) => target * 2) };
  expect(sum(rows({ calendar: double }))).toBe(103_000);
});

test('months of which the targets are all zero are refused, the others made', () => {
  const monthTargets = MONTH_TARGETS.map((target, index) => (index < 2 ? 0 : target));
  const calendar = { ...DEFAULT_CALENDAR, monthTargets };
  for (const unit of ['rows', 'carts'] as const) {
    for (const orders of [undefined, 100]) {
      const plan = (to: string) => planDays({ from: '2025-01', to, unit, orders, calendar });
      expect(() => plan('2025-01')).toThrow(PipelineError);
      expect(() => plan('2025-01')).toThrow('monthTargets: must not be all zero for 2025-01,');
      expect(() => plan('2025-02')).toThrow('2025-01 to 2025-02');
      expect(sum(plan('2025-03').slice(0, 59))).toBe(0);
      expect(sum(plan('2025-03'))).toBeGreaterThan(99);
    }
  }
});

test('one scenario can be put on every day', () => {
  const days = rows({ scenario: 7 });
  expect(new Set(days.map((day) => `${day.scenario} ${day.label}`))).toEqual(
    new Set(['7 뷰티 인플루언서 바이럴']),
  );
  expect(days.map((day) => day.count)).toEqual(rows().map((day) => day.count));
});

test('what cannot be planned is refused as usage', () => {
  const bad: [Partial<PlanOptions>, string][] = [
    [{ from: '2025-1' }, 'YYYY-MM'],
    [{ to: '2025-13' }, 'YYYY-MM'],
    [{ from: 'January' }, 'YYYY-MM'],
    [{ from: '2024-12' }, '2025-01 to 2025-12'],
    [{ to: '2026-01' }, '2025-01 to 2025-12'],
    [{ from: '2025-05', to: '2025-04' }, 'after'],
    [{ orders: 0 }, 'whole number'],
    [{ orders: -5 }, 'whole number'],
    [{ orders: 1.5 }, 'whole number'],
    [{ orders: Number.NaN }, 'whole number'],
    [{ orders: 100_000_001 }, '100,000,000'],
    [{ scenario: 21 }, '0 to 20'],
  ];
  for (const [options, message] of bad) {
    expect(() => rows(options)).toThrow(PipelineError);
    expect(() => rows(options)).toThrow(message);
  }
});
