-- The recommender: two source systems, the month they are ingested into, and what comes of it.
-- Column names are the ones of the systems replaced; codes are compared by code point everywhere.

create schema rodb; -- customers and contracts
create schema bidb; -- purchases
create schema source; -- months as ingested
create schema analytics; -- recommendations and the ledger of their runs

-- Dates are text, since a source may hold dates that are none; numbers may be NaN.
create table rodb.customers (
  고객코드       varchar(50) collate "C" primary key,
  고객명         varchar(255),
  유형대         text,
  유형중         text,
  대표자명       text,
  우편번호       text,
  주소1          text,
  주소2          text,
  담당부서       text,
  업태           text, -- as registered; the recommender derives its own
  종목           text,
  사업자번호     text,
  성별           text,
  국적           text,
  신고객분류코드 text,
  등록일자       text,
  대분류         text,
  중분류         text,
  소분류         text,
  세분류         text,
  표준산업코드   text, -- KSIC revision 10, with its section letter
  위도           double precision,
  경도           double precision,
  건물규모       double precision -- m²
);

create table rodb.contracts (
  고객코드     varchar(50) collate "C" not null,
  계약일련번호 varchar(20) collate "C" not null,
  계약유형     text,
  계약종류     text,
  계약일자     text,
  시작일자     text,
  종료일자     text, -- 9999-12-31: open
  등록일자     text,
  수정일자     text,
  접수일자     text,
  접수순번     integer,
  설치요청일자 text,
  해약여부     text, -- Y or N
  해약일자     text,
  해약일련번호 text,
  사용여부     text,
  계약특이사항 text,
  primary key (고객코드, 계약일련번호)
);

create table rodb.contract_details (
  고객코드            varchar(50) collate "C" not null,
  계약일련번호        varchar(20) collate "C" not null,
  순번                integer not null,
  계약대상            varchar(255),
  면적                double precision, -- m²
  "면적M"             double precision, -- m², whole
  외곽면적            double precision, -- m²
  옵션코드            text,
  사용여부            text,
  실적적용여부        text,
  계약대상_대분류명   text,
  계약대상_중분류명   text,
  계약대상_대분류코드 text,
  계약대상_중분류코드 text,
  primary key (고객코드, 계약일련번호, 순번)
);

create table bidb.purchases (
  customer_code     varchar(50) collate "C" not null,
  order_code        varchar(30) collate "C" not null,
  order_sequence    integer not null,
  purchase_date     text,
  purchase_month    text,
  item_code         text,
  item_name         varchar(255),
  quantity          double precision,
  buy_kind          text,
  buy_kind_name     text,
  sale_channel_code text,
  sale_channel_name text,
  sale_detail_code  text,
  sale_detail_name  text,
  user_id           text,
  load_datetime     text,
  primary key (customer_code, order_code, order_sequence)
);

create table source.industry_codes (
  code text primary key,
  name text not null
);

create table source.user_monthly_features (
  snapshot_id         bigserial,
  ccod                varchar(50) collate "C",
  snapshot_month      date not null,
  user_information    jsonb,
  contract_info       jsonb,
  purchase_logs       jsonb,
  interaction_history jsonb,
  primary key (snapshot_id, snapshot_month),
  unique (ccod, snapshot_month)
) partition by range (snapshot_month);

-- What the maths and the Top-3 need of a month's active customers: some hundred bytes each, where
-- the features are kilobytes of JSON. Written with them, in the same transaction.
create table source.customer_vector (
  snapshot_month date not null,
  ccod           varchar(50) collate "C" not null,
  name           text,
  latitude       double precision,
  longitude      double precision,
  sido           smallint not null, -- place among the 17 names by code point; -1 unknown
  sigungu        text, -- with its sido, since several have a 중구
  large          text, -- 대분류
  middle         text, -- 중분류
  small          text, -- 소분류
  detail         text, -- 세분류
  business_type  text, -- 업태, derived
  area           double precision, -- m²
  contracts      text[] not null, -- distinct 계약대상 of active contracts, by code point
  products       text[] not null, -- distinct item_name, by code point
  primary key (ccod, snapshot_month)
) partition by range (snapshot_month);

