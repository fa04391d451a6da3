import { afterAll, expect, test } from 'bun:test';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { extractSido, extractSigungu } from '../recommend/address.ts';
import { sidoNumber } from '../recommend/districts.ts';
import { industryOf } from '../recommend/industry.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect, withClient, type Client } from '../store/client.ts';
import { RowStream } from '../store/copy-out.ts';
import { migrate } from '../store/migrate.ts';
import { CONTRACT_KEYS, PURCHASE_KEYS, readCustomers, USER_KEYS } from '../store/source-rows.ts';
import { fillCustomers } from './customers.ts';
import { ChunkAssembler } from './ingest-chunk.ts';
import { ingest, type IngestOptions } from './ingest.ts';
import { ODD_SOURCES } from './testing.ts';

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
});

const CUSTOMERS = 3_000;
const OPTIONS: IngestOptions = { month: '2025-12', sizes: { chunk: 100, group: 2 } };

async function sources(name: string, odd = ODD_SOURCES): Promise<{ url: string; client: Client }> {
  const { url, drop } = await testDatabase(`ingest ${name}`);
  const client = await connect(url);
  closing.push(async () => {
    await client.end();
    await drop();
  });
  await migrate(client);
  await fillCustomers(url, { count: CUSTOMERS, seed: 42, existing: 'refuse' });
  await client.query(odd);
  return { url, client };
}

const first = await sources('first');
const made = await ingest(first.url, OPTIONS);

// A slower and plainer way to the same, all in SQL. `day` knows only the dates that the data have.
await first.client.query(`
  create function day(value text) returns date language plpgsql immutable as $$
  begin
    if value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then return null; end if;
    return make_date(substr(value, 1, 4)::int, substr(value, 6, 2)::int, substr(value, 9, 2)::int);
  exception when others then return null;
  end $$;
  create function finite(value double precision) returns jsonb language sql immutable
    return case when value in ('NaN', 'Infinity', '-Infinity') then 'null'::jsonb else to_jsonb(value) end;
  create view known_contracts as
    select m.*, d.순번, d.계약대상, d.면적, d."면적M", d.외곽면적, d.옵션코드, d.사용여부 as 계약상세_사용여부,
      d.실적적용여부, d.계약대상_대분류명, d.계약대상_중분류명, d.계약대상_대분류코드, d.계약대상_중분류코드
    from rodb.contracts m left join rodb.contract_details d using (고객코드, 계약일련번호)
    where not coalesce(day(계약일자) > '2025-12-31', false);
  create view known_purchases as
    select * from bidb.purchases where not coalesce(day(purchase_date) > '2025-12-31', false);
  create view known_customers as
    select * from rodb.customers where not coalesce(day(등록일자) > '2025-12-31', false)`);

const value =
  (from: string) =>
  ([key, kind]: readonly [string, string]): string =>
    `'${key}', ${
      kind === 'text'
        ? `to_jsonb(coalesce(${from}."${key}"::text, ''))`
        : kind === 'float'
          ? `coalesce(finite(${from}."${key}"), 'null')`
          : `coalesce(to_jsonb(${from}."${key}"), 'null')`
    }`;

test('every customer of the month has its row, and JSON is as SQL makes it', async () => {
  const expected = `
    select 고객코드 as ccod, date '2025-12-01' as snapshot_month,
      jsonb_build_object(${USER_KEYS.map(value('c')).join()}) as user_information,
      coalesce((select jsonb_agg(jsonb_build_object(${CONTRACT_KEYS.map(value('k')).join()})
          order by 계약일련번호, 순번)
        from known_contracts k where k.고객코드 = c.고객코드), '[]') as contract_info,
      coalesce((select jsonb_agg(jsonb_build_object(${PURCHASE_KEYS.map(value('p')).join()})
          order by order_code, order_sequence)
        from known_purchases p where p.customer_code = c.고객코드), '[]') as purchase_logs,
      jsonb '[]' as interaction_history
    from known_customers c`;
  const stored = `select ccod, snapshot_month, user_information, contract_info, purchase_logs,
      interaction_history from source.user_monthly_features`;
  const { rows } = await first.client.query(
    `(${expected} except all ${stored}) union all (${stored} except all ${expected})`,
  );
  expect(rows).toEqual([]);
  const { rows: count } = await first.client.query(
    'select count(*)::int as stored from source.user_monthly_features',
  );
  expect(count).toEqual([{ stored: CUSTOMERS + 4 - 3 - 3 }]); // new, deleted, registered later
  expect(made.customers).toBe(count[0].stored);
}, 30_000);

