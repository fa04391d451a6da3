import schema from '../../sql/queries/schema.sql' with { type: 'text' };
import { query, type Client } from './client.ts';

/**
 * The whole schema as text, so that what a migration does can be read as a difference. Kept in
 * sql/schema.sql, which a test holds against a migrated database.
 */
export async function describeSchema(client: Client): Promise<string> {
  const rows = await query<{ line: string }>(client, 'reading the schema', schema);
  const head =
    '-- The sum of sql/migrations; made by `bun run --silent millrace migrate --schema`.';
  return [head, ...rows.map((row) => row.line.trimEnd())].join('\n');
}
