import type { ServiceItem } from '../model/customer.ts';

/**
 * What customers are called and what they take. The digits say how much each sector wants a thing, in
 * the order of SECTORS; 0 is never. `south`, `metro` and `large` multiply that for customers who
 * live south, in or around the capital, or on more than LARGE_AREA m².
 */
export const SECTORS = [
  'food',
  'home',
  'foodFactory',
  'factory',
  'school',
  'medical',
  'lodging',
  'retail',
  'building',
  'welfare',
  'logistics',
  'service',
  'office',
  'public',
] as const;

export type Sector = (typeof SECTORS)[number];

/** By 대분류, else by 중분류. */
export const SECTOR_OF: Readonly<Record<string, Sector>> = {
  요식업체: 'food',
  가정집: 'home',
  공공기관: 'public',
  식품제조공장: 'foodFactory',
  일반제조공장: 'factory',
  교육시설: 'school',
  학원: 'school',
  병원: 'medical',
  의료: 'medical',
  숙박: 'lodging',
  판매시설: 'retail',
  유통: 'retail',
  상가: 'building',
  빌딩: 'building',
  부동산: 'building',
  복지시설: 'welfare',
  창고: 'logistics',
  물류: 'logistics',
  생활서비스: 'service',
  사무실: 'office',
  문화시설: 'service',
};

export type Liking = { south?: number; metro?: number; large?: number };
export type Wanted<Thing> = { thing: Thing; wanted: readonly number[]; liking?: Liking };

type Row = readonly [name: string, wanted: string, liking?: Liking];
type Group = readonly [large: string, middle: string, rows: readonly Row[]];

// oxfmt-ignore
const SERVICE_GROUPS: readonly Group[] = [
  ['해충', '보행해충', [
    //              food home fFac fac sch med lod ret bld wel log svc off pub
    ['해충방제',         '95966787787446', { south: 1.2 }],
    ['쥐방제',           '51752245528113', { large: 1.6 }],
    ['흰개미방제',       '14001020200004', { south: 3 }],
    ['지네·노래기방제',  '12111031021003', { south: 2.5, metro: 0.3 }],
  ]],
  ['해충', '비래해충', [
    ['비래해충관리',     '60832135226101', { large: 1.5 }],
    ['저곡해충관리',     '00710001005000', { large: 1.5 }],
    ['조류퇴치',         '00231012606002', { large: 2.5, metro: 1.4 }],
    ['침구진드기관리',   '06000380050002'],
  ]],
  ['위생', '식품위생', [
    ['주방위생관리',     '80502143040001'],
    ['식품안전진단',     '40902234031001', { large: 1.5 }],
    ['이물관리',         '00840001002000', { large: 1.4 }],
    ['배수구관리',       '71301133110300'],
  ]],
  ['위생', '공간위생', [
    ['살균소독',         '31417952381425'],
    ['의무소독',         '10217883871206', { large: 2.5 }],
    ['손위생관리',       '41515932170322'],
    ['화장실위생관리',   '40113455631543', { metro: 1.3 }],
    ['에어컨세척',       '35014463240453', { south: 1.4 }],
  ]],
  ['환경', '공기', [
    ['공기질관리',       '13226853550564', { metro: 1.6, large: 1.4 }],
    ['공기청정기렌탈',   '16015642340573', { metro: 1.8, large: 0.6 }],
    ['향기관리',         '20000174300630', { metro: 1.5 }],
  ]],
  ['환경', '물', [
    ['정수기렌탈',       '47134443242584', { large: 0.7 }],
    ['비데렌탈',         '06001250220141', { metro: 1.3, large: 0.5 }],
    ['수질관리',         '11424541640313', { south: 1.3, large: 1.5 }],
    ['저수조청소',       '01125451941204', { large: 4 }],
  ]],
];

export const SERVICES: readonly Wanted<ServiceItem>[] = SERVICE_GROUPS.flatMap(
  ([large, middle, rows], group) => {
    const largeCode = `L${SERVICE_GROUPS.findIndex(([other]) => other === large) + 1}`;
    const middleCode = `M${group + 1}`;
    return rows.map(([name, wanted, liking]) => ({
      thing: { name, large, middle, largeCode, middleCode },
      wanted: digits(wanted),
      liking,
    }));
  },
);

