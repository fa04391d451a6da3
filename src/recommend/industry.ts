import { INDUSTRIES } from '../model/industry.ts';

/**
 * From what a source knows of a customer's industry to its four levels and its 업태. The tables and
 * the order of the rules are the original's; the entries of its two dictionaries are not known, so
 * ours are made of the industries that we know.
 */
export type Levels = {
  large: string | null; // 대분류
  middle: string | null; // 중분류
  small: string | null; // 소분류
  detail: string | null; // 세분류
};

export type IndustryFacts = Levels & {
  industryName: string | null; // 업종명
  industryCode: string | null; // 표준산업코드
  businessType: string | null; // 업태 as registered
};

/** Levels and 업태 of a customer; `names` is the table of industry codes. */
export function industryOf(
  facts: IndustryFacts,
  names: ReadonlyMap<string, string>,
): Levels & { businessType: string | null } {
  const name = facts.industryName ?? industryName(facts.industryCode, names);
  if (facts.large !== null && facts.middle !== null && facts.industryName === null) {
    const { large, middle, small, detail } = facts;
    return { large, middle, small, detail, businessType: businessTypeFromLevels(large, middle) };
  }
  if (name !== null) {
    const levels = levelsOfIndustry(name);
    const businessType =
      businessTypeFromLevels(levels.large, levels.middle) ?? businessTypeFromKeywords(name);
    return { ...levels, businessType };
  }
  const { large, middle, small, detail } = facts;
  const businessType = large === null ? facts.businessType : businessTypeFromLevels(large, middle);
  return { large, middle, small, detail, businessType };
}

/** An unknown code is `Unknown`, which no dictionary has; no code at all is null. */
export function industryName(
  code: string | null,
  names: ReadonlyMap<string, string>,
): string | null {
  return code === null ? null : (names.get(code) ?? 'Unknown');
}

type Rule = readonly [words: readonly string[], type: string];

/** What 중분류 of a 일반사업체 contains; the first that holds. */
const BY_MIDDLE: readonly Rule[] = [
  [['공장', '제조'], '제조업'],
  [['교육', '학원', '훈련'], '교육업'],
  [['의료', '병원', '보건'], '보건업'],
  [['숙박', '호텔'], '숙박업'],
  [['판매', '유통', '마트', '상가'], '도소매'],
  [['빌딩', '부동산'], '부동산업'],
  [['복지', '사회'], '서비스업'],
  [['창고', '물류'], '운수/물류업'],
  [['서비스'], '서비스업'],
];

export function businessTypeFromLevels(large: string | null, middle: string | null): string | null {
  if (large === null) return null;
  if (large === '요식업체') return '음식점업';
  if (large === '가정집') return '가정/주거';
  if (large !== '일반사업체') return '기타';
  return firstHit(BY_MIDDLE, middle ?? '') ?? '기타사업체';
}

// oxfmt-ignore
const BY_KEYWORD: readonly Rule[] = [
  [['음식점', '한식', '중식', '일식', '양식', '분식', '치킨', '카페', '커피', '주점', '식당', '피자', '햄버거', '샌드위치', '베이커리'], '음식점업'],
  [['소매', '슈퍼마켓', '편의점', '마트', '도매', '종합 소매', '빵류', '과자류', '육류', '문구', '화초', '식물', '주방용품', '가전', '의복', '상품'], '도소매'],
  [['제조', '생산', '공장', '제작', '인쇄', '제품'], '제조업'],
  [['교육', '학원', '훈련'], '교육업'],
  [['의원', '병원', '한의원', '치과', '약국', '보건', '의료', '클리닉'], '보건업'],
  [['숙박', '호텔', '모텔', '펜션', '욕탕업', '찜질방'], '숙박업'],
  [['서비스', '미용', '세탁', '수리', '청소', '관리', '경비', '경호', '인테리어', '디자인', '복지', '사회'], '서비스업'],
  [['부동산', '임대', '중개', '대리', '빌딩'], '부동산업'],
  [['건설', '건축', '시공', '토목'], '건설업'],
  [['운수', '운송', '배송', '택배', '물류', '화물', '자동차 운송', '창고'], '운수/물류업'],
  [['영화관', '극장', '공연', '오락', '체육', '레저'], '문화/여가업'],
];

export function businessTypeFromKeywords(name: string | null): string | null {
  return name === null ? null : (firstHit(BY_KEYWORD, name) ?? '기타');
}

function firstHit(rules: readonly Rule[], text: string): string | undefined {
  return rules.find(([words]) => words.some((word) => text.includes(word)))?.[1];
}

export type Dictionary = ReadonlyMap<string, Levels>;

const NO_LEVELS: Levels = { large: null, middle: null, small: null, detail: null };
const PARTIAL_KEY_MIN = 2; // characters
const PARTIAL_NAME_MIN = 4;

/** What a registration calls a 업태, to the levels that most of those who say so have. */
const BUSINESS_TYPES: Dictionary = commonest(INDUSTRIES.map((one) => [[one.type], one] as const));

/** 종목 and the names of industry classes, to their levels. */
const ITEMS: Dictionary = commonest(INDUSTRIES.map((one) => [[one.name, one.item], one] as const));

/** The levels of an industry's name: exact before partial, 업태 before 종목. */
export function levelsOfIndustry(
  name: string,
  businessTypes: Dictionary = BUSINESS_TYPES,
  items: Dictionary = ITEMS,
): Levels {
  return (
    businessTypes.get(name) ??
    items.get(name) ??
    partial(name, businessTypes) ??
    partial(name, items) ??
    NO_LEVELS
  );
}

/** The longest overlap wins, the earlier entry among equals. */
function partial(name: string, dictionary: Dictionary): Levels | undefined {
  let best: Levels | undefined;
  let bestScore = 0;
  for (const [key, levels] of dictionary) {
    const score = overlap(name, key);
    if (score <= bestScore) continue;
    bestScore = score;
    best = levels;
  }
  return best;
}

function overlap(name: string, key: string): number {
  if (key.length < PARTIAL_KEY_MIN) return 0;
  if (name.includes(key)) return key.length;
  return name.length >= PARTIAL_NAME_MIN && key.includes(name) ? name.length : 0;
}

type Keyed = readonly [keys: readonly string[], industry: (typeof INDUSTRIES)[number]];

/** The industry with the largest share stands for a key of several. */
function commonest(entries: readonly Keyed[]): Dictionary {
  const dictionary = new Map<string, Levels>();
  for (const [keys, { levels }] of entries.toSorted(([, a], [, b]) => b.share - a.share)) {
    const [large, middle, small, detail] = levels;
    for (const key of keys) {
      if (key !== '' && !dictionary.has(key)) dictionary.set(key, { large, middle, small, detail });
    }
  }
  return dictionary;
}
