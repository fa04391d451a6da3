import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import * as v from 'valibot';

import { setting, STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { publicFolder } from './binaries.ts';
import { composePostgresUp, composeWorks } from './compose.ts';
import { readIfThere, writeWhole } from './files.ts';
import { withLock } from './lock.ts';
import { endPostmaster, postmasterOf, type Postmaster } from './postmaster.ts';
import { SERVER_USERS, serverUser, type ServerUser } from './server-user.ts';
import {
  databaseUrl,
  hasData,
  joinServer,
  makeData,
  queryOnce,
  startServer,
  type Cluster,
} from './server.ts';
import { portOpens, STATUS_MS_MAX } from './slow.ts';

const DEFAULT_DIR = join(STATE_DIR, 'postgres');
const DATABASE = 'millrace';
const LOCK_MS_MAX = 660_000; // longer than the longest start, a recovery
const FAST_MS_MAX = 20_000;
const IMMEDIATE_MS_MAX = 10_000;

/** A database to work with, and how it came to run. */
export type Running = {
  databaseUrl: string;
  how: 'environment' | 'compose' | 'embedded';
  startedHere: boolean;
};

export type Status = {
  running: boolean;
  accepting: boolean; // false while it starts or recovers
  slow: boolean; // it listens, and has not answered in time
  dir: string;
  data: string;
  pid?: number;
  databaseUrl?: string;
  version?: string;
};

export type EmbeddedOptions = {
  dir?: string; // where the state is kept
  user?: ServerUser; // forces a way to run; the first that works otherwise
};

/** What is remembered between starts. */
const Memory = v.object({ port: v.number(), user: v.picklist(SERVER_USERS) });
type Memory = v.InferOutput<typeof Memory>;

/** The database the environment names; else docker compose's; else one started from packages. */
export async function up(): Promise<Running> {
  const named = setting('DATABASE_URL');
  if (named) return { databaseUrl: named, how: 'environment', startedHere: false };
  if (composeWorks('postgres')) return { ...composePostgresUp(), how: 'compose' };
  return embeddedUp();
}

/** Finds or starts the server of a state folder. It goes on when this process ends. */
export async function embeddedUp(options: EmbeddedOptions = {}): Promise<Running> {
  const dir = resolve(options.dir ?? DEFAULT_DIR);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return withLock(join(dir, 'lock'), LOCK_MS_MAX, async () => {
    const cluster = clusterOf(dir, options.user);
    const found = await joinServer(cluster);
    const server = found ?? (await start(dir, cluster));
    await ensureDatabase(server, cluster.password);
    return {
      databaseUrl: databaseUrl(server.port, cluster.password, DATABASE),
      how: 'embedded',
      startedHere: !found,
    };
  });
}

/** Looks, changes nothing, and waits for an answer no longer than STATUS_MS_MAX. */
export async function status(dir: string = DEFAULT_DIR): Promise<Status> {
  const folder = resolve(dir);
  const data = dataOf(folder, recall(folder)?.user);
  const found = postmasterOf(data);
  const password = readPassword(folder);
  const base = { running: found !== undefined, dir: folder, data };
  if (!found || !password) return { ...base, accepting: false, slow: false };
  const url = databaseUrl(found.port, password, DATABASE);
  let refused = false;
  const version = await queryOnce(url, 'show server_version', STATUS_MS_MAX).then(
    ([row]) => String(row?.['server_version']),
    (cause: unknown) => {
      refused = cause instanceof Error && 'code' in cause; // it starts, recovers or ends just now
      return undefined;
    },
  );
  return {
    ...base,
    accepting: version !== undefined,
    slow: version === undefined && !refused && (await portOpens(found.port)),
    pid: found.pid,
    databaseUrl: url,
    ...(version !== undefined && { version }),
  };
}

/** Stops the server of a state folder, and says whether there was one. */
export async function down(dir: string = DEFAULT_DIR): Promise<{ wasRunning: boolean }> {
  const folder = resolve(dir);
  if (!existsSync(folder)) return { wasRunning: false };
  return withLock(join(folder, 'lock'), LOCK_MS_MAX, async () => {
    const data = dataOf(folder, recall(folder)?.user);
    const found = postmasterOf(data);
    if (!found) return { wasRunning: false };
    const stopped =
      (await endPostmaster(data, 'SIGINT', FAST_MS_MAX)) ||
      (await endPostmaster(data, 'SIGQUIT', IMMEDIATE_MS_MAX));
    if (stopped) return { wasRunning: true };
    throw new PipelineError('STACK_FAILED', `PostgreSQL (process ${found.pid}) does not stop`);
  });
}

async function start(dir: string, cluster: Cluster): Promise<Postmaster> {
  if (!hasData(cluster.data)) await makeData(cluster, { sync: true });
  const port = recall(dir)?.port;
  const server = await startServer(cluster, {
    lifetime: 'daemon',
    ...(port !== undefined && { port }),
  });
  remember(dir, { port: server.port, user: cluster.user });
  return server;
}

/** Where the cluster of a state folder is, or is to be; its password is made at the first call. */
function clusterOf(dir: string, forced: ServerUser | undefined): Cluster {
  const memory = recall(dir);
  const user = forced ?? (memory && isOurs(memory.user) ? memory.user : serverUser());
  const data = dataOf(dir, user);
  const known = readPassword(dir);
  if (!known && hasData(data)) {
    throw new PipelineError(
      'STACK_FAILED',
      `${dir}/password is lost: remove ${data} to start anew`,
    );
  }
  const password = known ?? randomBytes(24).toString('hex');
  if (!known) writeWhole(join(dir, 'password'), password);
  return { data, log: join(dir, 'postgres.log'), password, user };
}

/** Whether a server that ran as that user can be run by this one. */
function isOurs(user: ServerUser): boolean {
  const isRoot = process.getuid?.() === 0;
  return user === 'namespace' || (user === 'nobody') === isRoot;
}

/**
 * Worked out anew each time and never remembered: a state folder that was copied must not lead to
 * the server of the one it was copied from.
 */
function dataOf(dir: string, user: ServerUser | undefined): string {
  return join(user === 'nobody' ? publicHome(dir) : dir, 'data');
}

function publicHome(dir: string): string {
  const hash = createHash('sha256').update(dir).digest('hex').slice(0, 12);
  const home = join(publicFolder(), hash);
  mkdirSync(home, { recursive: true, mode: 0o755 });
  return home;
}

async function ensureDatabase(server: Postmaster, password: string): Promise<void> {
  const url = databaseUrl(server.port, password, 'postgres');
  const rows = await queryOnce(url, `select from pg_database where datname = '${DATABASE}'`);
  if (rows.length === 0) await queryOnce(url, `create database ${DATABASE}`);
}

function recall(dir: string): Memory | undefined {
  const text = readIfThere(join(dir, 'server.json'));
  return text === undefined ? undefined : v.parse(Memory, JSON.parse(text));
}

function remember(dir: string, memory: Memory): void {
  writeWhole(join(dir, 'server.json'), `${JSON.stringify(memory)}\n`);
}

function readPassword(dir: string): string | undefined {
  return readIfThere(join(dir, 'password'));
}