create table analytics.user_recommendation (
  id                    bigserial,
  created_at            timestamptz not null default now(),
  ccod                  varchar(50) collate "C" not null,
  snapshot_month        date not null,
  rec_contract_1        varchar(255),
  rec_contract_1_reason text,
  rec_contract_2        varchar(255),
  rec_contract_2_reason text,
  rec_contract_3        varchar(255),
  rec_contract_3_reason text,
  rec_product_1         varchar(255),
  rec_product_1_reason  text,
  rec_product_2         varchar(255),
  rec_product_2_reason  text,
  rec_product_3         varchar(255),
  rec_product_3_reason  text,
  user_cluster          integer,
  cluster_similarity    double precision,
  sim_ccod              varchar(50) collate "C",
  sim_user_name         varchar(255),
  sim_user_contracts    jsonb,
  sim_user_products     jsonb,
  primary key (id, snapshot_month),
  unique (ccod, snapshot_month)
) partition by range (snapshot_month);

create table analytics.cluster_profile (
  id                      bigserial,
  snapshot_month          date not null,
  created_at              timestamptz not null default now(),
  cluster_id              integer,
  cluster_size            integer,
  avg_contracts_num       double precision,
  avg_purchase_num        double precision,
  top_contracts           jsonb,
  top_purchases           jsonb,
  top_business_type       jsonb,
  top_first_contract_code jsonb,
  contracts_distribution  jsonb,
  purchase_distribution   jsonb,
  primary key (id, snapshot_month),
  unique (cluster_id, snapshot_month)
) partition by range (snapshot_month);

-- The ledger: one row a phase's run, one a chunk of it, written in the chunk's own transaction.
create table analytics.recommend_runs (
  run_id         bigint generated always as identity primary key,
  snapshot_month date not null,
  phase          text not null,
  state          text not null default 'running',
  options        jsonb not null default '{}', -- all that decides the rows
  started_at     timestamptz not null default now(),
  finished_at    timestamptz,
  row_count      bigint,
  checksum       text,
  result         jsonb,
  constraint recommend_runs_values check (
    phase in ('ingest', 'train', 'run', 'profile') and extract(day from snapshot_month) = 1
    and state in ('running', 'finished', 'failed', 'discarded')
  )
);
create index recommend_runs_month on analytics.recommend_runs (snapshot_month, phase, run_id);

create table analytics.recommend_chunks (
  run_id      bigint not null references analytics.recommend_runs on delete cascade,
  chunk       integer not null, -- counts from 0
  first_code  text collate "C",
  last_code   text collate "C",
  row_count   integer not null,
  checksum    text not null,
  detail      jsonb not null default '{}', -- what was counted on the way
  finished_at timestamptz not null default now(),
  primary key (run_id, chunk)
);

-- The month's partition `<table>_<YYYY>_<MM>` of one of the four tables above, made where it is
-- missing and, if asked, emptied. Runs as its owner, since only a table's owner may add to it.
create function source.month_partition(parent regclass, month date, emptied boolean default false)
returns regclass
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  space text := (select nspname from pg_class c join pg_namespace n on n.oid = relnamespace
                 where c.oid = parent);
  base text := (select relname from pg_class where oid = parent);
  part text := base || to_char(month, '_YYYY_MM');
begin
  if extract(day from month) <> 1 then
    raise exception '% is not the first of a month', month using errcode = '22023';
  end if;
  if (space, base) not in (('source', 'user_monthly_features'), ('source', 'customer_vector'),
      ('analytics', 'user_recommendation'), ('analytics', 'cluster_profile')) then
    raise exception '% has no months', parent using errcode = '22023';
  end if;
  perform pg_advisory_xact_lock(4711010, parent::oid::integer); -- two at once would collide
  if to_regclass(format('%I.%I', space, part)) is null then
    execute format('create table %I.%I partition of %s for values from (%L) to (%L)',
      space, part, parent, month, month + interval '1 month');
    if base = 'user_monthly_features' then
      -- Rows up to a page stay in it as they are: packed by pglz they take half the space, and a
      -- fifth more of the server's time to write.
      execute format('alter table %I.%I set (toast_tuple_target = 8160)', space, part);
    end if;
  elsif emptied then
    execute format('truncate %I.%I', space, part);
  end if;
  return to_regclass(format('%I.%I', space, part));
end
$$;
revoke execute on function source.month_partition from public;