test('the keys are the 16 of the original with three of ours, 28 and 15', async () => {
  const { rows } = await first.client.query<{ names: string[] }>(`
    select array(select jsonb_object_keys(user_information)) as names
    from source.user_monthly_features limit 1`);
  expect(rows[0].names.toSorted()).toEqual(USER_KEYS.map(([key]) => key).toSorted());
  expect([USER_KEYS.length, CONTRACT_KEYS.length, PURCHASE_KEYS.length]).toEqual([19, 28, 15]);
});

type Vector = {
  ccod: string;
  name: string | null;
  latitude: number | null;
  longitude: number | null;
  sido: number;
  sigungu: string | null;
  large: string | null;
  middle: string | null;
  small: string | null;
  detail: string | null;
  business_type: string | null;
  area: number | null;
  contracts: string[];
  products: string[];
};

/** Active items by the rule of design, in SQL; the rest row by row in plain TypeScript. */
async function expectedVectors(client: Client): Promise<Vector[]> {
  type Row = Record<string, string | null> & {
    위도: number | null;
    경도: number | null;
    area: number | null;
    items: string[];
    products: string[] | null;
  };
  const { rows } = await client.query<Row>(`
    with placed as (
      select *, coalesce(계약대상, '') as item,
        coalesce(day(시작일자), day(계약일자), '-infinity') as begins,
        row_number() over (partition by 고객코드 order by 계약일련번호, 순번) as place
      from known_contracts
    ), lasting as (
      select *, row_number() over (partition by 고객코드, item order by begins desc, place desc) as late
      from placed where begins <= '2025-12-31'
    ), active as (
      select 고객코드, array_agg(item order by item collate "C") as items from lasting
      where late = 1 and coalesce(day(종료일자), 'infinity') >= '2025-12-31'
        and case when day(해약일자) is null
          then coalesce(upper(해약여부), '') not in ('TRUE', 'T', 'Y', '1')
          else day(해약일자) > '2025-12-31' end
      group by 1
    )
    select c.*, items,
      case when 건물규모 not in ('NaN', 'Infinity', '-Infinity') then 건물규모
        else (select max(면적) from known_contracts k where k.고객코드 = c.고객코드
          and 면적 > 0 and 면적 < 'Infinity') end as area,
      (select array_agg(distinct item_name collate "C" order by item_name collate "C")
        from known_purchases p where customer_code = c.고객코드 and item_name <> '') as products
    from known_customers c join active using (고객코드) order by 고객코드`);
  const names = new Map(
    (await client.query<{ code: string; name: string }>('table source.industry_codes')).rows.map(
      ({ code, name }) => [code, name],
    ),
  );
  return rows.map((row) => {
    const { 위도: latitude, 경도: longitude } = row;
    const here =
      latitude !== null &&
      longitude !== null &&
      latitude > 33 &&
      latitude < 39 &&
      longitude > 124 &&
      longitude < 132;
    const sido = extractSido(row.주소1);
    const sigungu = extractSigungu(row.주소1);
    const { businessType, ...levels } = industryOf(
      {
        large: row.대분류 || null,
        middle: row.중분류 || null,
        small: row.소분류 || null,
        detail: row.세분류 || null,
        industryName: null,
        industryCode: row.표준산업코드,
        businessType: row.업태,
      },
      names,
    );
    return {
      ccod: row.고객코드 ?? '',
      name: row.고객명,
      latitude: here ? latitude : null,
      longitude: here ? longitude : null,
      sido: sidoNumber(sido),
      sigungu: sigungu === null ? null : `${sido} ${sigungu}`,
      large: levels.large,
      middle: levels.middle,
      small: levels.small,
      detail: levels.detail,
      business_type: businessType,
      area: row.area,
      contracts: row.items.filter((item) => item !== ''),
      products: row.products ?? [],
    };
  });
}

