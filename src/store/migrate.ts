import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import roles from '../../sql/roles.sql' with { type: 'text' };
import { PROJECT_ROOT } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { say } from '../base/terminal.ts';
import { query, transaction, type Client } from './client.ts';

const MIGRATIONS_DIR = join(PROJECT_ROOT, 'sql', 'migrations');

/** Any constant: two migrations of one database wait for each other on it. */
const ADVISORY_LOCK = 4_711_001;

type Migration = { version: number; name: string; sql: string; checksum: string };

/**
 * Applies the migrations that the database has not seen, in order, each in its own transaction.
 * Forward only: an applied file that has changed since is refused. Returns the names applied.
 * Roles and grants are made good every time, with a warning where this account may not.
 */
export async function migrate(client: Client): Promise<string[]> {
  const migrations = await readMigrations();
  await query(client, 'waiting for the migration lock', 'select pg_advisory_lock($1)', [
    ADVISORY_LOCK,
  ]);
  client.on('notice', warn);
  try {
    const applied = await applyMissing(client, migrations);
    await query(client, 'granting the roles', roles);
    return applied;
  } finally {
    client.off('notice', warn);
    // A connection that was lost has left the lock, and its own error is the one to hear of.
    await client.query('select pg_advisory_unlock($1)', [ADVISORY_LOCK]).catch(() => undefined);
  }
}

function warn({ severity, message }: { severity?: string; message?: string }): void {
  if (severity === 'WARNING') say(`migrate: ${message}`);
}

async function applyMissing(client: Client, migrations: Migration[]): Promise<string[]> {
  await query(
    client,
    'making the table of migrations',
    `create table if not exists schema_migrations (
      version integer primary key, name text not null, checksum text not null,
      applied_at timestamptz not null default now())`,
  );
  const rows = await query<{ version: number; checksum: string }>(
    client,
    'reading the table of migrations',
    'select version, checksum from schema_migrations',
  );
  const applied = new Map(rows.map((row) => [row.version, row.checksum]));
  const names: string[] = [];
  for (const migration of migrations) {
    const seen = applied.get(migration.version);
    if (seen === migration.checksum) continue;
    if (seen !== undefined) {
      throw new PipelineError(
        'DATABASE_FAILED',
        `${migration.name} has changed since it was applied; add a new migration instead`,
      );
    }
    await transaction(client, `applying ${migration.name}`, async () => {
      await client.query(migration.sql);
      await client.query(
        'insert into schema_migrations (version, name, checksum) values ($1, $2, $3)',
        [migration.version, migration.name, migration.checksum],
      );
    });
    names.push(migration.name);
  }
  return names;
}

async function readMigrations(): Promise<Migration[]> {
  const names = readdirSync(MIGRATIONS_DIR)
    .filter((name) => name.endsWith('.sql'))
    .toSorted();
  return await Promise.all(
    names.map(async (name) => {
      const sql = await Bun.file(join(MIGRATIONS_DIR, name)).text();
      const checksum = new Bun.CryptoHasher('sha256').update(sql).digest('hex').slice(0, 16);
      return { version: Number.parseInt(name, 10), name, sql, checksum };
    }),
  );
}
