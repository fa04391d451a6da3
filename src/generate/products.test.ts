import { describe, expect, test } from 'bun:test';
import { Random } from '../base/random.ts';
import { CATEGORIES } from '../model/category.ts';
import type { Product } from '../model/product.ts';
import { product, type ProductOptions, productRows } from './products.ts';
import { PREFIXES, WITHOUT_PAIR, WITHOUT_PREFIX, WORDS } from './words.ts';

const OPTIONS: ProductOptions = {
  seed: 42,
  count: 20_000,
  firstNumber: 1,
  fromMs: Date.UTC(2025, 0, 1, -9),
  toMs: Date.UTC(2026, 0, 1, -9),
};
const PRODUCTS = productRows(OPTIONS);

/** The real brands of the original shop. Ours are invented. */
const REAL_BRANDS =
  `나이키 아디다스 폴로 지오다노 탑텐 스파오 파타고니아 메종키츠네 노스페이스 디스커버리
  내셔널지오그래픽 몽클레어 이니스프리 닥터지 라운드랩 토리든 아누아 피지오겔 설화수 헤라 에스티로더
  아이오페 SK2 랑콤 하림 도드람 농협안심 횡성축협 비비고 삼성 LG 발뮤다 다이슨 쿠쿠 로보락 애플
  로지텍 레이저 ASUS MSI 다우니 퍼실 피죤 유한락스 페브리즈 크리넥스 코디 깨끗한나라 잘풀리는집
  정관장 한삼인 농협 종근당건강 광동 고려은단 뉴트리원 덴프스 에스더포뮬러 종근당 얼라이브 한샘
  리바트 까사미아 에이스침대 시몬스 자코모 시디즈 데스커 일룸 듀오백 타이틀리스트 테일러메이드
  캘러웨이 PXG 스노우피크 콜맨 코베아 헬리녹스 노르디스크 대한항공 아시아나 제주항공 티웨이 진에어
  에어부산 이스타항공 신라호텔 롯데호텔 하얏트 메리어트 힐튼 인터컨티넨탈 아코르 에버랜드 롯데월드
  캐리비안베이 아쿠아플라넷 오션월드 레고랜드 서울랜드 소니`.split(/\s+/);

