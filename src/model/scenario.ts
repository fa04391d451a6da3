import { PipelineError } from '../base/errors.ts';
import { byCategory, CATEGORY_NAMES, type CategoryName } from './category.ts';
import type { Gender } from './user.ts';

type Range = readonly [min: number, max: number];

/** What kind of day or hour the shop has. Weights are relative, about 100 in all. */
export type Scenario = {
  number: number;
  name: string;
  description: string;
  volume: Range; // orders an interval
  intervalSeconds: Range;
  peakChance: number; // of an interval to be a peak
  peakVolume: Range; // orders in a peak interval
  gender: Readonly<Record<Gender, number>>;
  ages: readonly number[]; // by AGE_GROUPS
  categoriesNamed: Readonly<Partial<Record<CategoryName, number>>>;
  fill: number; // weight of every category not named
  quantityWeights: readonly number[]; // of 1..5 pieces; carts go by the category's own
  timerMinutes: number; // how long the live shop stays in it: about 10,000 orders
};

/** The part of a scenario that decides who buys what. Weights are relative. */
export type ScenarioWeights = {
  gender: Readonly<Record<Gender, number>>;
  ages: readonly number[]; // by AGE_GROUPS
  categories: Readonly<Record<CategoryName, number>>;
};

type Row = Omit<Scenario, 'number' | 'fill' | 'timerMinutes'>;

