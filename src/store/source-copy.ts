import {
  BUY_KINDS,
  SALE_CHANNELS,
  type ContractDetail,
  type Customer,
  type CustomerContract,
  type Purchase,
} from '../model/customer.ts';
import { CopyBuffer } from './copy-buffer.ts';

/** The tables of the two sources, and the columns in which `SourceRows` writes them. */
export const SOURCE_TABLES = {
  customers: {
    table: 'rodb.customers',
    columns:
      '고객코드 고객명 유형대 유형중 대표자명 우편번호 주소1 주소2 담당부서 업태 종목 사업자번호 성별 국적 신고객분류코드 등록일자 대분류 중분류 소분류 세분류 표준산업코드 위도 경도 건물규모'.split(
        ' ',
      ),
  },
  contracts: {
    table: 'rodb.contracts',
    columns:
      '고객코드 계약일련번호 계약유형 계약종류 계약일자 시작일자 종료일자 등록일자 수정일자 접수일자 접수순번 설치요청일자 해약여부 해약일자 해약일련번호 사용여부 계약특이사항'.split(
        ' ',
      ),
  },
  details: {
    table: 'rodb.contract_details',
    columns:
      '고객코드 계약일련번호 순번 계약대상 면적 "면적M" 외곽면적 옵션코드 사용여부 실적적용여부 계약대상_대분류명 계약대상_중분류명 계약대상_대분류코드 계약대상_중분류코드'.split(
        ' ',
      ),
  },
  purchases: {
    table: 'bidb.purchases',
    columns:
      'customer_code order_code order_sequence purchase_date purchase_month item_code item_name quantity buy_kind buy_kind_name sale_channel_code sale_channel_name sale_detail_code sale_detail_name user_id load_datetime'.split(
        ' ',
      ),
  },
} as const;

export const SOURCE_NAMES = ['customers', 'contracts', 'details', 'purchases'] as const;

export type SourceTable = (typeof SOURCE_NAMES)[number];

const WORDS_MAX = 20_000; // then the cache starts over
const OUTSIDE_SHARE = 0.12; // of the area, where a contract covers the outside too

/** Encodes customers as rows of a binary COPY into each of the four tables. */
export class SourceRows {
  readonly buffers: Readonly<Record<SourceTable, CopyBuffer>> = {
    customers: new CopyBuffer(1 << 20),
    contracts: new CopyBuffer(1 << 20),
    details: new CopyBuffer(1 << 20),
    purchases: new CopyBuffer(1 << 20),
  };
  readonly counts: Record<SourceTable, number> = {
    customers: 0,
    contracts: 0,
    details: 0,
    purchases: 0,
  };
  readonly #words = new Map<string, Uint8Array>();

  add(customer: Customer): void {
    this.#customer(customer);
    for (const contract of customer.contracts) {
      this.#contract(customer.code, contract);
      for (const [at, detail] of contract.details.entries())
        this.#detail(customer.code, contract, at + 1, detail);
    }
    for (const purchase of customer.purchases) this.#purchase(customer.code, purchase);
  }