// oxfmt-ignore
const PRODUCT_ROWS: readonly Row[] = [
  //                       food home fFac fac sch med lod ret bld wel log svc off pub
  ['바퀴 겔 베이트 30g',        '79222253412212', { south: 1.3 }],
  ['개미 베이트 6개입',         '38111132311123', { south: 1.2 }],
  ['살충 스프레이 500ml',       '57231135413324', { south: 1.3 }],
  ['연막 훈증제 3입',           '23420021103100'],
  ['포충등 램프 18W',           '60841135117100', { large: 1.5 }],
  ['포충등 끈끈이 시트 10매',   '70951136128100', { large: 1.5 }],
  ['쥐 끈끈이 대형 10매',       '52653235528122'],
  ['쥐 먹이상자 5개',           '20642123418011', { large: 2 }],
  ['좀벌레 트랩',               '04000020110210'],
  ['쌀벌레 방향제',             '25102003120000'],
  ['진드기 스프레이 300ml',     '08001380050102'],
  ['모기 리필 45일',            '18001151130214', { south: 1.8 }],
  ['하수구 트랩',               '44101042310310'],
  ['배수구 효소 세정제 4L',     '81301042120300'],
  ['주방 세제 18.75L',          '91603042040100'],
  ['과탄산 살균 세척제 5kg',    '61702132030300'],
  ['식기세척기 세제 20kg',      '80402163040000', { large: 1.8 }],
  ['식품용 알코올 소독제 4L',   '70914243031100'],
  ['칼도마 살균기',             '60501011020000'],
  ['위생 장갑 500매',           '81816734051300'],
  ['위생모 100매',              '51914101030000', { large: 1.4 }],
  ['조리용 마스크 50매',        '60713102030000'],
  ['손 소독제 5L',              '31417932262333', { large: 1.3 }],
  ['손 세정제 리필 1L',         '44426953362444'],
  ['핸드 타올 5,000매',         '30215854552354', { large: 1.5 }],
  ['페이퍼 롤 30롤',            '51214385663365'],
  ['표면 소독 티슈 100매',      '24117942170423'],
  ['의료용 소독제 1L',          '00100900070000'],
  ['세균 측정 키트',            '10704500020000', { large: 1.6 }],
  ['이물 검출 시트',            '00930000004000', { large: 1.6 }],
  ['에어 커튼 필터',            '10731113005000', { large: 1.5 }],
  ['공기청정기 필터 세트',      '16026642250573', { metro: 1.8 }],
  ['산업용 집진 필터',          '00390000005000', { large: 1.8 }],
  ['방향제 리필 300ml',         '22001185421742', { metro: 1.3 }],
  ['디퓨저 리필 1L',            '13000173310631', { metro: 1.6 }],
  ['변기 세정 블록 12개',       '34013275641444'],
  ['정수기 필터 1년분',         '36134443142585'],
  ['샤워기 필터 6개',           '07000060030101', { south: 1.4 }],
  ['저수조 살균제 10kg',        '00114440931104', { large: 3 }],
  ['바닥 왁스 18L',             '00217334821326', { large: 2 }],
  ['제습제 대형 20개',          '15121143235133', { south: 1.6 }],
  ['침구 항균 스프레이',        '05000490060001'],
  ['욕실 곰팡이 제거제',        '06000161240302', { south: 1.4 }],
  ['비둘기 방지 스파이크',      '00131012504012', { metro: 1.4, large: 2 }],
];

export type Product = { code: string; name: string };

export const PRODUCTS: readonly Wanted<Product>[] = PRODUCT_ROWS.map(
  ([name, wanted, liking], at) => ({
    thing: { code: `P${String(1_001 + at * 7)}`, name },
    wanted: digits(wanted),
    liking,
  }),
);

function digits(text: string): number[] {
  const numbers = Array.from(text, Number);
  if (numbers.length !== SECTORS.length) throw new Error(`${text} is not of ${SECTORS.length}`);
  return numbers;
}

// oxfmt-ignore
export const NAME_WORDS = [
  '행복', '바다', '청춘', '하늘', '은혜', '우리', '한마음', '푸른', '새벽', '햇살', '솔향', '미소', '다온', '가온',
  '누리', '아름', '한결', '소망', '대성', '동방', '삼일', '중앙', '제일', '현대식', '고려', '백두', '한라', '금강',
  '설악', '태평', '신세대', '으뜸', '참좋은', '정다운', '옛날', '시골', '고향', '오늘', '봄날', '여름', '가을', '겨울',
  '달빛', '별빛', '은하', '초록', '황금', '보람', '나래', '두레', '한솔', '진미', '풍년', '만나', '청정', '해오름',
  '온누리', '큰손', '작은', '골목', '언덕', '강변', '호수', '숲속', '산들', '미르', '라온', '도담', '예담', '서울식',
] as const;

export const ROAD_WORDS = [
  '중앙',
  '시청',
  '역전',
  '강변',
  '산단',
  '공원',
  '대학',
  '문화',
  '평화',
  '번영',
  '충무',
  '세종',
  '테헤란',
  '한빛',
  '봉화',
  '은행',
  '장미',
  '새싹',
  '호수',
  '온천',
  '학동',
  '신평',
  '교동',
  '남산',
] as const;
