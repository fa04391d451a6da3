import { expect, test } from 'bun:test';

import { INDUSTRIES } from '../model/industry.ts';
import {
  businessTypeFromKeywords,
  businessTypeFromLevels,
  industryName,
  industryOf,
  levelsOfIndustry,
  type IndustryFacts,
} from './industry.ts';

const LEVELS: [large: string | null, middle: string | null, type: string | null][] = [
  [null, '공장', null],
  ['요식업체', '공장', '음식점업'],
  ['요식업체', null, '음식점업'],
  ['가정집', '빌딩', '가정/주거'],
  ['일반사업체', '식품공장', '제조업'],
  ['일반사업체', '제조시설', '제조업'],
  ['일반사업체', '교육', '교육업'],
  ['일반사업체', '입시학원', '교육업'],
  ['일반사업체', '직업훈련', '교육업'],
  ['일반사업체', '의료', '보건업'],
  ['일반사업체', '동물병원', '보건업'],
  ['일반사업체', '보건소', '보건업'],
  ['일반사업체', '숙박', '숙박업'],
  ['일반사업체', '호텔', '숙박업'],
  ['일반사업체', '판매', '도소매'],
  ['일반사업체', '유통', '도소매'],
  ['일반사업체', '마트', '도소매'],
  ['일반사업체', '상가', '도소매'],
  ['일반사업체', '빌딩', '부동산업'],
  ['일반사업체', '부동산', '부동산업'],
  ['일반사업체', '복지시설', '서비스업'],
  ['일반사업체', '사회시설', '서비스업'],
  ['일반사업체', '창고', '운수/물류업'],
  ['일반사업체', '물류', '운수/물류업'],
  ['일반사업체', '서비스', '서비스업'],
  ['일반사업체', '사무실', '기타사업체'],
  ['일반사업체', null, '기타사업체'],
  ['일반사업체', '공장 교육', '제조업'], // the order of the rules
  ['일반사업체', '물류서비스', '운수/물류업'],
  ['공공기관', '교육', '기타'],
  ['', '교육', '기타'],
];

test.each(LEVELS)('%p with %p is %p', (large, middle, type) => {
  expect(businessTypeFromLevels(large, middle)).toBe(type);
});

// Table "업태 from keywords" of the original: every word, in its order.
const KEYWORDS: [words: string[], type: string][] = [
  [
    '음식점 한식 중식 일식 양식 분식 치킨 카페 커피 주점 식당 피자 햄버거 샌드위치 베이커리'.split(
      ' ',
    ),
    '음식점업',
  ],
  [
    [
      ...'소매 슈퍼마켓 편의점 마트 도매 빵류 과자류 육류 문구 화초 식물 주방용품 가전 의복 상품'.split(
        ' ',
      ),
      '종합 소매',
    ],
    '도소매',
  ],
  ['제조 생산 공장 제작 인쇄 제품'.split(' '), '제조업'],
  ['교육 학원 훈련'.split(' '), '교육업'],
  ['의원 병원 한의원 치과 약국 보건 의료 클리닉'.split(' '), '보건업'],
  ['숙박 호텔 모텔 펜션 욕탕업 찜질방'.split(' '), '숙박업'],
  ['서비스 미용 세탁 수리 청소 관리 경비 경호 인테리어 디자인 복지 사회'.split(' '), '서비스업'],
  ['부동산 임대 중개 대리 빌딩'.split(' '), '부동산업'],
  ['건설 건축 시공 토목'.split(' '), '건설업'],
  [['운수', '운송', '배송', '택배', '물류', '화물', '자동차 운송', '창고'], '운수/물류업'],
  ['영화관 극장 공연 오락 체육 레저'.split(' '), '문화/여가업'],
];

for (const [at, [words, type]] of KEYWORDS.entries()) {
  test(`any of ${words.length} words makes ${type}, before all groups behind it`, () => {
    for (const word of words) {
      expect(businessTypeFromKeywords(word)).toBe(type);
      for (const [later] of KEYWORDS.slice(at + 1))
        expect(businessTypeFromKeywords(`${later[0]} 및 ${word}업`)).toBe(type);
    }
  });
}

