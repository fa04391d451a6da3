import { describe, expect, test } from 'bun:test';
import { PipelineError } from '../base/errors.ts';
import { CATEGORY_NAMES, type CategoryName } from './category.ts';
import {
  categoryWeights,
  HOURLY_MULTIPLIER,
  type Scenario,
  scenario,
  SCENARIO_WEIGHTS,
  SCENARIOS,
  TIME_BASED_SCENARIO,
} from './scenario.ts';

// no | name | volume | interval | peak chance | peak volume | M/F | ages | categories | fill | quantities | timer
const TABLE = `
0 | 기본 패턴 (현실적 분포) | 10–50 | 0.3–1 | 0.02 | 80–150 | 45/55 | 8/28/28/22/14 | 신선(과일/채소) 12 육류/가공 10 세제/위생 8 화지/제지 6 SS(봄여름) 9 FW(가을겨울) 9 스킨케어 8 영양제 6 생활가전 5 IT/게이밍 5 기능성(안티에이징) 4 건강식품 4 소파/침대 2 사무/학생 2 골프 2 캠핑 2 항공 2 숙박 2 티켓/패스 2 | – | 75/13/7/3/2 | 3
1 | 여성 구매고객 대량 유입 | 80–200 | 0.3–1 | 0.1 | 200–400 | 10/90 | 10/35/30/15/10 | 스킨케어 20 기능성(안티에이징) 15 SS(봄여름) 18 FW(가을겨울) 12 영양제 8 | 1.9 | 60/20/10/5/5 | 1
2 | 남성 IT/게이밍 폭주 | 50–150 | 0.2–0.6 | 0.08 | 150–300 | 85/15 | 25/35/25/10/5 | IT/게이밍 35 생활가전 10 사무/학생 10 | 2.8 | 85/10/3/1/1 | 1
3 | 블랙프라이데이 대규모 세일 | 150–400 | 0.1–0.5 | 0.3 | 400–800 | 50/50 | 15/30/30/15/10 | 생활가전 15 IT/게이밍 15 FW(가을겨울) 12 기능성(안티에이징) 10 소파/침대 8 | 2.9 | 50/25/15/5/5 | 1
4 | 설날/추석 선물세트 시즌 | 60–180 | 0.3–1 | 0.05 | 200–350 | 40/60 | 5/15/25/30/25 | 건강식품 25 영양제 15 육류/가공 15 신선(과일/채소) 12 기능성(안티에이징) 8 | 1.8 | 40/30/15/10/5 | 1
5 | 여름 패션/뷰티 시즌 | 40–120 | 0.3–0.8 | 0.05 | 150–250 | 40/60 | 20/35/25/15/5 | SS(봄여름) 30 스킨케어 20 캠핑 8 항공 8 숙박 8 | 1.9 | 70/15/10/3/2 | 1
6 | 겨울 패딩/방한용품 시즌 | 40–120 | 0.3–0.8 | 0.05 | 150–250 | 45/55 | 15/25/25/20/15 | FW(가을겨울) 35 생활가전 12 세제/위생 8 육류/가공 8 | 2.5 | 75/15/5/3/2 | 1
7 | 뷰티 인플루언서 바이럴 | 100–250 | 0.1–0.5 | 0.15 | 250–500 | 15/85 | 25/40/25/8/2 | 스킨케어 35 기능성(안티에이징) 20 영양제 8 SS(봄여름) 8 | 1.9 | 55/25/12/5/3 | 1
8 | MZ세대 (10-20대) 트렌드 쇼핑 | 60–150 | 0.2–0.6 | 0.08 | 150–300 | 45/55 | 35/45/15/4/1 | SS(봄여름) 15 FW(가을겨울) 10 스킨케어 15 IT/게이밍 15 티켓/패스 8 | 2.6 | 80/12/5/2/1 | 1
9 | 5060 건강/식품 집중 구매 | 20–80 | 0.5–1.5 | 0.03 | 80–150 | 40/60 | 2/5/10/30/53 | 건강식품 25 영양제 20 신선(과일/채소) 15 육류/가공 10 | 2.0 | 50/25/15/5/5 | 3
10 | 캠핑 시즌 (봄/가을) | 30–100 | 0.3–1 | 0.05 | 100–200 | 65/35 | 5/20/35/30/10 | 캠핑 30 육류/가공 15 세제/위생 8 티켓/패스 8 | 2.6 | 60/20/10/5/5 | 2
11 | 신학기 시즌 (가구/IT) | 40–100 | 0.3–0.8 | 0.05 | 100–200 | 50/50 | 30/40/15/10/5 | 사무/학생 25 IT/게이밍 25 세제/위생 8 화지/제지 5 | 2.5 | 85/10/3/1/1 | 1
12 | 결혼/혼수 시즌 | 30–80 | 0.5–1.5 | 0.03 | 80–150 | 35/65 | 2/20/50/20/8 | 생활가전 25 소파/침대 25 세제/위생 10 화지/제지 5 | 2.3 | 70/15/10/3/2 | 3
13 | 새해 다이어트/헬스 시즌 | 40–120 | 0.3–0.8 | 0.05 | 120–250 | 40/60 | 10/30/30/20/10 | 영양제 25 골프 5 캠핑 5 신선(과일/채소) 15 SS(봄여름) 10 | 2.9 | 60/20/10/5/5 | 1
14 | 육아맘 생필품 대량 구매 | 40–100 | 0.3–1 | 0.05 | 100–200 | 10/90 | 2/15/50/28/5 | 세제/위생 25 화지/제지 20 신선(과일/채소) 15 육류/가공 10 영양제 8 | 1.6 | 30/25/20/15/10 | 1
15 | 골프 시즌 (봄/가을) | 20–60 | 0.5–1.5 | 0.03 | 60–120 | 70/30 | 2/10/25/35/28 | 골프 40 SS(봄여름) 12 항공 8 숙박 8 티켓/패스 5 | 1.9 | 80/12/5/2/1 | 4
16 | 여행 성수기 (여름/연말) | 50–130 | 0.3–0.8 | 0.08 | 130–250 | 45/55 | 10/30/30/20/10 | 항공 30 숙박 30 티켓/패스 20 SS(봄여름) 10 스킨케어 8 | 0.5 | 70/20/5/3/2 | 1
17 | 새벽배송 식품 집중 | 30–90 | 0.3–1 | 0.05 | 90–180 | 35/65 | 5/20/35/25/15 | 신선(과일/채소) 30 육류/가공 25 세제/위생 10 화지/제지 8 | 1.8 | 40/25/20/10/5 | 2
18 | 가전 할인 행사 (빅세일) | 80–200 | 0.2–0.6 | 0.15 | 200–400 | 55/45 | 5/20/30/30/15 | 생활가전 30 IT/게이밍 25 소파/침대 10 | 2.2 | 85/10/3/1/1 | 1
19 | 평일 심야 소량 주문 | 3–15 | 1–3 | 0.01 | 20–40 | 55/45 | 10/35/30/15/10 | 신선(과일/채소) 12 세제/위생 10 스킨케어 10 IT/게이밍 10 | 3.9 | 90/7/2/1/0 | 36
20 | 전 카테고리 균등 대량 주문 | 100–300 | 0.1–0.4 | 0.1 | 300–600 | 50/50 | 15/25/25/20/15 | (all equal) | 5.3 | 70/15/8/4/3 | 1
`;

