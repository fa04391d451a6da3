import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PROJECT_ROOT } from '../base/config.ts';
import { testDatabase } from '../stack/testing.ts';
import { connect } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { fillCustomers } from './customers.ts';
import { ingest } from './ingest.ts';
import { profileMonth } from './recommend-profile.ts';
import { analyzeCurrentUser, recommendMonth, trainMonth } from './recommend.ts';
import { ODD_SOURCES, PROFILES_IN_SQL, PROFILES_STORED } from './testing.ts';

setDefaultTimeout(60_000);

const modelsDir = mkdtempSync(join(tmpdir(), 'millrace-odd-'));
const OPTIONS = { month: '2025-12', threads: 1, seed: 42, modelsDir };

const { url, drop } = await testDatabase('recommend odd');
const client = await connect(url);
await migrate(client);
await fillCustomers(url, { count: 3_000, seed: 42, existing: 'refuse' });
await client.query(ODD_SOURCES);
const made = await analyzeCurrentUser(url, OPTIONS);

afterAll(async () => {
  await client.end();
  await drop();
  rmSync(modelsDir, { recursive: true });
});

async function count(sql: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`select count(*)::int from ${sql}`);
  return rows[0].count;
}

test('odd customers are recommended to like others: all of them, once, by known clusters', async () => {
  expect(await count('analytics.user_recommendation')).toBe(made.ingest.active);
  expect(
    await count(`source.customer_vector full join analytics.user_recommendation r using (ccod)
      where r.ccod is null or r.user_cluster is null or cluster_similarity is null
        or not cluster_similarity between 0 and 1`),
  ).toBe(0);
  expect(await count(`analytics.user_recommendation where ccod in ('가나다', 'ZZZ😀')`)).toBe(2);
  expect(made.run.filled.codes.sigungu.missing).toBeGreaterThan(1); // 세종 and those without address
  expect(made.run.filled.positionByDefault).toBeGreaterThan(0);
});

test('profiles of odd customers are those of plain SQL over their JSON', async () => {
  const { rows } = await client.query(
    `((${PROFILES_IN_SQL}) except all (${PROFILES_STORED}))
     union all ((${PROFILES_STORED}) except all (${PROFILES_IN_SQL}))`,
  );
  expect(rows).toEqual([]);
});

test('JSON that is null or no array loses nobody', async () => {
  const of = async (): Promise<unknown[]> => (await client.query(PROFILES_STORED)).rows;
  const profiles = await of();
  await client.query(`
    update source.user_monthly_features set contract_info = null, user_information = '[]'
      where ccod < 'CUS00001000';
    update source.user_monthly_features set purchase_logs = '"text"', contract_info = '{"a": [1]}'
      where ccod > 'CUS00002000';
    delete from source.user_monthly_features where ccod between 'CUS00001400' and 'CUS00001500'`);
  const again = await recommendMonth(url, OPTIONS);
  expect(again).toMatchObject({ checksum: made.run.checksum, customers: made.run.customers });
  expect(await of()).toEqual(profiles);
});

test('published customers who are others than those ingested are not described', async () => {
  await client.query(`delete from analytics.user_recommendation where ccod = 'CUS00000002'`);
  const fewer = await profileMonth(url, OPTIONS).catch((cause: unknown) => cause);
  expect(fewer).toMatchObject({ code: 'RUN_CONFLICT' });
  await recommendMonth(url, OPTIONS);
  await client.query(`update source.customer_vector set ccod = 'CUS' where ccod = 'CUS00000002'`);
  const more = await profileMonth(url, OPTIONS).catch((cause: unknown) => cause);
  expect(more).toMatchObject({ code: 'RUN_CONFLICT' });
});

test('a month that is not what its ingest left is refused', async () => {
  const failure = (): Promise<unknown> => trainMonth(url, OPTIONS).catch((cause: unknown) => cause);
  await client.query(`delete from source.customer_vector where ccod = 'CUS'`);
  expect(await failure()).toMatchObject({
    code: 'RUN_CONFLICT',
    message: expect.stringContaining(
      `has ${made.ingest.active - 1} customers where its ingest left ${made.ingest.active}`,
    ),
  });
  await ingest(url, OPTIONS);
  await trainMonth(url, OPTIONS);
  const stop = new AbortController();
  const sizes = { chunk: 100, group: 1 };
  const onProgress = (): void => stop.abort();
  await ingest(url, { ...OPTIONS, sizes, restart: true, signal: stop.signal, onProgress }).catch(
    () => undefined,
  );
  const later = '0016_unfinished_ingests.sql';
  await client.query(await Bun.file(join(PROJECT_ROOT, 'sql', 'migrations', later)).text());
  const { rows } = await client.query(`select state, finished_at is null as open
    from analytics.recommend_runs where phase = 'ingest' order by run_id desc limit 1`);
  expect(rows).toEqual([{ state: 'discarded', open: false }]);
  expect(await failure()).toMatchObject({
    code: 'RUN_CONFLICT',
    message: expect.stringContaining('is half ingested'),
  });
  expect(await ingest(url, { ...OPTIONS, sizes })).toMatchObject({ resumedChunks: 0 });
  await trainMonth(url, OPTIONS);
});
