import type { Client } from '../store/client.ts';

/** What no generator should have to make up: every way a row may be odd; of 3,000 customers. */
export const ODD_SOURCES = `
  update rodb.customers set 고객명 = null, 주소1 = null, 업태 = null, 등록일자 = null, 우편번호 = null where 고객코드 = 'CUS00000005';
  update rodb.customers set 위도 = 'NaN', 경도 = 'NaN', 건물규모 = 'NaN' where 고객코드 = 'CUS00000006';
  update rodb.customers set 위도 = 'Infinity', 경도 = '-Infinity', 건물규모 = -1e-7 where 고객코드 = 'CUS00000007';
  update rodb.customers set 고객명 = E'따옴표 " 역사선 \\\\ 탭\\t줄\\n\\x01\\x1f😀 {"a":1}', 주소2 = '' where 고객코드 = 'CUS00000008';
  update rodb.customers set 대분류 = null, 중분류 = null where 고객코드 = 'CUS00000009';
  update rodb.customers set 대분류 = '', 중분류 = '', 소분류 = '', 세분류 = '', 표준산업코드 = null, 업태 = '자유업' where 고객코드 = 'CUS00000010';
  update rodb.customers set 대분류 = null, 중분류 = null, 소분류 = null, 세분류 = null, 표준산업코드 = 'X99999' where 고객코드 = 'CUS00000011';
  update rodb.customers set 건물규모 = 1e21, 위도 = 1e300, 경도 = 0.1 where 고객코드 = 'CUS00000012';
  update rodb.customers set 고객명 = repeat('긴이름', 80), 주소1 = repeat('가나다 ', 4000) where 고객코드 = 'CUS00000013';
  update rodb.customers set 등록일자 = '2026-01-01' where 고객코드 in ('CUS00000014', 'CUS00000100', 'CUS00003000');
  delete from rodb.contracts where 고객코드 in ('CUS00000015', 'CUS00000016');
  delete from bidb.purchases where customer_code = 'CUS00000016';
  delete from rodb.contract_details where 고객코드 = 'CUS00000017';
  delete from rodb.customers where 고객코드 in ('CUS00000001', 'CUS00000018', 'CUS00002999');
  update rodb.contracts set 계약일자 = '2026-01-02' where 고객코드 = 'CUS00000019';
  update rodb.contracts set 시작일자 = '미상', 종료일자 = '2024-02-30', 계약일자 = '', 접수순번 = null where 고객코드 = 'CUS00000020';
  update rodb.contracts set 해약여부 = 'true', 해약일자 = null, 종료일자 = null where 고객코드 = 'CUS00000021';
  update rodb.contracts set 해약여부 = null, 해약일자 = null, 종료일자 = null, 계약특이사항 = E'"\\\\' where 고객코드 = 'CUS00000022';
  update rodb.contract_details set 계약대상 = null, 면적 = 'NaN' where 고객코드 = 'CUS00000023';
  update rodb.contract_details set 계약대상 = '', "면적M" = null where 고객코드 = 'CUS00000024';
  update bidb.purchases set purchase_date = '20251301', quantity = 'NaN' where customer_code = 'CUS00000002' or customer_code = 'CUS00000003';
  update bidb.purchases set item_name = null where customer_code = 'CUS00000004';
  update bidb.purchases set item_name = '', purchase_date = '2026-01-01' where customer_code = 'CUS00000008' and order_sequence = 1;
  insert into rodb.customers (고객코드) values ('A'), ('CUS000000021'), ('가나다'), ('ZZZ😀');
  insert into rodb.contracts (고객코드, 계약일련번호, 시작일자) values ('가나다', '1', '2020-01-01'), ('ZZZ😀', '1', '2025-12-31'), ('없는고객', '9', '2020-01-01');
  insert into rodb.contract_details (고객코드, 계약일련번호, 순번, 계약대상, 면적) values
    ('가나다', '1', 10, '해충방제', 33.3), ('가나다', '1', 9, '공기질관리', 44.4), ('ZZZ😀', '1', 1, '해충방제', 0);
  insert into bidb.purchases (customer_code, order_code, order_sequence, item_name) values
    ('가나다', '1', 1, '😀'), ('가나다', '1', 2, '힣'), ('가나다', '2', 1, '😀'), ('0', '1', 1, 'x'), ('힣', '1', 1, 'x');
`;

/** The most frequent five of some values, by their count, then by name. */
const topFive = (values: string): string => `(
  select coalesce(jsonb_agg(value), '[]') from (
    select value from member cross join lateral (${values}) one (value)
    where user_cluster = c.user_cluster and value <> ''
    group by 1 order by count(*) desc, value collate "C" limit 5) five)`;

const lengths = (array: string): string => `(
  select jsonb_object_agg(length, customers) from (
    select jsonb_array_length(${array}) as length, count(*) as customers from member
    where user_cluster = c.user_cluster group by 1) counted)`;

/** Profiles of clusters by the JSON of the features, in the columns of PROFILES_STORED. */
export const PROFILES_IN_SQL = `
  with member as (
    select * from analytics.user_recommendation
    join source.user_monthly_features using (ccod, snapshot_month)
  )
  select user_cluster, count(distinct ccod)::int, round(avg(jsonb_array_length(contract_info)), 9),
    round(avg(jsonb_array_length(purchase_logs)), 9),
    ${topFive(`select entry ->> '계약대상' from jsonb_array_elements(contract_info) entry`)},
    ${topFive(`select entry ->> 'item_name' from jsonb_array_elements(purchase_logs) entry`)},
    ${topFive(`select user_information ->> '업태'`)},
    ${topFive(`select contract_info -> 0 ->> '계약대상'`)},
    ${lengths('contract_info')}, ${lengths('purchase_logs')}
  from member c group by 1`;

export const PROFILES_STORED = `
  select cluster_id, cluster_size, round(avg_contracts_num::numeric, 9),
    round(avg_purchase_num::numeric, 9), top_contracts, top_purchases, top_business_type,
    top_first_contract_code, contracts_distribution, purchase_distribution
  from analytics.cluster_profile`;

/** Does `work` with the URL of a login that may do what the batch role may, and no more. */
export async function withBatchLogin(
  client: Client,
  url: string,
  name: string,
  work: (url: string, login: string) => Promise<void>,
): Promise<void> {
  const login = `${name}_login_${process.pid}`;
  await client.query(
    `create role ${login} login password '${login}'; grant millrace_batch to ${login}`,
  );
  try {
    const as = new URL(url);
    as.username = login;
    as.password = login;
    await work(as.href, login);
  } finally {
    await client.query(`drop owned by ${login}; drop role ${login}`);
  }
}
