import { expect, test } from 'bun:test';
import { join } from 'node:path';

import { PROJECT_ROOT } from '../base/config.ts';
import { testDatabase } from '../stack/testing.ts';
import { withClient } from './client.ts';
import { migrate } from './migrate.ts';
import { describeSchema } from './schema.ts';

test('sql/schema.sql is what the migrations make', async () => {
  const database = await testDatabase('schema');
  try {
    const made = await withClient(database.url, async (client) => {
      await migrate(client);
      return await describeSchema(client);
    });
    const kept = await Bun.file(join(PROJECT_ROOT, 'sql', 'schema.sql')).text();
    expect(`${made}\n`).toBe(kept);
  } finally {
    await database.drop();
  }
});
