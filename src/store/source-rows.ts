import type { Client } from './client.ts';
import { RowStream } from './copy-out.ts';
import type { JsonKey } from './json-copy.ts';

/**
 * The sources read in order of customer codes (by code point), each in one COPY: the server joins
 * contracts and their details along their keys, and never sorts where the keys are indexed so.
 */
const C = 'collate "C"'; // whatever the source's own

type Column = readonly [...JsonKey, column?: string];

/** Keys of `user_information`; the last three are ours, the others the original's. */
// oxfmt-ignore
const USER: readonly Column[] = [
  ['고객코드', 'text'], ['고객명', 'text'], ['유형대', 'text'], ['유형중', 'text'], ['대표자명', 'text'],
  ['우편번호', 'text'], ['주소1', 'text'], ['주소2', 'text'], ['담당부서', 'text'], ['업태', 'text'],
  ['종목', 'text'], ['사업자번호', 'text'], ['성별', 'text'], ['국적', 'text'], ['신고객분류코드', 'text'],
  ['등록일자', 'text'], ['위도', 'float'], ['경도', 'float'], ['건물규모', 'float'],
];

/** Keys of an entry of `contract_info`. */
// oxfmt-ignore
const CONTRACT: readonly Column[] = [
  ['계약일련번호', 'text', 'm.계약일련번호'], ['순번', 'integer'], ['계약대상', 'text'], ['계약유형', 'text'],
  ['계약종류', 'text'], ['계약일자', 'text'], ['시작일자', 'text'], ['종료일자', 'text'], ['등록일자', 'text'],
  ['수정일자', 'text'], ['접수일자', 'text'], ['접수순번', 'integer'], ['설치요청일자', 'text'],
  ['해약여부', 'text'], ['해약일자', 'text'], ['해약일련번호', 'text'], ['면적', 'float'],
  ['면적M', 'float', '"면적M"'], ['외곽면적', 'float'], ['옵션코드', 'text'], ['사용여부', 'text', 'm.사용여부'],
  ['계약상세_사용여부', 'text', 'd.사용여부'], ['실적적용여부', 'text'], ['계약특이사항', 'text'],
  ['계약대상_대분류명', 'text'], ['계약대상_중분류명', 'text'], ['계약대상_대분류코드', 'text'],
  ['계약대상_중분류코드', 'text'],
];

/** Keys of an entry of `purchase_logs`. */
// oxfmt-ignore
const PURCHASE: readonly Column[] = [
  ['order_code', 'text'], ['order_sequence', 'integer'], ['purchase_date', 'text'],
  ['purchase_month', 'text'], ['item_code', 'text'], ['item_name', 'text'], ['quantity', 'float'],
  ['buy_kind', 'text'], ['buy_kind_name', 'text'], ['sale_channel_code', 'text'],
  ['sale_channel_name', 'text'], ['sale_detail_code', 'text'], ['sale_detail_name', 'text'],
  ['user_id', 'text'], ['load_datetime', 'text'],
];

const keysOf = (columns: readonly Column[]): JsonKey[] => columns.map(([key, kind]) => [key, kind]);

export const USER_KEYS = keysOf(USER);
export const CONTRACT_KEYS = keysOf(CONTRACT);
export const PURCHASE_KEYS = keysOf(PURCHASE);

/** Columns of customers that are no part of the JSON; they follow its fields in a row. */
const USER_EXTRA = ['대분류', '중분류', '소분류', '세분류', '표준산업코드'] as const;

/** Where a column is in a row of customers. */
export const USER_FIELD = fieldsOf([...USER.map(([key]) => key), ...USER_EXTRA]);

/** Where a column is in a row of contracts or purchases: the customer's code stands before the JSON. */
export const CONTRACT_FIELD = fieldsOf(['고객코드', ...CONTRACT.map(([key]) => key)]);
export const PURCHASE_FIELD = fieldsOf(['customer_code', ...PURCHASE.map(([key]) => key)]);

/** All customers after a code, or all. */
export async function readCustomers(client: Client, after: string | null): Promise<RowStream> {
  const columns = [...USER.map(([key]) => key), ...USER_EXTRA];
  await preferIndexes(client);
  return new RowStream(
    client,
    `select ${columns.join(', ')} from rodb.customers where ${beyond(client, '고객코드', after)}
     order by 고객코드 ${C}`,
    columns.length,
    'reading customers',
  );
}

/** Their contracts, a row for each detail; a contract without details is a row too. */
export async function readContracts(client: Client, after: string | null): Promise<RowStream> {
  await preferIndexes(client);
  return new RowStream(
    client,
    `select m.고객코드, ${CONTRACT.map(([key, , column]) => column ?? key).join(', ')}
     from rodb.contracts m
     left join rodb.contract_details d
       on d.고객코드 ${C} = m.고객코드 ${C} and d.계약일련번호 ${C} = m.계약일련번호 ${C}
       and ${beyond(client, 'd.고객코드', after)}
     where ${beyond(client, 'm.고객코드', after)}
     order by m.고객코드 ${C}, m.계약일련번호 ${C}, d.순번`,
    CONTRACT.length + 1,
    'reading contracts',
  );
}

export async function readPurchases(client: Client, after: string | null): Promise<RowStream> {
  await preferIndexes(client);
  return new RowStream(
    client,
    `select customer_code, ${PURCHASE.map(([key]) => key).join(', ')} from bidb.purchases
     where ${beyond(client, 'customer_code', after)}
     order by customer_code ${C}, order_code ${C}, order_sequence`,
    PURCHASE.length + 1,
    'reading purchases',
  );
}

/** COPY takes no parameters, so the code is quoted by the client's own rules. */
function beyond(client: Client, column: string, after: string | null): string {
  return after === null ? 'true' : `${column} ${C} > ${client.escapeLiteral(after)}`;
}

/**
 * Rows lie in the order of their keys, or nearly; sorting millions would wait for the last one. Where
 * keys of another collation have to be sorted, loops in loops would not end.
 */
async function preferIndexes(client: Client): Promise<void> {
  await client.query(
    'set enable_sort = off; set enable_hashjoin = off; set enable_nestloop = off; set enable_seqscan = off; set enable_bitmapscan = off',
  );
}

function fieldsOf<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every key is entered
  return Object.fromEntries(keys.map((key, at) => [key, at])) as Record<Key, number>;
}