  #customer(customer: Customer): void {
    const to = this.#row('customers');
    text(to, customer.code);
    text(to, customer.name);
    this.#word(to, customer.largeType);
    this.#word(to, customer.middleType);
    text(to, customer.owner);
    text(to, customer.postalCode);
    text(to, customer.address);
    this.#word(to, customer.addressRest);
    this.#word(to, customer.department);
    this.#word(to, customer.businessType);
    this.#word(to, customer.businessItem);
    text(to, customer.businessNumber);
    this.#word(to, customer.gender);
    this.#word(to, customer.nationality);
    this.#word(to, customer.newCustomerClass);
    this.#word(to, customer.registered);
    for (const level of customer.levels) this.#word(to, level);
    this.#word(to, customer.industryCode);
    number(to, customer.latitude);
    number(to, customer.longitude);
    number(to, customer.area);
  }

  #contract(code: string, contract: CustomerContract): void {
    const to = this.#row('contracts');
    const { cancelledOn } = contract;
    text(to, code);
    text(to, contract.serial);
    this.#word(to, contract.type);
    this.#word(to, contract.kind);
    this.#word(to, contract.signed);
    this.#word(to, contract.starts);
    this.#word(to, contract.ends);
    this.#word(to, contract.received); // entered the day it came in
    this.#word(to, cancelledOn ?? contract.received); // 수정일자
    this.#word(to, contract.received);
    to.int32(1);
    this.#word(to, contract.starts); // 설치요청일자
    this.#word(to, contract.cancelled);
    this.#word(to, cancelledOn);
    text(to, cancelledOn === null ? null : `X${contract.serial}`);
    this.#word(to, contract.cancelled === 'Y' ? 'N' : 'Y'); // 사용여부
    this.#word(to, contract.note);
  }

  #detail(code: string, contract: CustomerContract, place: number, detail: ContractDetail): void {
    const to = this.#row('details');
    const { item, area } = detail;
    text(to, code);
    text(to, contract.serial);
    to.int32(place);
    this.#word(to, item.name);
    number(to, area);
    number(to, area === null ? null : Math.round(area));
    number(to, area === null ? null : Math.round(area * OUTSIDE_SHARE));
    this.#word(to, detail.option);
    this.#word(to, contract.cancelled === 'Y' ? 'N' : 'Y');
    this.#word(to, 'Y');
    this.#word(to, item.large);
    this.#word(to, item.middle);
    this.#word(to, item.largeCode);
    this.#word(to, item.middleCode);
  }

  #purchase(code: string, purchase: Purchase): void {
    const to = this.#row('purchases');
    const [kind, kindName] = BUY_KINDS[purchase.kind];
    text(to, code);
    text(to, purchase.order);
    to.int32(purchase.line);
    this.#word(to, purchase.date);
    this.#word(to, purchase.date === null ? null : purchase.date.slice(0, 7));
    this.#word(to, purchase.itemCode);
    this.#word(to, purchase.itemName);
    number(to, purchase.quantity);
    this.#word(to, kind);
    this.#word(to, kindName);
    for (const part of SALE_CHANNELS[purchase.channel]) this.#word(to, part);
    text(to, `u${code.slice(3)}`);
    this.#word(to, purchase.date === null ? null : `${purchase.date} 23:50:00`);
  }

  #row(table: SourceTable): CopyBuffer {
    this.counts[table]++;
    const to = this.buffers[table];
    to.row(SOURCE_TABLES[table].columns.length);
    return to;
  }

  /** Text that comes again and again: encoded once. */
  #word(to: CopyBuffer, value: string | null): void {
    if (value === null) {
      to.null();
      return;
    }
    const known = this.#words.get(value) ?? this.#learn(value);
    const { length } = known;
    to.reserve(length);
    const { bytes, at } = to;
    for (let i = 0; i < length; i++) bytes[at + i] = known[i];
    to.at = at + length;
  }

  #learn(value: string): Uint8Array {
    const buffer = new CopyBuffer(4 + value.length * 3);
    buffer.text(value);
    const field = buffer.take();
    if (this.#words.size >= WORDS_MAX) this.#words.clear();
    this.#words.set(value, field);
    return field;
  }
}

/** Codes, numbers and the like are plain; what is not goes the slower way. */
function text(to: CopyBuffer, value: string | null): void {
  if (value === null) {
    to.null();
    return;
  }
  const { length } = value;
  to.reserve(4 + length);
  const { bytes } = to;
  let at = to.at + 4;
  for (let i = 0; i < length; i++) {
    const unit = value.charCodeAt(i);
    if (unit === 0 || unit > 0x7f) {
      to.text(value);
      return;
    }
    bytes[at++] = unit;
  }
  to.view.setInt32(to.at, length);
  to.at = at;
}

function number(to: CopyBuffer, value: number | null): void {
  if (value === null) to.null();
  else to.float64(value);
}
