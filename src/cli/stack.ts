import type { Command } from 'commander';

import { redactUrl, setting } from '../base/config.ts';
import { say } from '../base/terminal.ts';
import { down, status, up } from '../stack/postgres.ts';
import { serverVersion, withClient } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { describeSchema } from '../store/schema.ts';
import { command, databaseOf, result, type Common } from './common.ts';

export function upCommand(): Command {
  return command('up', 'start what is needed and is not running: PostgreSQL').action(
    async (options: Common) => {
      const running = await up();
      const applied = await withClient(running.databaseUrl, migrate);
      const value = {
        databaseUrl: running.databaseUrl,
        how: running.how,
        startedHere: running.startedHere,
      };
      result(options, { ...value, migrations: applied }, () => {
        const state = running.startedHere ? 'started' : 'was running already';
        return `PostgreSQL ${state} (${running.how})\n  DATABASE_URL=${running.databaseUrl}`;
      });
    },
  );
}

export function downCommand(): Command {
  return command('down', 'stop what `bun run millrace up` started; the data stay').action(
    async (options: Common) => {
      const stopped = await down();
      result(options, stopped, () =>
        stopped.wasRunning ? 'PostgreSQL stopped' : 'nothing was running',
      );
    },
  );
}

export function statusCommand(): Command {
  return command('status', 'say what is running').action(async (options: Common) => {
    const named = options.databaseUrl ?? setting('DATABASE_URL');
    if (named !== undefined) {
      const version = await withClient(named, serverVersion);
      const value = { running: true, accepting: true, databaseUrl: named, version };
      result(options, value, () => `PostgreSQL ${version} is running: ${redactUrl(named)}`);
      return;
    }
    const now = await status();
    result(options, now, () =>
      now.running && now.databaseUrl !== undefined
        ? `PostgreSQL is running: ${redactUrl(now.databaseUrl)}`
        : 'PostgreSQL is not running; `bun run millrace up` starts it',
    );
  });
}

export function migrateCommand(): Command {
  return command('migrate', 'bring the schema of the database up to date')
    .option('--schema', 'then print the whole schema as text')
    .action(async (options: Common & { schema?: boolean }) => {
      await withClient(await databaseOf(options), async (client) => {
        const applied = await migrate(client);
        for (const name of applied) say(`applied ${name}`);
        if (options.schema) {
          const schema = await describeSchema(client);
          result(options, { applied, schema }, () => schema);
          return;
        }
        result(options, { applied }, () =>
          applied.length > 0 ? `${applied.length} migrations applied` : 'the schema is up to date',
        );
      });
    });
}