describe('products', () => {
  test('are the same for a seed, in whatever order they are made', () => {
    const options = { ...OPTIONS, count: 1000 };
    const random = new Random(42, 'product');
    const backwards = Array.from({ length: 1000 }, (_, at) =>
      product(random, 999 - at, 1000 - at, options),
    );
    expect(hash(backwards.toReversed())).toBe(hash(productRows(options)));
    expect(hash([...productRows(options, 0, 311), ...productRows(options, 311)])).toBe(
      hash(productRows(options)),
    );
    expect(hash(productRows({ ...options, seed: 43 }))).not.toBe(hash(productRows(options)));
  });

  test('have ids of their own and categories evenly', () => {
    expect(new Set(PRODUCTS.map((row) => row.productId)).size).toBe(PRODUCTS.length);
    expect(PRODUCTS[0].productId).toBe('P00000001');
    for (const { name } of CATEGORIES) {
      expectShare(PRODUCTS, (row) => row.category === name, 1 / 19);
    }
  });

  test('have names that hold the brand, are filled in, fit the column and vary', () => {
    for (const row of PRODUCTS) {
      expect(row.name).toContain(row.brand);
      expect(row.name + row.description).not.toMatch(/[{}]|undefined| {2}/);
      expect(row.name.length).toBeLessThanOrEqual(200);
      expect(row.description).toContain(row.brand);
      expect(row.description).toContain(row.category);
    }
    for (const { name } of CATEGORIES) {
      const rows = PRODUCTS.filter((row) => row.category === name);
      expect(new Set(rows.map((row) => row.name)).size).toBeGreaterThan(rows.length * 0.85);
      expect(new Set(rows.map((row) => row.brand)).size).toBe(brandsOf(name).length);
    }
  });

  test('are of no later model year than that of their registration', () => {
    const rows = productRows({ ...OPTIONS, fromMs: Date.UTC(2021, 0, 1, -9) });
    const years = rows.flatMap((row) => {
      const [year] = /\b20\d\d\b/.exec(row.name) ?? [];
      if (year === undefined) return [];
      expect(row.description).toContain(row.name.replace(/^\[.*?\] /, ''));
      const registered = new Date(row.createdAtMs + 9 * 3_600_000).getUTCFullYear();
      expect(Number(year)).toBeLessThanOrEqual(registered);
      return [`${registered} ${year}`];
    });
    expect(years.length).toBeGreaterThan(1_000);
    const seen = ['2021 2021', '2022 2022', '2023 2023', '2024 2024', '2025 2024', '2025 2025'];
    expect([...new Set(years)].toSorted()).toEqual(seen);
  });

  test('use no brand of the real world', () => {
    const texts = JSON.stringify(WORDS) + JSON.stringify(PRODUCTS);
    expect(REAL_BRANDS.filter((brand) => texts.includes(brand))).toEqual([]);
    expect(CATEGORIES.flatMap(({ name }) => brandsOf(name))).not.toContain('핑'); // also in 캠핑
  });

  test('have five to eight brands a category, about a quarter of them premium', () => {
    const premium = CATEGORIES.reduce((sum, { name }) => sum + WORDS[name].premium.length, 0);
    const brands = CATEGORIES.reduce((sum, { name }) => sum + brandsOf(name).length, 0);
    for (const { name } of CATEGORIES) {
      expect(brandsOf(name).length).toBeGreaterThanOrEqual(5);
      expect(brandsOf(name).length).toBeLessThanOrEqual(8);
      expect(WORDS[name].patterns.every((text) => text.includes('{brand}'))).toBe(true);
    }
    expect(premium / brands).toBeGreaterThan(0.2);
    expect(premium / brands).toBeLessThan(0.33);
  });

  test('carry a prefix three times in ten, where there may be one', () => {
    expect(
      PRODUCTS.filter((row) => WITHOUT_PREFIX.includes(row.category) && prefixed(row)),
    ).toEqual([]);
    const others = PRODUCTS.filter((row) => !WITHOUT_PREFIX.includes(row.category));
    expectShare(others, prefixed, 0.3);
    expect(
      others.filter((row) => WITHOUT_PAIR.includes(row.category) && row.name.startsWith('[1+1]')),
    ).toEqual([]);
    const seen = new Set(others.filter(prefixed).map((row) => row.name.split(' ')[0]));
    expect([...seen].toSorted()).toEqual([...PREFIXES].toSorted());
  });

  test('cost what their category allows, in whole hundreds', () => {
    for (const { name, priceMin, priceMax } of CATEGORIES) {
      for (const row of PRODUCTS.filter((each) => each.category === name)) {
        expect(row.price).toBeGreaterThanOrEqual(priceMin);
        expect(row.price).toBeLessThanOrEqual(1.5 * priceMax);
        expect(row.price % 100).toBe(0);
        expect(row.orgPrice % 100).toBe(0);
      }
    }
  });

  test('have the mean price that the rule gives when worked another way', () => {
    for (const { name, priceMin, priceMax } of CATEGORIES) {
      for (const premium of [true, false]) {
        const rows = PRODUCTS.filter((row) => row.category === name && isPremium(row) === premium);
        const [mean, deviation] = priceByOrderStatistics(priceMin, priceMax, premium);
        const found = rows.reduce((sum, row) => sum + row.price, 0) / rows.length;
        expect(Math.abs(found - mean)).toBeLessThan((4.5 * deviation) / Math.sqrt(rows.length));
      }
    }
  });

  test('have prices at 2/7 of the range before the brand counts', () => {
    for (const { name, priceMin, priceMax } of CATEGORIES) {
      // Premium prices are never cut from below, so their mean is exact: E[m] = 1.55.
      const rows = PRODUCTS.filter((row) => row.category === name && isPremium(row));
      const mean = rows.reduce((sum, row) => sum + row.price, 0) / rows.length;
      const share = (mean / 1.55 - priceMin) / (priceMax - priceMin);
      expect(Math.abs(share - 2 / 7)).toBeLessThan((4 * 0.19) / Math.sqrt(rows.length));
    }
  });

  test('are listed dearer in four of ten, and below their price in the planted share', () => {
    expectShare(PRODUCTS, (row) => row.orgPrice < row.price, 0.01);
    expectShare(PRODUCTS, (row) => row.orgPrice > row.price, 0.4 * 0.99);
    for (const row of PRODUCTS) {
      const rate = row.orgPrice > row.price ? (row.orgPrice - row.price) / row.orgPrice : 0;
      expect(row.discountRate).toBe(rate);
      expect(rate).toBeLessThanOrEqual(0.375);
      expect(row.orgPrice).toBeGreaterThanOrEqual(row.price * 0.5 - 100);
    }
    const clean = productRows({ ...OPTIONS, plantedErrorShare: 0 });
    expect(clean.filter((row) => row.orgPrice < row.price)).toEqual([]);
  });

  test('are rated and reviewed by kind of brand, and only premium ones are best sellers', () => {
    for (const row of PRODUCTS) {
      const [ratingMin, ratingMax, low, high] = isPremium(row)
        ? [4, 5, 50, 2500]
        : [3, 4.8, 0, 500];
      expect(row.rating).toBeGreaterThanOrEqual(ratingMin);
      expect(row.rating).toBeLessThanOrEqual(ratingMax);
      expect(Math.round(row.rating * 10) / 10).toBe(row.rating);
      expect(row.reviewCount).toBeGreaterThanOrEqual(low);
      expect(row.reviewCount).toBeLessThanOrEqual(high);
      expect(row.isBest).toBe(row.reviewCount > 1000 && row.rating > 4.5);
    }
    expect(PRODUCTS.some((row) => row.isBest)).toBe(true);
  });

  test('are registered evenly inside the window, unsold, with 0 to 500 in stock', () => {
    const { fromMs, toMs } = OPTIONS;
    for (const row of PRODUCTS) {
      expect(row.createdAtMs).toBeGreaterThanOrEqual(fromMs);
      expect(row.createdAtMs).toBeLessThan(toMs);
      expect(Number.isInteger(row.createdAtMs)).toBe(true);
      expect(row.orderCount).toBe(0);
    }
    expectShare(PRODUCTS, (row) => row.createdAtMs < (fromMs + toMs) / 2, 0.5);
    expectShare(PRODUCTS, (row) => row.stock === 0, 1 / 501);
    expectShare(PRODUCTS, (row) => row.stock > 400, 100 / 501);
  });
});

