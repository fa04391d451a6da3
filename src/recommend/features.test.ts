import { expect, test } from 'bun:test';

import { areaClass } from './area.ts';
import { districtCentre, NAMED_DISTRICTS, SIDO_NAMES, sidoCentre } from './districts.ts';
import { FEATURES, prepareFeatures, rawFeatures } from './features.ts';
import { DIMS } from './rows.ts';
import { customerTable, withPool, type DescribedCustomer } from './testing.ts';

const NAN = Number.NaN;
const SEOUL = SIDO_NAMES.indexOf('서울특별시');
const BUSAN = SIDO_NAMES.indexOf('부산광역시');

// oxfmt-ignore
const CUSTOMERS: DescribedCustomer[] = [
  [37.1, 127.1, SEOUL, '서울특별시 중구', '나', '음식점업', 30],
  [NAN, 127.2, BUSAN, '부산광역시 중구', '가', '음식점업', 60],
  [NAN, NAN, BUSAN, null, null, '음식점업', NAN],
  [NAN, NAN, -1, null, '다', null, NAN],
  [35.0, 129.0, BUSAN, '부산광역시 없는구', '다', '제조업', 5_000],
  [35.5, 129.5, -1, null, '가', '교육업', NAN],
];

const first = await withPool(1, (pool) => prepareFeatures(pool, customerTable(CUSTOMERS)));
const raw = CUSTOMERS.map((_, row) => rawFeatures(first.rows, first.rules, row));
const feature = (name: (typeof FEATURES)[number]): number[] =>
  raw.map((values) => Math.round(values[FEATURES.indexOf(name)] * 1e9) / 1e9);
const rounded = (values: number[]): number[] =>
  values.map((value) => Math.round(value * 1e9) / 1e9);

test('a missing position is the centre of the district, else of the sido, else the default', () => {
  const district = districtCentre('부산광역시 중구');
  const sido = sidoCentre(BUSAN);
  expect(feature('위도')).toEqual(
    rounded([37.1, district?.latitude ?? 0, sido?.latitude ?? 0, 37.5, 35, 35.5]),
  );
  expect(feature('경도')).toEqual(
    rounded([127.1, district?.longitude ?? 0, sido?.longitude ?? 0, 127, 129, 129.5]),
  );
  expect(first.filled).toMatchObject({
    positionByDistrict: 1,
    positionBySido: 1,
    positionByDefault: 1,
  });
});

test('codes are places among all names; missing and unseen ones have a code of their own, counted', () => {
  expect(feature('시도_encoded')).toEqual([SEOUL, BUSAN, BUSAN, 17, BUSAN, 17]);
  const labels = NAMED_DISTRICTS.map(({ sido, name }) => `${sido} ${name}`).toSorted();
  expect(feature('시군구_encoded')).toEqual([
    labels.indexOf('서울특별시 중구'),
    labels.indexOf('부산광역시 중구'),
    labels.length,
    labels.length,
    labels.length,
    labels.length,
  ]);
  expect(feature('업태_encoded')).toEqual([1, 1, 1, 3, 2, 0]); // 교육업 음식점업 제조업
  expect(first.filled.codes).toMatchObject({
    sido: { missing: 2, unseen: 0 },
    sigungu: { missing: 3, unseen: 1 },
    businessType: { missing: 1, unseen: 0 },
    large: { missing: 1, unseen: 0 },
  });
});

test('a missing area is the median of the business type, else of all', () => {
  const all = 60; // of 30, 60 and 5,000
  expect(first.rules.areas).toEqual({
    byType: [
      ['음식점업', 45],
      ['제조업', 5_000],
    ],
    all,
  });
  expect(feature('평균_면적_category')).toEqual(
    [30, 60, 45, all, 5_000, all].map((area) => areaClass(area)),
  );
  expect(first.filled).toMatchObject({ areaByType: 1, areaByAll: 2 });
});

test('four equal levels lie on one line, as far from the mean as their codes', () => {
  const codes = [1, 0, 3, 2, 2, 0]; // 가 나 다, and the reserved one
  const mean = codes.reduce((sum, code) => sum + code, 0) / codes.length;
  expect(feature('분류_PCA1')).toEqual(rounded(codes.map((code) => 2 * (code - mean))));
  for (const second of feature('분류_PCA2')) expect(second).toBeCloseTo(0, 9);
});

test('rows are scaled to mean 0 and deviation 1', () => {
  for (let d = 0; d < DIMS; d++) {
    const values = CUSTOMERS.map((_, row) => first.rows[row * DIMS + d]);
    expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 9);
    if (FEATURES[d] === '분류_PCA2') continue; // no more than rounding
    const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
    expect(variance).toBeCloseTo(1, 9);
  }
});

test('given rules make the same rows of the same customers, and of others lose no one', async () => {
  const again = await withPool(2, (pool) =>
    prepareFeatures(pool, customerTable(CUSTOMERS), first.rules),
  );
  expect(again.rows).toEqual(first.rows);
  const strangers: DescribedCustomer[] = [
    [NAN, NAN, SEOUL, '서울특별시 중구', '새로운', '새로운', NAN],
    CUSTOMERS[0],
  ];
  const other = await withPool(1, (pool) =>
    prepareFeatures(pool, customerTable(strangers), first.rules),
  );
  expect(other.rows.slice(DIMS)).toEqual(first.rows.slice(0, DIMS));
  expect(other.filled.codes.businessType).toEqual({ missing: 0, unseen: 1 });
  expect(rawFeatures(other.rows, first.rules, 0)[6]).toBeCloseTo(3, 9);
});