/** A scenario as a line of the table. */
function line(row: Scenario): string {
  const categories = Object.entries(row.categoriesNamed).map(
    ([name, weight]) => `${name} ${weight}`,
  );
  const fill = row.fill === 0 ? '–' : row.fill.toFixed(1);
  return [
    row.number,
    row.name,
    row.volume.join('–'),
    row.intervalSeconds.join('–'),
    row.peakChance,
    row.peakVolume.join('–'),
    `${row.gender.M}/${row.gender.F}`,
    row.ages.join('/'),
    categories.join(' ') || '(all equal)',
    fill,
    row.quantityWeights.join('/'),
    row.timerMinutes,
  ].join(' | ');
}

describe('the 21 scenarios', () => {
  const lines = TABLE.trim().split('\n');
  for (const [number, expected] of lines.entries()) {
    test(`${number} is the line of the specification, cell by cell`, () => {
      expect(line(SCENARIOS[number])).toBe(expected);
    });
  }

  test('are all of them, and each is described', () => {
    expect(SCENARIOS).toHaveLength(21);
    expect(lines).toHaveLength(21);
    expect(new Set(SCENARIOS.map((row) => row.description)).size).toBe(21);
  });
});

function at(number: number): Scenario {
  return SCENARIOS[number];
}

function named(number: number, ...names: CategoryName[]): (number | undefined)[] {
  return names.map((name) => at(number).categoriesNamed[name]);
}