test('without a keyword it is 기타, without a name nothing', () => {
  expect(businessTypeFromKeywords('Unknown')).toBe('기타');
  expect(businessTypeFromKeywords('')).toBe('기타');
  expect(businessTypeFromKeywords(null)).toBeNull();
});

test('levels are looked for exactly before partially, and in 업태 before 종목', () => {
  const levels = (large: string) => ({ large, middle: 'm', small: 's', detail: 'd' });
  const types = new Map([
    ['가', levels('short')],
    ['음식', levels('type')],
    ['음식점', levels('longer')],
    ['일반 음식점업과 그 밖의 것', levels('contains')],
  ]);
  const items = new Map([
    ['한식', levels('item')],
    ['분식', levels('twin')],
    ['한식 음식점', levels('exact item')],
  ]);
  const large = (name: string): string | null => levelsOfIndustry(name, types, items).large;
  expect(large('음식')).toBe('type'); // exact in 업태
  expect(large('한식 음식점')).toBe('exact item'); // exact in 종목 beats partial in 업태
  expect(large('새 음식점업')).toBe('longer'); // the longest key
  expect(large('그 밖의')).toBe('contains'); // a name of 4 characters within a key
  expect(large('밖의')).toBeNull(); // 2 characters are too few
  expect(large('분식 한식')).toBe('item'); // equal scores: the earlier entry
  expect(large('가')).toBe('short'); // exact may be of any length
  expect(large('가나')).toBeNull(); // partial may not
  expect(large('Unknown')).toBeNull();
});

test('every industry class is found in its own dictionary, and its 업태 is one of the 14', () => {
  const names = new Map(INDUSTRIES.map(({ code, name }) => [code, name]));
  const types = new Set([...LEVELS, ...KEYWORDS].map((row) => row.at(-1)));
  expect(types.size).toBe(15); // 14 and null
  for (const { levels, code, name } of INDUSTRIES) {
    const [large, middle, small, detail] = levels;
    expect(types).toContain(businessTypeFromLevels(large, middle));
    if (code === '') continue;
    expect(code).toMatch(/^[A-U]\d{5}$/);
    expect(levelsOfIndustry(name)).toEqual({ large, middle, small, detail });
    expect(industryName(code, names)).toBe(name);
  }
  expect(industryName('X00000', names)).toBe('Unknown');
  expect(industryName(null, names)).toBeNull();
});

const NOTHING: IndustryFacts = {
  large: null,
  middle: null,
  small: null,
  detail: null,
  industryName: null,
  industryCode: null,
  businessType: null,
};

test('which branch runs depends on what is there', () => {
  const names = new Map([
    ['I56111', '한식 일반 음식점업'],
    ['F1', '토목 시공'],
    ['Z1', '가나다'],
  ]);
  const of = (facts: Partial<IndustryFacts>) => {
    const { large, middle, businessType } = industryOf({ ...NOTHING, ...facts }, names);
    return [large, middle, businessType];
  };
  // the customer's own 업태 is thrown away where there are levels
  expect(of({ large: '일반사업체', middle: '학원', businessType: '서비스업' })).toEqual([
    '일반사업체',
    '학원',
    '교육업',
  ]);
  // 업종명 goes before the levels that came along
  expect(of({ industryName: '커피 전문점', large: '가정집', middle: '아파트' })).toEqual([
    '요식업체',
    '카페',
    '음식점업',
  ]);
  expect(of({ industryCode: 'I56111' })).toEqual(['요식업체', '한식', '음식점업']);
  expect(of({ industryCode: 'F1' })).toEqual([null, null, '건설업']);
  expect(of({ industryCode: 'Z1' })).toEqual([null, null, '기타']);
  expect(of({ industryCode: 'none' })).toEqual([null, null, '기타']);
  expect(of({ large: '요식업체' })).toEqual(['요식업체', null, '음식점업']);
  expect(of({ businessType: '자유업' })).toEqual([null, null, '자유업']);
  expect(of({})).toEqual([null, null, null]);
});

test('shares add up to the whole', () => {
  expect(INDUSTRIES.reduce((sum, { share }) => sum + share, 0)).toBe(1_000);
});
