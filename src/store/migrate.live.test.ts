import { afterAll, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../base/config.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from './client.ts';
import { migrate } from './migrate.ts';

const FILES = readdirSync(join(PROJECT_ROOT, 'sql', 'migrations')).toSorted();
const database = await testDatabase('migrate');
const client = await connect(database.url);

afterAll(async () => {
  await client.end();
  await database.drop();
});

test('an empty database gets every migration, and a second time none', async () => {
  expect(await migrate(client)).toEqual(FILES);
  expect(await migrate(client)).toEqual([]);
});

test('of two at once, one applies and the other finds all done', async () => {
  const empty = await testDatabase('migrate twice');
  const both = await Promise.all([connect(empty.url), connect(empty.url)]);
  const applied = await Promise.all(both.map((one) => migrate(one)));
  expect(applied.toSorted((a, b) => a.length - b.length)).toEqual([[], FILES]);
  const { rows } = await both[0].query<{ name: string }>(
    'select name from schema_migrations order by version',
  );
  expect(rows.map(({ name }) => name)).toEqual(FILES);
  await Promise.all(both.map((one) => one.end()));
  await empty.drop();
});

test('two databases of one server may be migrated at once', async () => {
  const databases = await Promise.all([1, 2, 3].map(() => testDatabase('migrate side by side')));
  const clients = await Promise.all(databases.map(({ url }) => connect(url)));
  const applied = await Promise.all(clients.map((one) => migrate(one)));
  expect(applied).toEqual([FILES, FILES, FILES]);
  await Promise.all(clients.map((one) => one.end()));
  await Promise.all(databases.map((one) => one.drop()));
});

/** What each role may do, table by table: s, i, u, d. Nothing else may be granted. */
const GRANTS: Record<string, Record<string, string>> = {
  millrace_ingest: {
    users: 'siu',
    products: 'siu',
    orders: 'siu',
    id_counters: 'su',
    consumer_offsets: 'siu',
    consumer_topics: 'siu',
    dead_letters: 'siu',
    order_effects: 'sid',
    waiting_effects: 'siud',
  },
  millrace_batch: {
    users: 'siu',
    products: 'siu',
    grade_changes: 'siu',
    id_counters: 'siu',
    orders: 'sid',
    backfill_runs: 'siud',
    backfill_days: 'siud',
    backfill_expected: 'siud',
    jobs: 'siu',
    job_runs: 'siu',
  },
  millrace_grafana: {
    users: 's',
    products: 's',
    orders: 's',
    grade_changes: 's',
    backfill_runs: 's',
    backfill_days: 's',
    backfill_expected: 's',
    consumer_offsets: 's',
    consumer_topics: 's',
    order_effects: 's',
    waiting_effects: 's',
    jobs: 's',
    job_runs: 's',
  },
};

for (const [role, grants] of Object.entries(GRANTS)) {
  test(`${role} may do what it must, and nothing else`, async () => {
    const { rows } = await client.query<{ name: string; may: string }>(
      `select relname as name, concat(
         case when has_table_privilege($1, oid, 'select') then 's' end,
         case when has_table_privilege($1, oid, 'insert') then 'i' end,
         case when has_table_privilege($1, oid, 'update') then 'u' end,
         case when has_table_privilege($1, oid, 'delete') then 'd' end,
         case when has_table_privilege($1, oid, 'truncate') then '!' end) as may
       from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
      [role],
    );
    expect(
      Object.fromEntries(rows.filter(({ may }) => may).map(({ name, may }) => [name, may])),
    ).toEqual(grants);
    const { rows: others } = await client.query(
      `select rolcanlogin, rolsuper, has_schema_privilege($1, 'public', 'create') as creates,
         has_sequence_privilege($1, 'run_numbers', 'usage') as runs
       from pg_roles where rolname = $1`,
      [role],
    );
    const runs = role !== 'millrace_grafana';
    expect(others).toEqual([{ rolcanlogin: false, rolsuper: false, creates: false, runs }]);
  });
}

test('order_run finds the run in an id', async () => {
  const { rows } = await client.query<{ run: number }>(
    `select order_run(id::uuid) as run from (values
       ('0197f0a0-0000-7abc-8000-040000000000'), ('0197f0a0-0000-7abc-bfff-fc0000000000')) v (id)`,
  );
  expect(rows.map(({ run }) => run)).toEqual([1, 2 ** 20 - 1]);
});

test('a file that has changed since it was applied is refused, and the lock is let go', async () => {
  await client.query("update schema_migrations set checksum = 'other' where version = 2");
  const failure = await migrate(client).catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'DATABASE_FAILED' });
  expect(String(failure)).toContain(`${FILES[1]} has changed since it was applied`);
  const { rowCount } = await client.query("select from pg_locks where locktype = 'advisory'");
  expect(rowCount).toBe(0);
});