test('every active customer has his vector, and nobody else', async () => {
  const expected = await expectedVectors(first.client);
  const { rows } = await first.client.query<Vector>(`
    select ccod, name, latitude, longitude, sido, sigungu, large, middle, small, detail,
      business_type, area, contracts, products
    from source.customer_vector where snapshot_month = '2025-12-01' order by ccod`);
  expect(rows).toEqual(expected);
  expect(made.active).toBe(expected.length);
  expect(expected.length).toBeGreaterThan(CUSTOMERS * 0.7);
  expect(expected.length).toBeLessThan(CUSTOMERS * 0.9);
});

test('a vector holds all entries: items once, the others beside them, and which was the first', async () => {
  const { rows } = await first.client.query(`
    with expected as (
      select v.ccod,
        (select array_agg(entry ->> '계약대상' order by entry ->> '계약대상' collate "C")
          from jsonb_array_elements(contract_info) entry) as contracts,
        (select array_agg(entry ->> 'item_name' order by entry ->> 'item_name' collate "C")
          from jsonb_array_elements(purchase_logs) entry) as products,
        contract_info -> 0 ->> '계약대상' as first,
        nullif(user_information ->> '업태', '') as type
      from source.customer_vector v join source.user_monthly_features using (ccod, snapshot_month)
    ), stored as (
      select ccod,
        (select array_agg(item order by item collate "C") from unnest(contracts || more_contracts) item) as contracts,
        (select array_agg(item order by item collate "C") from unnest(products || more_products) item) as products,
        (contracts || more_contracts)[first_contract] as first, registered_type as type
      from source.customer_vector
    )
    (table expected except all table stored) union all (table stored except all table expected)`);
  expect(rows).toEqual([]);
  const { rows: kinds } = await first.client.query<Record<string, boolean>>(`
    select bool_or(more_contracts is null) as all_held, bool_or('' = any (more_contracts)) as on_nothing,
      bool_or(first_contract > cardinality(contracts)) as first_not_held,
      bool_or('' = any (more_products)) as without_name, bool_or(registered_type is null) as untyped,
      bool_or(more_products <> array['']) as bought_again
    from source.customer_vector`);
  expect(Object.values(kinds[0])).toEqual(Array(6).fill(true)); // each kind is among the data
});

test('what is odd is counted', async () => {
  const { rows } = await first.client.query(`
    select count(*)::int as active, count(*) filter (where sido = -1)::int as "withoutSido",
      count(*) filter (where sigungu is null and sido <> 9)::int as "withoutDistrict",
      count(*) filter (where latitude is null)::int as "withoutPosition",
      count(*) filter (where area is null)::int as "withoutArea",
      count(*) filter (where large is null)::int as "withoutLevels",
      (select sum(jsonb_array_length(contract_info))::int from source.user_monthly_features) as contracts,
      (select sum(jsonb_array_length(purchase_logs))::int from source.user_monthly_features) as purchases
    from source.customer_vector`);
  expect(made).toMatchObject(rows[0]);
  const { rows: strangers } = await first.client.query(`
    select ((select count(*) from rodb.contracts left join rodb.contract_details using (고객코드, 계약일련번호)
        where 고객코드 not in (select 고객코드 from rodb.customers))
      + (select count(*) from bidb.purchases
        where customer_code not in (select 고객코드 from rodb.customers)))::int as strangers`);
  expect(made).toMatchObject(strangers[0]);
  expect(made.strangers).toBeGreaterThan(10);
});

