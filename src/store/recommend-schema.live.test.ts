import { afterAll, expect, test } from 'bun:test';

import { testDatabase } from '../stack/testing.ts';
import { connect } from './client.ts';
import { migrate } from './migrate.ts';

const database = await testDatabase('recommend schema');
const client = await connect(database.url);
await migrate(client);

afterAll(async () => {
  await client.end();
  await database.drop();
});

/** Column, type, and whether it must be there, as the specification lists them. */
const TABLES: Record<string, string[]> = {
  'source.user_monthly_features': [
    'snapshot_id bigint not null',
    'ccod character varying(50)',
    'snapshot_month date not null',
    'user_information jsonb',
    'contract_info jsonb',
    'purchase_logs jsonb',
    'interaction_history jsonb',
  ],
  'analytics.user_recommendation': [
    'id bigint not null',
    'created_at timestamp with time zone not null',
    'ccod character varying(50) not null',
    'snapshot_month date not null',
    ...['contract', 'product'].flatMap((kind) =>
      [1, 2, 3].flatMap((rank) => [
        `rec_${kind}_${rank} character varying(255)`,
        `rec_${kind}_${rank}_reason text`,
      ]),
    ),
    'user_cluster integer',
    'cluster_similarity double precision',
    'sim_ccod character varying(50)',
    'sim_user_name character varying(255)',
    'sim_user_contracts jsonb',
    'sim_user_products jsonb',
  ],
  'analytics.cluster_profile': [
    'id bigint not null',
    'snapshot_month date not null',
    'created_at timestamp with time zone not null',
    'cluster_id integer',
    'cluster_size integer',
    'avg_contracts_num double precision',
    'avg_purchase_num double precision',
    'top_contracts jsonb',
    'top_purchases jsonb',
    'top_business_type jsonb',
    'top_first_contract_code jsonb',
    'contracts_distribution jsonb',
    'purchase_distribution jsonb',
  ],
};

for (const [table, columns] of Object.entries(TABLES)) {
  test(`${table} has its ${columns.length} columns`, async () => {
    const { rows } = await client.query<{ text: string }>(
      `select attname || ' ' || format_type(atttypid, atttypmod)
         || case when attnotnull then ' not null' else '' end as text
       from pg_attribute where attrelid = $1::regclass and attnum > 0 order by attnum`,
      [table],
    );
    expect(rows.map(({ text }) => text)).toEqual(columns);
    const { rows: key } = await client.query(`select pg_get_partkeydef($1::regclass) as parts`, [
      table,
    ]);
    expect(key).toEqual([{ parts: 'RANGE (snapshot_month)' }]);
  });
}

const part = async (table: string, month: string, emptied = false): Promise<string> => {
  const { rows } = await client.query<{ part: string }>(
    'select source.month_partition($1::text::regclass, $2, $3)::text as part',
    [table, month, emptied],
  );
  return rows[0].part;
};

test('months are made on demand under their names, once, and emptied when asked', async () => {
  for (const table of [...Object.keys(TABLES), 'source.customer_vector']) {
    expect(await part(table, '2025-12-01')).toBe(`${table}_2025_12`);
    expect(await part(table, '2025-12-01')).toBe(`${table}_2025_12`);
    expect(await part(table, '2026-01-01')).toBe(`${table}_2026_01`);
  }
  const insert = `insert into source.user_monthly_features (ccod, snapshot_month) values ('A', $1)`;
  await client.query(insert, ['2025-12-01']);
  await client.query(insert, ['2026-01-01']);
  const twice = await client.query(insert, ['2025-12-01']).catch((cause: unknown) => cause);
  expect(twice).toMatchObject({ code: '23505' });
  await part('source.user_monthly_features', '2025-12-01', true);
  const { rows } = await client.query(
    'select snapshot_month::text as month from source.user_monthly_features',
  );
  expect(rows).toEqual([{ month: '2026-01-01' }]);
});

test('what has no months gets none', async () => {
  const failures = [
    part('source.user_monthly_features', '2025-12-02'),
    part('public.users', '2025-12-01'),
  ].map((made) => made.catch((cause: unknown) => cause));
  for (const failure of await Promise.all(failures))
    expect(failure).toMatchObject({ code: '22023' });
});

test('two may ask for the same month at once', async () => {
  const others = await Promise.all([1, 2, 3].map(() => connect(database.url)));
  await Promise.all(
    others.map((other) =>
      other.query(`select source.month_partition('analytics.cluster_profile', '2026-05-01')`),
    ),
  );
  await Promise.all(others.map((other) => other.end()));
});

test('a row of 8 KB stays in its page as it is; a larger one is moved out', async () => {
  const size = async (kilobytes: number): Promise<{ stored: number; toast: boolean }> => {
    await part('source.user_monthly_features', '2025-12-01', true);
    await client.query(
      `insert into source.user_monthly_features (ccod, snapshot_month, contract_info)
       values ('A', '2025-12-01', jsonb_build_array(repeat('가나다라', $1::int * 83)))`,
      [kilobytes],
    );
    const { rows } = await client.query<{ stored: number; toast: boolean }>(`
      select pg_column_size(contract_info) as stored,
        pg_relation_size(reltoastrelid) > 0 as toast
      from source.user_monthly_features_2025_12 f, pg_class c
      where c.oid = f.tableoid`);
    return rows[0];
  };
  expect((await size(7)).stored).toBeGreaterThan(6_900);
  expect((await size(12)).stored).toBeLessThan(1_000); // packed by pglz
});

test('batch may do what ingest and recommend do, and no more', async () => {
  const { rows } = await client.query<{ name: string; may: string }>(`
    select relnamespace::regnamespace || '.' || relname as name, concat(
      case when has_table_privilege('millrace_batch', oid, 'select') then 's' end,
      case when has_table_privilege('millrace_batch', oid, 'insert') then 'i' end,
      case when has_table_privilege('millrace_batch', oid, 'update') then 'u' end,
      case when has_table_privilege('millrace_batch', oid, 'delete') then 'd' end,
      case when has_table_privilege('millrace_batch', oid, 'truncate') then 't' end) as may
    from pg_class where relkind in ('r', 'p') and not relispartition
      and relnamespace::regnamespace::text in ('rodb', 'bidb', 'source', 'analytics') order by 1`);
  expect(Object.fromEntries(rows.map(({ name, may }) => [name, may]))).toEqual({
    'analytics.cluster_profile': 'siud',
    'analytics.recommend_chunks': 'siud',
    'analytics.recommend_runs': 'siud',
    'analytics.user_recommendation': 'siud',
    'bidb.purchases': 'sidt',
    'rodb.contract_details': 'sidt',
    'rodb.contracts': 'sidt',
    'rodb.customers': 'sidt',
    'source.customer_vector': 'siud',
    'source.industry_codes': 'siud',
    'source.user_monthly_features': 'siud',
  });
});
