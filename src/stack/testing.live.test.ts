import { afterAll, expect, test } from 'bun:test';

import { queryOnce } from './server.ts';
import { testDatabase } from './testing.ts';

const first = await testDatabase('Stack testing');
const second = await testDatabase('Stack testing');

afterAll(async () => {
  await first.drop();
  await second.drop();
});

test('each test database is empty and its own, on one server', async () => {
  await queryOnce(first.url, 'create table mine ()');
  const tables = "select from pg_tables where schemaname = 'public'";
  expect(await queryOnce(first.url, tables)).toHaveLength(1);
  expect(await queryOnce(second.url, tables)).toHaveLength(0);
  expect(new URL(first.url).port).toBe(new URL(second.url).port);
});

test('a dropped test database is gone, even with a client connected', async () => {
  const { url, drop } = await testDatabase();
  const asleep = queryOnce(url, 'select pg_sleep(60)').catch((cause: Error) => cause.message);
  await Bun.sleep(100);
  await drop();
  expect(await asleep).toContain('terminat');
  const after = await queryOnce(url, 'select 1').catch((cause: Error) => cause.message);
  expect(after).toContain('does not exist');
});