/** Of all that the month holds, numbers of rows aside. */
async function md5(client: Client): Promise<string> {
  const { rows } = await client.query<{ md5: string }>(`
    select md5(concat(
      (select string_agg((to_jsonb(f) - 'snapshot_id')::text, '' order by ccod, snapshot_month)
        from source.user_monthly_features f),
      (select string_agg(v::text, '' order by ccod, snapshot_month) from source.customer_vector v))) as md5`);
  return rows[0].md5;
}

test('sources of another collation are read by code point all the same', async () => {
  const { url, client } = await sources(
    'collation',
    `insert into rodb.customers (고객코드) values ('a1');
     insert into rodb.contracts (고객코드, 계약일련번호) values ('a1', '1'), ('a1', 'B'), ('a1', 'b');
     insert into bidb.purchases (customer_code, order_code, order_sequence)
       values ('a1', '1', 1), ('a1', 'B', 1), ('a1', 'b', 1)`,
  );
  const codePoint = await ingest(url, OPTIONS);
  expect(codePoint.strangers).toBe(0);
  for (const changed of [
    ['rodb.contracts', '고객코드', '계약일련번호'],
    ['rodb.contract_details', '고객코드', '계약일련번호'],
    ['bidb.purchases', 'customer_code', 'order_code'],
    ['rodb.customers', '고객코드'],
  ]) {
    const [table, ...columns] = changed;
    const alter = columns.map((column) => `alter ${column} type varchar(50) collate "und-x-icu"`);
    await client.query(`alter table ${table} ${alter.join()}`);
    const { checksum, strangers } = await ingest(url, OPTIONS);
    expect({ checksum, strangers }).toEqual({ checksum: codePoint.checksum, strangers: 0 });
  }
  const stop = new AbortController();
  const onProgress = (customers: number): void => {
    if (customers >= 2_900) stop.abort();
  };
  const stopped = ingest(url, { ...OPTIONS, signal: stop.signal, onProgress });
  expect(await stopped.catch((cause: unknown) => cause)).toMatchObject({ code: 'INTERRUPTED' });
  expect((await ingest(url, OPTIONS)).checksum).toBe(codePoint.checksum);
}, 60_000);

test.each(['contracts', 'purchases'] as const)(
  '%s out of order are refused, not passed over',
  async (wrong) => {
    const readers = await Promise.all([1, 2, 3].map(() => connect(first.url)));
    const rows = (reader: Client, keys: number, codes: string) =>
      new RowStream(
        reader,
        `select code${', null::text'.repeat(keys)} from unnest('{${codes}}'::text[]) code`,
        keys + 1,
        'reading',
      );
    const codes = 'CUS00000004,CUS00000005,CUS00000004';
    const streams = {
      customers: await readCustomers(readers[0], 'CUS00000003'),
      contracts: rows(readers[1], CONTRACT_KEYS.length, wrong === 'contracts' ? codes : ''),
      purchases: rows(readers[2], PURCHASE_KEYS.length, wrong === 'purchases' ? codes : ''),
    };
    const month = { end: 20_251_231, ms: Date.UTC(2025, 11, 1) };
    const assembler = new ChunkAssembler(streams, month, new Map());
    const failure = await assembler.next(CUSTOMERS).catch((cause: unknown) => cause);
    expect(failure).toMatchObject({
      code: 'DATABASE_FAILED',
      message: expect.stringContaining(`reading ${wrong}: the codes after CUS00000005`),
    });
    for (const reader of readers) await reader.end();
  },
);

test('run again, the month is replaced by the same; cut otherwise into groups too', async () => {
  const sum = await md5(first.client);
  const again = await ingest(first.url, { ...OPTIONS, sizes: { chunk: 100, group: 7 } });
  expect(again).toMatchObject({
    checksum: made.checksum,
    customers: made.customers,
    resumedChunks: 0,
  });
  expect(await md5(first.client)).toBe(sum);
  const other = await ingest(first.url, { ...OPTIONS, sizes: { chunk: 999, group: 3 } });
  expect(other.checksum).not.toBe(made.checksum);
  expect(await md5(first.client)).toBe(sum);
}, 30_000);

