import { expect, test } from 'bun:test';

import { DISTRICTS, districtLabel } from '../model/district.ts';
import { REGIONS } from '../model/region.ts';
import { extractSido, extractSigungu, findPlace } from './address.ts';
import {
  districtCentre,
  NAMED_DISTRICTS,
  sidoCentre,
  SIDO_NAMES,
  sidoNumber,
} from './districts.ts';

// The accepted prefixes of the original, cell by cell.
const PREFIXES: [canonical: string, prefixes: string][] = [
  ['서울특별시', '서울특별시 서울'],
  ['부산광역시', '부산광역시 부산'],
  ['대구광역시', '대구광역시 대구'],
  ['인천광역시', '인천광역시 인천'],
  ['광주광역시', '광주광역시 광주'],
  ['대전광역시', '대전광역시 대전'],
  ['울산광역시', '울산광역시 울산'],
  ['세종특별자치시', '세종특별자치시 세종'],
  ['경기도', '경기도 경기'],
  ['강원특별자치도', '강원도 강원특별자치도 강원'],
  ['충청북도', '충청북도 충북'],
  ['충청남도', '충청남도 충남'],
  ['전북특별자치도', '전라북도 전북 전북특별자치도'],
  ['전라남도', '전라남도 전남'],
  ['경상북도', '경상북도 경북'],
  ['경상남도', '경상남도 경남'],
  ['제주특별자치도', '제주특별자치도 제주'],
];

for (const [canonical, prefixes] of PREFIXES) {
  test(`${prefixes} are ${canonical}, in both readings`, () => {
    for (const prefix of prefixes.split(' ')) {
      for (const parity of [true, false]) {
        expect(extractSido(prefix, { parity })).toBe(canonical);
        expect(extractSido(` ${prefix} 어딘가 1`, { parity })).toBe(canonical);
      }
    }
  });
}

// original, ours: null where there is none
const ADDRESSES: [string, [string | null, string | null], [string | null, string | null]][] = [
  ['서울특별시 강남구 테헤란로 1', ['서울특별시', '강남구'], ['서울특별시', '강남구']],
  ['서울 강남구 테헤란로 1', ['서울특별시', '서울'], ['서울특별시', '강남구']],
  ['서울시 강남구 테헤란로 1', ['서울특별시', '서울시'], ['서울특별시', '강남구']],
  ['강원도 춘천시 중앙로 1', ['강원특별자치도', '강원도'], ['강원특별자치도', '춘천시']],
  ['전라북도 군산시 1', ['전북특별자치도', '전라북도'], ['전북특별자치도', '군산시']],
  ['제주도 제주시 연동 1', ['제주특별자치도', '제주도'], ['제주특별자치도', '제주시']],
  ['세종특별자치시 한누리대로 1', ['세종특별자치시', '한누리대로'], ['세종특별자치시', null]],
  ['세종시 조치원읍 1', ['세종특별자치시', '세종시'], ['세종특별자치시', null]],
  ['경기도 수원시 장안구 1', ['경기도', '수원시'], ['경기도', '수원시 장안구']],
  ['경기 수원시 정조로 1', ['경기도', '경기'], ['경기도', null]],
  ['경기도 부천시 원미구 길주로 1', ['경기도', '부천시'], ['경기도', '부천시']],
  ['강남구 역삼동 1', [null, '강남구'], ['서울특별시', '강남구']],
  ['중구 을지로 1', [null, '중구'], [null, null]],
  ['수원시 팔달구 1', [null, '수원시'], ['경기도', '수원시 팔달구']],
  ['서울특별시', ['서울특별시', null], ['서울특별시', null]],
  ['06236 서울 강남구 1', [null, '06236'], ['서울특별시', '강남구']],
  ['(135-080) 부산시 중구 1', [null, ''], ['부산광역시', '중구']],
  ['[48058]부산 해운대구 1', [null, '[48058]부산'], ['부산광역시', '해운대구']],
  ['서울특별시 중구(명동) 1', ['서울특별시', '중구'], ['서울특별시', '중구']],
  ['서울특별시 (중구) 1', ['서울특별시', ''], ['서울특별시', '중구']],
  ['서울강남구 역삼동', ['서울특별시', '서울강남구'], ['서울특별시', '강남구']],
  ['경기도수원시 장안구 1', ['경기도', '수원시'], ['경기도', '수원시 장안구']],
  ['광주시 오포읍 1', ['광주광역시', '광주시'], ['경기도', '광주시']],
  ['광주시 북구 용봉로 1', ['광주광역시', '광주시'], ['광주광역시', '북구']],
  ['경기도 광주시 오포로 1', ['경기도', '광주시'], ['경기도', '광주시']],
  ['인천 남구 1', ['인천광역시', '인천'], ['인천광역시', '미추홀구']],
  ['경상북도 군위군 1', ['경상북도', '군위군'], ['대구광역시', '군위군']],
  ['경기장로 12', ['경기도', '경기장로'], [null, null]],
  ['서울특별시 없는구 1', ['서울특별시', '없는구'], ['서울특별시', null]],
  ['', [null, null], [null, null]],
  ['   ', [null, null], [null, null]],
  ['주소불명', [null, '주소불명'], [null, null]],
];

