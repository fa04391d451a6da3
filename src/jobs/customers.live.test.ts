import { afterAll, expect, test } from 'bun:test';

import { Random } from '../base/random.ts';
import { customer } from '../generate/customers.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect, type Client } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { SOURCE_TABLES, SourceRows } from '../store/source-copy.ts';
import { fillCustomers, type CustomersOptions } from './customers.ts';

const OPTIONS: CustomersOptions = { count: 1_000, seed: 42, existing: 'refuse' };
const database = await testDatabase('customers');
const client = await connect(database.url);
await migrate(client);

afterAll(async () => {
  await client.end();
  await database.drop();
});

async function md5(from: Client): Promise<string[]> {
  const sums: string[] = [];
  for (const { table } of Object.values(SOURCE_TABLES)) {
    const { rows } = await from.query<{ md5: string }>(
      `select md5(string_agg(t::text, ',' order by t::text collate "C")) as md5 from ${table} t`,
    );
    sums.push(rows[0].md5);
  }
  return sums;
}

test('the same bytes, however the customers are cut', () => {
  const bytes = (cuts: readonly number[]): string[] => {
    const random = new Random(7, 'customer');
    const rows = new SourceRows();
    const hashes = Object.values(rows.buffers).map(() => 0n);
    const parts = Object.values(rows.buffers).map((): Uint8Array[] => []);
    let number = 1;
    for (const cut of cuts) {
      for (; number <= cut; number++) rows.add(customer(random, number));
      for (const [at, buffer] of Object.values(rows.buffers).entries())
        parts[at].push(buffer.take());
    }
    return hashes.map((_, at) => Bun.hash.xxHash64(Buffer.concat(parts[at])).toString(16));
  };
  expect(bytes([1, 2, 3, 250, 251, 600])).toEqual(bytes([600]));
});

test('every customer is stored as he was made', async () => {
  const seen: number[] = [];
  const filled = await fillCustomers(database.url, {
    ...OPTIONS,
    onProgress: (done) => seen.push(done),
  });
  expect(seen.at(-1)).toBe(1_000);
  const random = new Random(42, 'customer');
  const made = Array.from({ length: 1_000 }, (_, at) => customer(random, at + 1));
  expect(filled).toMatchObject({
    customers: 1_000,
    contracts: made.flatMap(({ contracts }) => contracts).length,
    details: made.flatMap(({ contracts }) => contracts.flatMap(({ details }) => details)).length,
    purchases: made.flatMap(({ purchases }) => purchases).length,
    firstCode: 'CUS00000001',
  });
  const { rows } = await client.query(`
    select 고객코드 as code, 고객명 as name, 대표자명 as owner, 우편번호 as "postalCode", 주소1 as address,
      주소2 as "addressRest", 담당부서 as department, 유형대 as "largeType", 유형중 as "middleType",
      업태 as "businessType", 종목 as "businessItem", 사업자번호 as "businessNumber", 성별 as gender,
      국적 as nationality, 신고객분류코드 as "newCustomerClass", 등록일자 as registered,
      array[대분류, 중분류, 소분류, 세분류] as levels, 표준산업코드 as "industryCode",
      위도 as latitude, 경도 as longitude, 건물규모 as area
    from rodb.customers order by 1`);
  expect(rows).toEqual(
    made.map(({ contracts: _contracts, purchases: _purchases, ...rest }) => rest),
  );
  const { rows: contracts } = await client.query(`
    select m.고객코드 as code, 계약일련번호 as serial, 시작일자 as starts, 종료일자 as ends, 해약일자 as "cancelledOn",
      해약여부 as cancelled, 순번 as place, 계약대상 as item, 면적 as area
    from rodb.contracts m join rodb.contract_details d using (고객코드, 계약일련번호) order by 2, 7`);
  expect(contracts).toEqual(
    made.flatMap(({ code, contracts: own }) =>
      own.flatMap(({ serial, starts, ends, cancelledOn, cancelled, details }) =>
        details.map(({ item, area }, at) => ({
          code,
          serial,
          starts,
          ends,
          cancelledOn,
          cancelled,
          place: at + 1,
          item: item.name,
          area,
        })),
      ),
    ),
  );
  const { rows: purchases } = await client.query(`
    select order_code as order, order_sequence as line, purchase_date as date, item_code as "itemCode",
      item_name as "itemName", quantity from bidb.purchases order by 1, 2`);
  expect(purchases).toEqual(
    made.flatMap(({ purchases: own }) =>
      own.map(({ kind: _kind, channel: _channel, ...rest }) => rest),
    ),
  );
  const { rows: codes } = await client.query(`
    select count(*)::int as unknown from rodb.customers
    where 표준산업코드 not in (select code from source.industry_codes)`);
  expect(codes).toEqual([{ unknown: 0 }]);
});