test('stopped and started again, the month is as if undisturbed', async () => {
  const sum = await md5(first.client);
  const stop = new AbortController();
  const stopped = await ingest(first.url, {
    ...OPTIONS,
    signal: stop.signal,
    onProgress: (customers) => customers >= 1_000 && stop.abort(),
  }).catch((cause: unknown) => cause);
  expect(stopped).toMatchObject({ code: 'INTERRUPTED' });
  expect(await md5(first.client)).not.toBe(sum);
  const resumed = await ingest(first.url, OPTIONS);
  const { run: _run, seconds: _s, customersPerSecond: _rate, strangers: _passed, ...rest } = made;
  expect(resumed).toMatchObject({ ...rest, resumedChunks: 10 });
  expect(await md5(first.client)).toBe(sum);
}, 30_000);

test('killed at any point, it leaves the beginning of the month, and goes on from there', async () => {
  const sum = await md5(first.client);
  const script = `
    const { ingest } = await import(${JSON.stringify(join(PROJECT_ROOT, 'src/jobs/ingest.ts'))});
    await ingest(process.argv[1], { month: '2025-12', sizes: { chunk: 100, group: 2 },
      onProgress: (customers) => customers >= Number(process.argv[2]) && process.kill(process.pid, 'SIGKILL') });`;
  for (const at of ['900', '2300']) {
    const child = Bun.spawn([process.execPath, '-e', script, first.url, at], {
      env: childEnvironment(),
      stderr: 'inherit',
    });
    expect(await child.exited).toBe(137);
  }
  const resumed = await ingest(first.url, OPTIONS);
  expect(resumed.checksum).toBe(made.checksum);
  expect(resumed.resumedChunks % 2).toBe(0);
  expect(await md5(first.client)).toBe(sum);
  const { rows } = await first.client.query(`
    select state, row_count::int as rows, checksum,
      (select sum(row_count)::int from analytics.recommend_chunks k where k.run_id = r.run_id) as chunks
    from analytics.recommend_runs r order by run_id desc limit 1`);
  expect(rows).toEqual([
    { state: 'finished', rows: made.customers, checksum: made.checksum, chunks: made.customers },
  ]);
}, 30_000);

test('never two at once', async () => {
  const sum = await md5(first.client);
  await withClient(first.url, async (holder) => {
    await holder.query('select pg_advisory_lock(4711011)');
    const refused = await ingest(first.url, OPTIONS).catch((cause: unknown) => cause);
    expect(refused).toMatchObject({ code: 'RUN_CONFLICT' });
  });
  expect(await md5(first.client)).toBe(sum);
}, 20_000);

test('a month knows nothing that came after it', async () => {
  const november = await ingest(first.url, { ...OPTIONS, month: '2025-11' });
  expect(november.month).toBe('2025-11-01');
  const { rows } = await first.client.query(`
    select max(purchase ->> 'purchase_date') < '2025-12-01' as bought,
      max(user_information ->> '등록일자') filter (where user_information ->> '등록일자' ~ '^2') < '2025-12-01' as registered,
      (select count(*) from source.customer_vector_2025_11) = ${november.active} as active
    from source.user_monthly_features_2025_11
    left join jsonb_array_elements(purchase_logs) purchase on purchase ->> 'purchase_date' ~ '^20..-[01]'`);
  expect(rows).toEqual([{ bought: true, registered: true, active: true }]);
  expect(november.purchases).toBeLessThan(made.purchases * 0.9);
  const failure = await ingest(first.url, { month: '2025-13' }).catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'USAGE' });
});

test('sources of their own are read from their own databases', async () => {
  const { url, drop } = await testDatabase('ingest elsewhere');
  const client = await connect(url);
  await migrate(client);
  await client.query(
    'insert into source.industry_codes select code, name from (values ($1, $2)) v (code, name)',
    ['none', '없음'],
  );
  const elsewhere = await ingest(url, { ...OPTIONS, rodbUrl: first.url, bidbUrl: first.url });
  expect(elsewhere.customers).toBe(made.customers);
  expect(elsewhere.active).toBe(made.active);
  await client.end();
  await drop();
});