/** Scenario 0 is the ordinary day; 1..20 are events. */
const ROWS: readonly Row[] = [
  {
    name: '기본 패턴 (현실적 분포)',
    description: 'The shop on an ordinary day, shares as in real e-commerce',
    volume: [10, 50],
    intervalSeconds: [0.3, 1],
    peakChance: 0.02,
    peakVolume: [80, 150],
    gender: { M: 45, F: 55 },
    ages: [8, 28, 28, 22, 14],
    categoriesNamed: {
      '신선(과일/채소)': 12,
      '육류/가공': 10,
      '세제/위생': 8,
      '화지/제지': 6,
      'SS(봄여름)': 9,
      'FW(가을겨울)': 9,
      스킨케어: 8,
      영양제: 6,
      생활가전: 5,
      'IT/게이밍': 5,
      '기능성(안티에이징)': 4,
      건강식품: 4,
      '소파/침대': 2,
      '사무/학생': 2,
      골프: 2,
      캠핑: 2,
      항공: 2,
      숙박: 2,
      '티켓/패스': 2,
    },
    quantityWeights: [75, 13, 7, 3, 2],
  },
  {
    name: '여성 구매고객 대량 유입',
    description: 'A wave of women buying skin care and fashion',
    volume: [80, 200],
    intervalSeconds: [0.3, 1],
    peakChance: 0.1,
    peakVolume: [200, 400],
    gender: { M: 10, F: 90 },
    ages: [10, 35, 30, 15, 10],
    categoriesNamed: {
      스킨케어: 20,
      '기능성(안티에이징)': 15,
      'SS(봄여름)': 18,
      'FW(가을겨울)': 12,
      영양제: 8,
    },
    quantityWeights: [60, 20, 10, 5, 5],
  },
  {
    name: '남성 IT/게이밍 폭주',
    description: 'A rush of men on computers and gaming gear',
    volume: [50, 150],
    intervalSeconds: [0.2, 0.6],
    peakChance: 0.08,
    peakVolume: [150, 300],
    gender: { M: 85, F: 15 },
    ages: [25, 35, 25, 10, 5],
    categoriesNamed: { 'IT/게이밍': 35, 생활가전: 10, '사무/학생': 10 },
    quantityWeights: [85, 10, 3, 1, 1],
  },
  {
    name: '블랙프라이데이 대규모 세일',
    description: 'The big sale in every category',
    volume: [150, 400],
    intervalSeconds: [0.1, 0.5],
    peakChance: 0.3,
    peakVolume: [400, 800],
    gender: { M: 50, F: 50 },
    ages: [15, 30, 30, 15, 10],
    categoriesNamed: {
      생활가전: 15,
      'IT/게이밍': 15,
      'FW(가을겨울)': 12,
      '기능성(안티에이징)': 10,
      '소파/침대': 8,
    },
    quantityWeights: [50, 25, 15, 5, 5],
  },
  {
    name: '설날/추석 선물세트 시즌',
    description: 'Gift sets for the lunar new year and Chuseok',
    volume: [60, 180],
    intervalSeconds: [0.3, 1],
    peakChance: 0.05,
    peakVolume: [200, 350],
    gender: { M: 40, F: 60 },
    ages: [5, 15, 25, 30, 25],
    categoriesNamed: {
      건강식품: 25,
      영양제: 15,
      '육류/가공': 15,
      '신선(과일/채소)': 12,
      '기능성(안티에이징)': 8,
    },
    quantityWeights: [40, 30, 15, 10, 5],
  },
  {
    name: '여름 패션/뷰티 시즌',
    description: 'Summer clothes, cosmetics and trips',
    volume: [40, 120],
    intervalSeconds: [0.3, 0.8],
    peakChance: 0.05,
    peakVolume: [150, 250],
    gender: { M: 40, F: 60 },
    ages: [20, 35, 25, 15, 5],
    categoriesNamed: { 'SS(봄여름)': 30, 스킨케어: 20, 캠핑: 8, 항공: 8, 숙박: 8 },
    quantityWeights: [70, 15, 10, 3, 2],
  },
  {
    name: '겨울 패딩/방한용품 시즌',
    description: 'Padded coats and everything warm',
    volume: [40, 120],
    intervalSeconds: [0.3, 0.8],
    peakChance: 0.05,
    peakVolume: [150, 250],
    gender: { M: 45, F: 55 },
    ages: [15, 25, 25, 20, 15],
    categoriesNamed: { 'FW(가을겨울)': 35, 생활가전: 12, '세제/위생': 8, '육류/가공': 8 },
    quantityWeights: [75, 15, 5, 3, 2],
  },
  {
    name: '뷰티 인플루언서 바이럴',
    description: 'A beauty influencer goes viral',
    volume: [100, 250],
    intervalSeconds: [0.1, 0.5],
    peakChance: 0.15,
    peakVolume: [250, 500],
    gender: { M: 15, F: 85 },
    ages: [25, 40, 25, 8, 2],
    categoriesNamed: { 스킨케어: 35, '기능성(안티에이징)': 20, 영양제: 8, 'SS(봄여름)': 8 },
    quantityWeights: [55, 25, 12, 5, 3],
  },
  {
    name: 'MZ세대 (10-20대) 트렌드 쇼핑',
    description: 'What people in their teens and twenties follow',
    volume: [60, 150],
    intervalSeconds: [0.2, 0.6],
    peakChance: 0.08,
    peakVolume: [150, 300],
    gender: { M: 45, F: 55 },
    ages: [35, 45, 15, 4, 1],
    categoriesNamed: {
      'SS(봄여름)': 15,
      'FW(가을겨울)': 10,
      스킨케어: 15,
      'IT/게이밍': 15,
      '티켓/패스': 8,
    },
    quantityWeights: [80, 12, 5, 2, 1],
  },
  {
    name: '5060 건강/식품 집중 구매',
    description: 'Those past fifty stock up on health food',
    volume: [20, 80],
    intervalSeconds: [0.5, 1.5],
    peakChance: 0.03,
    peakVolume: [80, 150],
    gender: { M: 40, F: 60 },
    ages: [2, 5, 10, 30, 53],
    categoriesNamed: { 건강식품: 25, 영양제: 20, '신선(과일/채소)': 15, '육류/가공': 10 },
    quantityWeights: [50, 25, 15, 5, 5],
  },
  {
    name: '캠핑 시즌 (봄/가을)',
    description: 'Camping in spring and autumn',
    volume: [30, 100],
    intervalSeconds: [0.3, 1],
    peakChance: 0.05,
    peakVolume: [100, 200],
    gender: { M: 65, F: 35 },
    ages: [5, 20, 35, 30, 10],
    categoriesNamed: { 캠핑: 30, '육류/가공': 15, '세제/위생': 8, '티켓/패스': 8 },
    quantityWeights: [60, 20, 10, 5, 5],
  },
  {
    name: '신학기 시즌 (가구/IT)',
    description: 'Desks and computers for the new term',
    volume: [40, 100],
    intervalSeconds: [0.3, 0.8],
    peakChance: 0.05,
    peakVolume: [100, 200],
    gender: { M: 50, F: 50 },
    ages: [30, 40, 15, 10, 5],
    categoriesNamed: { '사무/학생': 25, 'IT/게이밍': 25, '세제/위생': 8, '화지/제지': 5 },
    quantityWeights: [85, 10, 3, 1, 1],
  },
  {
    name: '결혼/혼수 시즌',
    description: 'Weddings: a household is bought at once',
    volume: [30, 80],
    intervalSeconds: [0.5, 1.5],
    peakChance: 0.03,
    peakVolume: [80, 150],
    gender: { M: 35, F: 65 },
    ages: [2, 20, 50, 20, 8],
    categoriesNamed: { 생활가전: 25, '소파/침대': 25, '세제/위생': 10, '화지/제지': 5 },
    quantityWeights: [70, 15, 10, 3, 2],
  },
  {
    name: '새해 다이어트/헬스 시즌',
    description: 'New-year resolutions: diet and sport',
    volume: [40, 120],
    intervalSeconds: [0.3, 0.8],
    peakChance: 0.05,
    peakVolume: [120, 250],
    gender: { M: 40, F: 60 },
    ages: [10, 30, 30, 20, 10],
    categoriesNamed: { 영양제: 25, 골프: 5, 캠핑: 5, '신선(과일/채소)': 15, 'SS(봄여름)': 10 },
    quantityWeights: [60, 20, 10, 5, 5],
  },
  {
    name: '육아맘 생필품 대량 구매',
    description: 'Parents buying household goods in bulk',
    volume: [40, 100],
    intervalSeconds: [0.3, 1],
    peakChance: 0.05,
    peakVolume: [100, 200],
    gender: { M: 10, F: 90 },
    ages: [2, 15, 50, 28, 5],
    categoriesNamed: {
      '세제/위생': 25,
      '화지/제지': 20,
      '신선(과일/채소)': 15,
      '육류/가공': 10,
      영양제: 8,
    },
    quantityWeights: [30, 25, 20, 15, 10],
  },
  {
    name: '골프 시즌 (봄/가을)',
    description: 'Golf in spring and autumn',
    volume: [20, 60],
    intervalSeconds: [0.5, 1.5],
    peakChance: 0.03,
    peakVolume: [60, 120],
    gender: { M: 70, F: 30 },
    ages: [2, 10, 25, 35, 28],
    categoriesNamed: { 골프: 40, 'SS(봄여름)': 12, 항공: 8, 숙박: 8, '티켓/패스': 5 },
    quantityWeights: [80, 12, 5, 2, 1],
  },
  {
    name: '여행 성수기 (여름/연말)',
    description: "Travel in high summer and at the year's end",
    volume: [50, 130],
    intervalSeconds: [0.3, 0.8],
    peakChance: 0.08,
    peakVolume: [130, 250],
    gender: { M: 45, F: 55 },
    ages: [10, 30, 30, 20, 10],
    categoriesNamed: { 항공: 30, 숙박: 30, '티켓/패스': 20, 'SS(봄여름)': 10, 스킨케어: 8 },
    quantityWeights: [70, 20, 5, 3, 2],
  },
  {
    name: '새벽배송 식품 집중',
    description: 'Groceries delivered before dawn',
    volume: [30, 90],
    intervalSeconds: [0.3, 1],
    peakChance: 0.05,
    peakVolume: [90, 180],
    gender: { M: 35, F: 65 },
    ages: [5, 20, 35, 25, 15],
    categoriesNamed: { '신선(과일/채소)': 30, '육류/가공': 25, '세제/위생': 10, '화지/제지': 8 },
    quantityWeights: [40, 25, 20, 10, 5],
  },
  {
    name: '가전 할인 행사 (빅세일)',
    description: 'The big sale of appliances',
    volume: [80, 200],
    intervalSeconds: [0.2, 0.6],
    peakChance: 0.15,
    peakVolume: [200, 400],
    gender: { M: 55, F: 45 },
    ages: [5, 20, 30, 30, 15],
    categoriesNamed: { 생활가전: 30, 'IT/게이밍': 25, '소파/침대': 10 },
    quantityWeights: [85, 10, 3, 1, 1],
  },
  {
    name: '평일 심야 소량 주문',
    description: 'A few orders late on a weekday night',
    volume: [3, 15],
    intervalSeconds: [1, 3],
    peakChance: 0.01,
    peakVolume: [20, 40],
    gender: { M: 55, F: 45 },
    ages: [10, 35, 30, 15, 10],
    categoriesNamed: { '신선(과일/채소)': 12, '세제/위생': 10, 스킨케어: 10, 'IT/게이밍': 10 },
    quantityWeights: [90, 7, 2, 1, 0],
  },
  {
    name: '전 카테고리 균등 대량 주문',
    description: 'Large orders spread evenly over all categories',
    volume: [100, 300],
    intervalSeconds: [0.1, 0.4],
    peakChance: 0.1,
    peakVolume: [300, 600],
    gender: { M: 50, F: 50 },
    ages: [15, 25, 25, 20, 15],
    categoriesNamed: {},
    quantityWeights: [70, 15, 8, 4, 3],
  },
];

