import { afterAll, expect, test } from 'bun:test';

import { testDatabase } from '../stack/testing.ts';
import { connect } from './client.ts';
import { RowStream } from './copy-out.ts';

const database = await testDatabase('copy out');
const client = await connect(database.url);

afterAll(async () => {
  await client.end();
  await database.drop();
});

async function texts(query: string, fields = 1): Promise<(string | null)[][]> {
  const stream = new RowStream(client, query, fields, 'reading');
  const rows: (string | null)[][] = [];
  while (await stream.next()) {
    rows.push(
      Array.from({ length: fields }, (_, field) => {
        const from = stream.starts[field];
        const length = stream.lengths[field];
        return length < 0 ? null : Buffer.from(stream.bytes.slice(from, from + length)).toString();
      }),
    );
  }
  expect(stream.rows).toBe(rows.length);
  return rows;
}

test('rows come as a query returns them, and the connection works on', async () => {
  const query = `select i::text, case when i % 7 = 0 then null else repeat('가', i % 50) end
    from generate_series(1, 50000) i`;
  const { rows } = await client.query({ text: query, rowMode: 'array' });
  expect(await texts(query, 2)).toEqual(rows);
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('no row at all, and rows larger than what a socket gives at once', async () => {
  expect(await texts('select 1 where false')).toEqual([]);
  const sizes = [0, 1, 65_530, 65_536, 3_000_000, 12, 9_000_000];
  const rows = await texts(
    `select repeat('x', size) from unnest(array[${sizes.join()}]) with ordinality u (size, at) order by at`,
  );
  expect(rows.map(([text]) => text?.length)).toEqual(sizes);
});

test('a slow reader holds the server back, so memory stays bounded', async () => {
  const stream = new RowStream(
    client,
    `select repeat('y', 1000) from generate_series(1, 100000)`,
    1,
    'reading slowly',
  );
  const before = process.memoryUsage.rss();
  await stream.next();
  await Bun.sleep(300);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20);
  while (await stream.next()) if (stream.rows % 20_000 === 0) await Bun.sleep(1);
  expect(stream.rows).toBe(100_000);
}, 20_000);

test('an error before and one in the middle are said, and the connection works on', async () => {
  const refused = await texts('select nothing from nowhere').catch((cause: unknown) => cause);
  expect(refused).toMatchObject({ code: 'DATABASE_FAILED' });
  expect(String(refused)).toContain('42P01');
  const half = await texts(
    `select (1 / (50000 - i))::text || repeat('z', 100) from generate_series(1, 60000) i`,
  ).catch((cause: unknown) => cause);
  expect(String(half)).toContain('22012');
  expect((await client.query('select 2 as two')).rows).toEqual([{ two: 2 }]);
});

test('a lost connection is an error, not a wait for ever', async () => {
  const other = await connect(database.url);
  const stream = new RowStream(
    other,
    `select repeat('y', 1000) from generate_series(1, 1000000)`,
    1,
    'reading',
  );
  await stream.next();
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`,
  );
  const read = async (): Promise<void> => {
    while (await stream.next());
  };
  expect(await read().catch((cause: unknown) => cause)).toMatchObject({ code: 'DATABASE_LOST' });
  await other.end().catch(() => undefined);
});
