export type Region = { name: string; weight: number };

/** Where customers live: the 17 provinces and cities of the first level. Weights add up to 100. */
export const REGIONS: readonly Region[] = [
  { name: '서울특별시', weight: 18 },
  { name: '부산광역시', weight: 7 },
  { name: '대구광역시', weight: 5 },
  { name: '인천광역시', weight: 6 },
  { name: '광주광역시', weight: 3 },
  { name: '대전광역시', weight: 3 },
  { name: '울산광역시', weight: 2 },
  { name: '세종특별자치시', weight: 1 },
  { name: '경기도', weight: 25 },
  { name: '강원특별자치도', weight: 3 },
  { name: '충청북도', weight: 4 },
  { name: '충청남도', weight: 5 },
  { name: '전북특별자치도', weight: 4 },
  { name: '전라남도', weight: 4 },
  { name: '경상북도', weight: 4 },
  { name: '경상남도', weight: 4 },
  { name: '제주특별자치도', weight: 2 },
];

/** By name; what can be set of each. */
export const REGION_WEIGHTS: Readonly<Record<string, number>> = Object.fromEntries(
  REGIONS.map(({ name, weight }) => [name, weight]),
);