export const SCENARIOS: readonly Scenario[] = ROWS.map(complete);

/** By number; what can be set of each scenario. */
export const SCENARIO_WEIGHTS: Readonly<Record<number, ScenarioWeights>> = Object.fromEntries(
  SCENARIOS.map((row) => {
    const weights = categoryWeights(row);
    const categories = byCategory((_, index) => weights[index]);
    return [row.number, { gender: row.gender, ages: row.ages, categories }];
  }),
);

/** Share of each hour of the day, 0..23. The sum is 23.45. */
export const HOURLY_MULTIPLIER: readonly number[] = [
  0.15, 0.05, 0.02, 0.01, 0.01, 0.03, 0.08, 0.2, 0.5, 0.8, 1.3, 1.6, 1.4, 1.1, 1, 1.1, 1.2, 1.4,
  1.8, 2.2, 3, 2.5, 1.5, 0.5,
];

/** The scenario an hour of the day brings to the live shop by itself; null: none. */
export const TIME_BASED_SCENARIO: readonly (number | null)[] = Array.from(
  { length: 24 },
  (_, hour) => (hour <= 5 ? 19 : hour >= 21 ? 17 : null),
);

/** The scenario with this number, or a USAGE error that names the valid ones. */
export function scenario(number: number): Scenario {
  const found = SCENARIOS[number];
  if (found === undefined) {
    const last = SCENARIOS.length - 1;
    throw new PipelineError('USAGE', `scenario ${number}: there are scenarios 0 to ${last}`);
  }
  return found;
}