test.each(ADDRESSES)('%p: %p as it was, %p as it is', (address, original, ours) => {
  const read = (parity: boolean): (string | null)[] => [
    extractSido(address, { parity }),
    extractSigungu(address, { parity }),
  ];
  expect(read(true)).toEqual(original);
  expect(read(false)).toEqual(ours);
});

test('no address is nowhere', () => {
  for (const parity of [true, false]) {
    expect(extractSido(null, { parity })).toBeNull();
    expect(extractSigungu(null, { parity })).toBeNull();
  }
});

test('every one of the 250 districts is found below every spelling of its sido', () => {
  for (const { sido, name } of DISTRICTS) {
    const spellings = PREFIXES.find(([canonical]) => canonical === sido)?.[1].split(' ') ?? [];
    for (const spelling of spellings)
      expect(findPlace(`${spelling} ${name} 큰길로 1`)).toEqual({ sido, sigungu: name || null });
  }
});

test('there are 250 districts in 17 sido, each once, with its centre in the country', () => {
  expect(DISTRICTS).toHaveLength(250);
  expect(NAMED_DISTRICTS).toHaveLength(249);
  expect(new Set(DISTRICTS.map(districtLabel)).size).toBe(250);
  expect(new Set(DISTRICTS.map(({ sido }) => sido))).toEqual(
    new Set(REGIONS.map(({ name }) => name)),
  );
  for (const { latitude, longitude, people } of DISTRICTS) {
    expect(latitude > 33 && latitude < 38.7).toBe(true);
    expect(longitude > 126 && longitude < 131).toBe(true);
    expect(people).toBeGreaterThan(8);
  }
  const people = DISTRICTS.reduce((sum, district) => sum + district.people, 0);
  expect(people).toBeGreaterThan(50_000);
  expect(people).toBeLessThan(53_000);
});

test('a sido is its place by code point, and has a centre among its districts', () => {
  expect(SIDO_NAMES).toEqual(
    SIDO_NAMES.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  );
  expect(SIDO_NAMES[0]).toBe('강원특별자치도');
  expect(sidoNumber('강원특별자치도')).toBe(0);
  expect(sidoNumber('경성')).toBe(-1);
  expect(sidoNumber(null)).toBe(-1);
  for (const number of SIDO_NAMES.keys()) expect(sidoCentre(number)).toBeDefined();
  expect(sidoCentre(-1)).toBeUndefined();
  expect(districtCentre('부산광역시 중구')).not.toEqual(districtCentre('서울특별시 중구'));
  expect(districtCentre('중구')).toBeUndefined();
});
