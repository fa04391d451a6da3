import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as v from 'valibot';

import { PROJECT_ROOT } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';

const FILE = join(PROJECT_ROOT, 'compose.yaml');
const ASK_MS_MAX = 5_000;
const START_MS_MAX = 300_000; // the first start pulls the image

const Environment = v.optional(v.record(v.string(), v.string()), {});
const Config = v.object({
  services: v.object({ postgres: v.object({ environment: Environment }) }),
});

/** Whether the project's compose file has a PostgreSQL, and an engine is there to run it. */
export function composeWorks(): boolean {
  if (!existsSync(FILE) || !/^ {2}postgres:/m.test(readFileSync(FILE, 'utf8'))) return false;
  return (
    docker(['compose', 'version'], ASK_MS_MAX) !== undefined &&
    docker(['info'], ASK_MS_MAX) !== undefined
  );
}

/** Starts the service, if it does not run, and reads its address and user from docker. */
export function composeUp(): { databaseUrl: string; startedHere: boolean } {
  const runs = compose(['ps', '--quiet', '--status', 'running', 'postgres']).trim() !== '';
  if (!runs) compose(['up', '--detach', '--wait', 'postgres'], START_MS_MAX);
  const address = compose(['port', 'postgres', '5432']).trim().replace('0.0.0.0', '127.0.0.1');
  const config = v.parse(Config, JSON.parse(compose(['config', '--format', 'json'])));
  const values = config.services.postgres.environment;
  const user = values['POSTGRES_USER'] ?? 'postgres';
  const password = encodeURIComponent(values['POSTGRES_PASSWORD'] ?? '');
  const database = values['POSTGRES_DB'] ?? user;
  const databaseUrl = `postgres://${user}:${password}@${address}/${database}`;
  return { databaseUrl, startedHere: !runs };
}

function compose(argv: string[], timeoutMs = ASK_MS_MAX): string {
  const output = docker(['compose', '--file', FILE, ...argv], timeoutMs);
  if (output !== undefined) return output;
  throw new PipelineError('STACK_FAILED', `docker compose ${argv.join(' ')} failed`);
}

function docker(argv: string[], timeoutMs: number): string | undefined {
  try {
    const child = Bun.spawnSync(['docker', ...argv], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: timeoutMs,
    });
    return child.exitCode === 0 ? child.stdout.toString() : undefined;
  } catch {
    return undefined; // docker is not installed
  }
}
