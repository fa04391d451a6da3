/** A customer as the two source systems hold him. Dates are text there, and may be none. */
export type Customer = {
  code: string;
  name: string | null;
  owner: string; // 대표자명
  postalCode: string;
  address: string | null; // 주소1
  addressRest: string; // 주소2
  department: string; // 담당부서
  largeType: string | null; // 유형대
  middleType: string | null; // 유형중
  businessType: string | null; // 업태 as registered
  businessItem: string | null; // 종목
  businessNumber: string | null; // 사업자번호
  gender: string | null;
  nationality: string | null;
  newCustomerClass: string; // 신고객분류코드
  registered: string | null; // 등록일자
  levels: readonly [string | null, string | null, string | null, string | null];
  industryCode: string | null; // 표준산업코드
  latitude: number | null;
  longitude: number | null;
  area: number | null; // 건물규모, m²
  contracts: CustomerContract[];
  purchases: Purchase[];
};

/** A row of the contract master with its details. */
export type CustomerContract = {
  serial: string; // 계약일련번호
  type: string; // 계약유형
  kind: string; // 계약종류
  signed: string | null; // 계약일자
  starts: string | null;
  ends: string | null;
  received: string | null; // 접수일자
  cancelled: string; // 해약여부, Y or N
  cancelledOn: string | null;
  note: string | null;
  details: ContractDetail[];
};

export type ContractDetail = { item: ServiceItem; area: number | null; option: string };

/** What a contract is about (계약대상), and the classes of it. */
export type ServiceItem = {
  name: string;
  large: string;
  middle: string;
  largeCode: string;
  middleCode: string;
};

export type Purchase = {
  order: string;
  line: number; // counts from 1
  date: string | null;
  itemCode: string;
  itemName: string;
  quantity: number;
  kind: number; // place in BUY_KINDS
  channel: number; // place in SALE_CHANNELS
};

type Coded = readonly [code: string, name: string];

export const BUY_KINDS: readonly Coded[] = [
  ['10', '일반구매'],
  ['20', '정기배송'],
  ['30', '서비스연계'],
];

export const SALE_CHANNELS: readonly (readonly [...Coded, ...Coded])[] = [
  ['A', '온라인몰', 'A1', '자사몰'],
  ['A', '온라인몰', 'A2', '오픈마켓'],
  ['B', '방문판매', 'B1', '담당기사'],
  ['C', '전화주문', 'C1', '고객센터'],
  ['D', '영업', 'D1', '법인영업'],
];