/** Weight of each of CATEGORIES. */
export function categoryWeights({ categoriesNamed, fill }: Scenario): Float64Array {
  return Float64Array.from(CATEGORY_NAMES, (name) => categoriesNamed[name] ?? fill);
}

function complete(row: Row, number: number): Scenario {
  const fill = fillWeight(row.categoriesNamed);
  return { ...row, number, fill, timerMinutes: timerMinutes(row) };
}

/** What the named categories leave of 100, shared by the others, to one decimal, at least 0.5. */
function fillWeight(named: Scenario['categoriesNamed']): number {
  const weights = Object.values(named);
  const others = CATEGORY_NAMES.length - weights.length;
  if (others === 0) return 0;
  const rest = 100 - weights.reduce((sum, weight) => sum + weight, 0);
  return Math.round(Math.max(rest / others, 0.5) * 10) / 10;
}

/** Minutes in which this scenario, run at its own pace, makes 10,000 orders; at least one. */
function timerMinutes({ volume, intervalSeconds, peakChance, peakVolume }: Row): number {
  const orders = middle(volume) * (1 - peakChance) + middle(peakVolume) * peakChance;
  const perSecond = orders / middle(intervalSeconds);
  return Math.max(1, Math.round(10_000 / perSecond / 60));
}

function middle([min, max]: Range): number {
  return (min + max) / 2;
}
