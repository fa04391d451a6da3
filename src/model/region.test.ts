import { expect, test } from 'bun:test';
import { REGION_WEIGHTS, REGIONS } from './region.ts';

function weightOf(...names: string[]): number {
  return REGIONS.filter(({ name }) => names.includes(name)).reduce(
    (all, row) => all + row.weight,
    0,
  );
}

test('the 17 regions have these weights, 100 in all', () => {
  expect(REGION_WEIGHTS).toEqual({
    경기도: 25,
    서울특별시: 18,
    부산광역시: 7,
    인천광역시: 6,
    대구광역시: 5,
    충청남도: 5,
    충청북도: 4,
    경상남도: 4,
    경상북도: 4,
    전라남도: 4,
    전북특별자치도: 4,
    강원특별자치도: 3,
    광주광역시: 3,
    대전광역시: 3,
    울산광역시: 2,
    제주특별자치도: 2,
    세종특별자치시: 1,
  });
  expect(REGIONS.map(({ name }) => name)).toEqual(Object.keys(REGION_WEIGHTS));
  expect(REGIONS).toHaveLength(17);
  expect(REGIONS.reduce((sum, region) => sum + region.weight, 0)).toBe(100);
});

test('regions of one former name add up to its weight', () => {
  expect(weightOf('세종특별자치시', '충청북도', '충청남도')).toBe(10);
  expect(weightOf('전북특별자치도', '전라남도')).toBe(8);
  expect(weightOf('경상북도', '경상남도')).toBe(8);
});