function prefixed(row: Product): boolean {
  return row.name.startsWith('[');
}

function brandsOf(category: (typeof CATEGORIES)[number]['name']): string[] {
  return [...WORDS[category].premium, ...WORDS[category].brands];
}

function isPremium(row: Product): boolean {
  return PREMIUM.has(`${row.category} ${row.brand}`);
}

const PREMIUM = new Set(
  CATEGORIES.flatMap(({ name }) => WORDS[name].premium.map((brand) => `${name} ${brand}`)),
);

/** Beta(2, 5) is the second smallest of six uniforms. Mean and deviation of the price. */
function priceByOrderStatistics(low: number, high: number, premium: boolean): [number, number] {
  const random = new Random(7, 'live').at(0);
  const prices = Array.from({ length: 20_000 }, () => {
    const share = Array.from({ length: 6 }, () => random.next()).toSorted((a, b) => a - b)[1];
    const factor = premium ? 1.3 + 0.5 * random.next() : 0.7 + 0.4 * random.next();
    const raw = (low + share * (high - low)) * factor;
    return Math.floor(Math.min(Math.max(raw, low), 1.5 * high) / 100) * 100;
  });
  const mean = prices.reduce((sum, price) => sum + price, 0) / prices.length;
  const variance = prices.reduce((sum, price) => sum + (price - mean) ** 2, 0) / prices.length;
  return [mean, Math.sqrt(variance)];
}

/** Within four standard deviations of what chance gives. */
function expectShare(
  rows: readonly Product[],
  has: (row: Product) => boolean,
  expected: number,
): void {
  const found = rows.filter(has).length / rows.length;
  const sigma = Math.sqrt((expected * (1 - expected)) / rows.length);
  expect(Math.abs(found - expected)).toBeLessThan(4 * sigma);
}

function hash(rows: unknown): string {
  return Bun.hash(JSON.stringify(rows)).toString(16);
}
