import { afterAll, expect, test } from 'bun:test';

import { testDatabase } from '../stack/testing.ts';
import { connect } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { beginMonth, fillingNote } from '../store/publish.ts';
import { beginRecommendRun } from '../store/recommend-runs.ts';
import { RecommendationWriter } from './recommend-writer.ts';

const MONTH = '2025-12-01';
const NOTHING = { chunk: 0, firstCode: null, lastCode: null, rows: 0, checksum: '', detail: {} };

const { url, drop } = await testDatabase('recommend writer');
const client = await connect(url);
await migrate(client);

afterAll(async () => {
  await client.end();
  await drop();
});

test('a run stores nothing in the table that another run fills', async () => {
  const left = await beginRecommendRun(client, 'run', MONTH, {});
  const now = await beginRecommendRun(client, 'run', MONTH, {});
  await beginMonth(client, MONTH, 'analytics.user_recommendation', fillingNote(now));
  const store = async (run: number): Promise<void> => {
    const writer = await RecommendationWriter.open(url, { run, month: MONTH, group: 1 });
    try {
      await writer.push(new Uint8Array(), NOTHING);
      await writer.finish();
    } finally {
      await writer.close();
    }
  };
  const refused = await store(left).catch((cause: unknown) => cause);
  expect(refused).toMatchObject({ code: 'RUN_CONFLICT', message: expect.stringMatching(`${now}`) });
  await store(now);
  const { rows } = await client.query('select run_id::int as run from analytics.recommend_chunks');
  expect(rows).toEqual([{ run: now }]);
});