function ages(number: number, ...groups: number[]): number {
  return groups.reduce((sum, group) => sum + at(number).ages[group], 0);
}

test('the features named in the history guide hold, scenario by scenario', () => {
  expect(at(1).gender.F).toBe(90);
  expect(at(2).gender.M).toBe(85);
  expect(named(2, 'IT/게이밍')).toEqual([35]);
  expect(named(5, 'SS(봄여름)')).toEqual([30]);
  expect(named(6, 'FW(가을겨울)')).toEqual([35]);
  expect(at(7).gender.F).toBe(85);
  expect(ages(8, 0, 1)).toBe(80);
  expect(ages(9, 4)).toBe(53);
  expect(at(10).gender.M).toBe(65);
  expect(named(10, '캠핑')).toEqual([30]);
  expect(ages(12, 2)).toBe(50);
  expect(at(14).gender.F).toBe(90);
  expect(at(15).gender.M).toBe(70);
  expect(ages(15, 3, 4)).toBe(63);
  expect(named(16, '항공', '숙박')).toEqual([30, 30]);
  expect(named(17, '신선(과일/채소)', '육류/가공')).toEqual([30, 25]);
  expect(named(18, '생활가전', 'IT/게이밍')).toEqual([30, 25]);
  expect(Math.min(...SCENARIOS.map((row) => row.volume[0]))).toBe(at(19).volume[0]);
});

test('category weights fill up what is not named', () => {
  const weights = categoryWeights(scenario(16));
  expect(weights).toHaveLength(19);
  expect([...weights]).toEqual([
    10, 0.5, 8, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 30, 30, 20,
  ]);
  expect([...categoryWeights(scenario(20))]).toEqual(Array.from({ length: 19 }, () => 5.3));
  expect([...categoryWeights(scenario(0))]).toEqual([
    9, 9, 8, 4, 12, 10, 5, 5, 8, 6, 4, 6, 2, 2, 2, 2, 2, 2, 2,
  ]);
});

test('what can be set of a scenario is what its row has, every category by name', () => {
  expect(Object.keys(SCENARIO_WEIGHTS)).toEqual(SCENARIOS.map(({ number }) => String(number)));
  for (const row of SCENARIOS) {
    const { categories, ...shares } = SCENARIO_WEIGHTS[row.number];
    expect(shares).toEqual({ gender: row.gender, ages: row.ages });
    for (const name of CATEGORY_NAMES) {
      expect(categories[name]).toBe(row.categoriesNamed[name] ?? row.fill);
    }
    expect(Object.keys(categories)).toEqual([...CATEGORY_NAMES]);
  }
});

test('an unknown scenario is refused, naming the valid ones', () => {
  expect(scenario(20).name).toBe('전 카테고리 균등 대량 주문');
  for (const number of [-1, 21, 1.5, Number.NaN]) {
    expect(() => scenario(number)).toThrow(PipelineError);
    expect(() => scenario(number)).toThrow('0 to 20');
  }
});

test('each hour has its multiplier', () => {
  const cells =
    '.15 .05 .02 .01 .01 .03 .08 .20 .50 .80 1.30 1.60 1.40 1.10 1.00 1.10 1.20 1.40 1.80 2.20 3.00 2.50 1.50 .50';
  expect([...HOURLY_MULTIPLIER]).toEqual(cells.split(' ').map(Number));
  expect(HOURLY_MULTIPLIER.reduce((sum, value) => sum + value, 0)).toBeCloseTo(23.45, 10);
});

test('the hours lie in the ranges of the history guide', () => {
  const ranges = [
    [0, 5, 0.01, 0.15],
    [6, 9, 0.08, 0.8],
    [10, 11, 1.3, 1.6],
    [12, 14, 1, 1.4],
    [15, 17, 1.1, 1.4],
    [18, 19, 1.8, 2.2],
    [20, 20, 3, 3],
    [21, 21, 2.5, 2.5],
    [22, 23, 0.5, 1.5],
  ];
  for (const [from, to, min, max] of ranges) {
    const cells = HOURLY_MULTIPLIER.slice(from, to + 1);
    expect([from, Math.min(...cells), Math.max(...cells)]).toEqual([from, min, max]);
  }
});

test('the night and the late evening bring their own scenario', () => {
  const none = Array.from({ length: 15 }, () => null);
  expect(TIME_BASED_SCENARIO).toEqual([19, 19, 19, 19, 19, 19, ...none, 17, 17, 17]);
});