test('rows that are there are refused, replaced or added to, as asked', async () => {
  const sums = await md5(client);
  const refused = await fillCustomers(database.url, OPTIONS).catch((cause: unknown) => cause);
  expect(refused).toMatchObject({ code: 'RUN_CONFLICT' });
  expect(String(refused)).toContain('--append');
  expect(await md5(client)).toEqual(sums);

  await fillCustomers(database.url, { ...OPTIONS, count: 400, existing: 'replace' });
  const added = await fillCustomers(database.url, { ...OPTIONS, count: 600, existing: 'append' });
  expect(added.firstCode).toBe('CUS00000401');
  expect(await md5(client)).toEqual(sums);
  await fillCustomers(database.url, { ...OPTIONS, seed: 43, existing: 'replace' });
  const others = await md5(client);
  for (const [at, sum] of sums.entries()) expect(others[at]).not.toBe(sum);
}, 20_000);

test('interrupted, what was there is still there', async () => {
  const sums = await md5(client);
  const stop = new AbortController();
  const failure = await fillCustomers(database.url, {
    ...OPTIONS,
    count: 5_000,
    existing: 'replace',
    signal: stop.signal,
    onProgress: () => stop.abort(),
  }).catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'INTERRUPTED' });
  expect(await md5(client)).toEqual(sums);
}, 20_000);

test('lost between the commits, it says what stays, and --append gives no code twice', async () => {
  await fillCustomers(database.url, { ...OPTIONS, existing: 'replace' });
  const customers = async (table: string): Promise<number> => {
    const { rows } = await client.query<{ count: number }>(
      `select count(distinct 고객코드)::int as count from ${table}`,
    );
    return rows[0].count;
  };
  await client.query(`
    create function rodb.refuse() returns trigger language plpgsql as
      $$ begin raise exception 'refused at the commit'; end $$;
    create constraint trigger refuse after insert on rodb.contracts
      deferrable initially deferred for each row execute function rodb.refuse()`);
  const failure = await fillCustomers(database.url, {
    ...OPTIONS,
    existing: 'append',
  }).catch((cause: unknown) => cause);
  await client.query('drop function rodb.refuse cascade');
  expect(failure).toMatchObject({
    code: 'DATABASE_FAILED',
    message: expect.stringMatching(
      /committing rodb.contracts: refused at the commit; bidb.purchases, rodb.contract_details had been committed and stay; .*--append/,
    ),
  });
  expect(await customers('rodb.customers')).toBe(1_000);
  expect(await customers('rodb.contract_details')).toBeGreaterThan(1_500);
  const { rows } = await client.query<{ last: string }>(
    'select max(customer_code) as last from bidb.purchases',
  );
  const [{ last: purchased }] = rows;
  const [{ last: detailed }] = (
    await client.query<{ last: string }>('select max(고객코드) as last from rodb.contract_details')
  ).rows;
  const last = Math.max(...[purchased, detailed].map((code) => Number(code.slice(3))));
  const added = await fillCustomers(database.url, { ...OPTIONS, count: 100, existing: 'append' });
  expect(added.firstCode).toBe(`CUS${String(last + 1).padStart(8, '0')}`);
  expect(await customers('rodb.customers')).toBe(1_100);
}, 20_000);

test('of two at once, one fills the tables and the other finds them full', async () => {
  const empty = await testDatabase('customers twice');
  const own = await connect(empty.url);
  await migrate(own);
  const both = await Promise.allSettled([
    fillCustomers(empty.url, OPTIONS),
    fillCustomers(empty.url, OPTIONS),
  ]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  await own.end();
  await empty.drop();
}, 20_000);