test('an ingest begun from other sources, or by other code, is not gone on with', async () => {
  const { url, drop } = await testDatabase('ingest other source');
  const other = await testDatabase('ingest source as large');
  const client = await connect(url);
  await migrate(client);
  await withClient(other.url, migrate);
  await fillCustomers(other.url, { count: CUSTOMERS, seed: 7, existing: 'refuse' });
  const from = { ...OPTIONS, rodbUrl: first.url, bidbUrl: first.url };
  const stop = async (): Promise<void> => {
    const stopping = new AbortController();
    const onProgress = (customers: number): void => {
      if (customers >= 1_000) stopping.abort();
    };
    const stopped = ingest(url, { ...from, signal: stopping.signal, onProgress });
    expect(await stopped.catch((cause: unknown) => cause)).toMatchObject({ code: 'INTERRUPTED' });
  };
  for (const changed of [{ rodbUrl: other.url }, { bidbUrl: other.url }]) {
    await stop();
    expect((await ingest(url, { ...from, ...changed })).resumedChunks).toBe(0);
  }
  await stop();
  await client.query(`update analytics.recommend_runs
    set options = jsonb_set(options, '{code}', '"0.0.0"') where state = 'running'`);
  expect((await ingest(url, from)).resumedChunks).toBe(0);
  await stop();
  const written = new URL(first.url);
  written.searchParams.set('application_name', 'another');
  expect((await ingest(url, { ...from, rodbUrl: written.href })).resumedChunks).toBe(10);
  await client.end();
  await drop();
  await other.drop();
}, 30_000);

test('no source, a source without its tables, one without customers: the month stays', async () => {
  const { url: bare, drop } = await testDatabase('ingest bare');
  const { url: empty, drop: dropEmpty } = await testDatabase('ingest empty');
  await withClient(empty, migrate);
  const stored = async (): Promise<unknown[]> =>
    (
      await first.client
        .query(`select (select count(*) from source.user_monthly_features) as features,
        (select count(*) from source.customer_vector) as vectors,
        (select max(run_id) from analytics.recommend_runs) as run`)
    ).rows;
  const before = await stored();
  const nowhere = 'postgres://nobody@127.0.0.1:1/none';
  for (const [wrong, code] of [
    [{ rodbUrl: nowhere }, 'DATABASE_UNREACHABLE'],
    [{ bidbUrl: nowhere }, 'DATABASE_UNREACHABLE'],
    [{ rodbUrl: bare }, 'DATABASE_FAILED'],
    [{ bidbUrl: bare }, 'DATABASE_FAILED'],
    [{ rodbUrl: empty }, 'BASE_TOO_SMALL'],
  ] as const) {
    const failure = await ingest(first.url, { ...OPTIONS, ...wrong }).catch(
      (cause: unknown) => cause,
    );
    expect(failure).toMatchObject({ code });
    expect(await stored()).toEqual(before);
  }
  await drop();
  await dropEmpty();
}, 60_000);

test('a lost connection fails in one line, and the month can go on', async () => {
  await withClient(first.url, async (holder) => {
    await holder.query('begin; lock table analytics.recommend_chunks in share mode');
    let settled = false;
    const lost = ingest(first.url, OPTIONS)
      .catch((cause: unknown) => cause)
      .finally(() => (settled = true));
    let hit = 0; // writers; they cannot enter what they have stored, and come to that one by one
    // oxlint-disable-next-line no-unmodified-loop-condition -- set when the ingest has ended
    while (!settled) {
      const { rowCount } = await first.client.query(`select pg_terminate_backend(pid)
        from pg_stat_activity where application_name = 'millrace month writer'
          and datname = current_database() and wait_event_type = 'Lock'`);
      hit += rowCount ?? 0;
      await Bun.sleep(20);
    }
    expect(hit).toBeGreaterThan(0);
    expect(await lost).toMatchObject({ code: 'DATABASE_LOST' });
  });
  expect((await ingest(first.url, OPTIONS)).checksum).toBe(made.checksum);
}, 20_000);
