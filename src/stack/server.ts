import {
  appendFileSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { Client } from 'pg';

import { monotonicMs } from '../base/clock.ts';
import { childEnvironment } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { hasModule, packagedBinaries, program, publicBinaries, type Binaries } from './binaries.ts';
import { choosePort, freePort } from './ports.ts';
import {
  clearStale,
  endPostmaster,
  makersOf,
  postmasterOf,
  serves,
  type Postmaster,
} from './postmaster.ts';
import {
  lastLines,
  outcomeOf,
  rotateLog,
  spawnServer,
  waitUntil,
  type Lifetime,
} from './processes.ts';
import { asServerUser, NOBODY, type ServerUser } from './server-user.ts';
import { bulkLoadSettings, settingsFile } from './settings.ts';

const MB = 1024 * 1024;
const POLL_MS = 20;
const READY_MS_MAX = 30_000;
const RECOVERY_MS_MAX = 600_000; // replaying a full max_wal_size after a crash takes minutes
const CONNECT_MS_MAX = 2_000;
const ORPHANS_MS_MAX = 20_000;
const PORT_ATTEMPTS_MAX = 5;
const SETTINGS_FILE = 'millrace.conf';
const STARTING_UP = '57P03'; // cannot_connect_now

/** A cluster of databases on disk, and who may read it. */
export type Cluster = {
  data: string; // absolute
  log: string;
  password: string;
  user: ServerUser;
};

export type StartOptions = {
  lifetime: Lifetime;
  port?: number; // preferred; another is taken if it is in use
  settings?: Record<string, string>; // over those for bulk loading
};

export function databaseUrl(port: number, password: string, database: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
}

/** The binaries that this user can run. */
export function binariesFor(user: ServerUser): Binaries {
  const packaged = packagedBinaries();
  return user === 'nobody' ? publicBinaries(packaged) : packaged;
}

export function hasData(data: string): boolean {
  return existsSync(join(data, 'PG_VERSION'));
}

/**
 * Makes a new, empty cluster. It grows under another name and is renamed when complete, so the
 * data folder is never half-made; what killed starts left behind is removed. The caller holds
 * the lock. `sync` waits for the disk, which data that is to last needs.
 */
export async function makeData(cluster: Cluster, options: { sync: boolean }): Promise<void> {
  const { data, user } = cluster;
  if (existsSync(data) && readdirSync(data).length > 0) {
    throw new PipelineError(
      'STACK_FAILED',
      `${data} is not empty and holds no PostgreSQL data (no PG_VERSION); move or remove it, then try again`,
    );
  }
  const halves = `${basename(data)}.new-`;
  for (const name of readdirSync(dirname(data)).filter((entry) => entry.startsWith(halves))) {
    const path = join(dirname(data), name);
    const busy = (): boolean => makersOf(path).length > 0;
    await waitUntil(
      () => !busy(),
      ORPHANS_MS_MAX,
      () => `an initdb still fills ${path}`,
    );
    rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  }
  const half = join(dirname(data), `${halves}${process.pid}`);
  const passwordFile = `${half}.password`;
  makeOwned(half, user);
  writeFileSync(passwordFile, cluster.password, { mode: 0o600 });
  if (user === 'nobody') chownSync(passwordFile, NOBODY, NOBODY);
  try {
    await initdb(half, passwordFile, user, options.sync);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  appendFileSync(join(half, 'postgresql.conf'), `\ninclude_if_exists '${SETTINGS_FILE}'\n`);
  renameSync(half, data);
  if (options.sync) syncFolder(dirname(data));
}

/** Makes a folder that is the server user's alone, as PostgreSQL demands. */
export function makeOwned(folder: string, user: ServerUser): void {
  mkdirSync(folder, { mode: 0o700 });
  if (user === 'nobody') chownSync(folder, NOBODY, NOBODY);
}

/**
 * Starts a server on the cluster and waits until it accepts connections. What an earlier, crashed
 * server left is cleared first. The caller holds the lock, and has looked that none runs.
 * A server of lifetime `process` ends with the thread that calls this.
 */
export async function startServer(cluster: Cluster, options: StartOptions): Promise<Postmaster> {
  const binaries = binariesFor(cluster.user);
  writeFileSync(
    join(cluster.data, SETTINGS_FILE),
    settingsFile({ ...bulkLoadSettings(machine(binaries)), ...options.settings }),
    { mode: 0o644 },
  );
  for (let attempt = 1; ; attempt++) {
    await clearStale(cluster.data);
    const port = attempt === 1 ? choosePort(options.port) : freePort();
    const logStart = rotateLog(cluster.log);
    const child = spawnPostgres(cluster, binaries, port, options.lifetime);
    // Its pid is that of PostgreSQL: the programs before it replace themselves.
    const server = { pid: child.pid, port };
    const alive = (): boolean => child.exitCode === null && child.signalCode === null;
    if (await untilReady(cluster, server, alive)) return server;
    const other = await joinServer(cluster); // one whose starter was killed a moment ago
    if (other) return other;
    const log = readFileSync(cluster.log).subarray(logStart).toString();
    const clash = log.includes('Address already in use') || log.includes('could not bind');
    if (!clash || attempt === PORT_ATTEMPTS_MAX) throw ended(log, cluster.log);
  }
}

/** Waits for a server that somebody else started; undefined if there is none, or it has just ended. */
export async function joinServer(cluster: Cluster): Promise<Postmaster | undefined> {
  const server = postmasterOf(cluster.data);
  if (!server) return undefined;
  const alive = (): boolean => serves(server.pid, cluster.data);
  return (await untilReady(cluster, server, alive)) ? server : undefined;
}

/** Runs one statement on its own connection, and returns the rows. */
export async function queryOnce(
  url: string,
  statement: string,
  connectMsMax = CONNECT_MS_MAX,
): Promise<Record<string, unknown>[]> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: connectMsMax,
    ssl: false, // whatever PGSSLMODE says: the server is on this machine
  });
  client.on('error', ignore); // the query or the connect below is rejected as well
  try {
    await client.connect();
    return (await client.query(statement)).rows;
  } finally {
    await client.end().catch(ignore);
  }
}

async function initdb(
  folder: string,
  passwordFile: string,
  user: ServerUser,
  sync: boolean,
): Promise<void> {
  const command = [
    program(binariesFor(user), 'initdb'),
    `--pgdata=${folder}`,
    '--encoding=UTF8',
    '--locale=C',
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    ...(sync ? [] : ['--no-sync']),
  ];
  const child = Bun.spawn(asServerUser(user, 'process', command), {
    cwd: dirname(folder),
    env: childEnvironment({ LC_ALL: 'C' }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { exitCode, output, complaints } = await outcomeOf(child);
  if (exitCode === 0) return;
  const said = lastLines(complaints || output);
  throw new PipelineError('STACK_FAILED', `initdb could not make ${folder}:\n${said}`);
}

function spawnPostgres(
  cluster: Cluster,
  binaries: Binaries,
  port: number,
  lifetime: Lifetime,
): Bun.Subprocess {
  const command = [program(binaries, 'postgres'), '-D', cluster.data, '-p', String(port)];
  return spawnServer({
    argv: asServerUser(cluster.user, lifetime, command),
    cwd: dirname(cluster.data),
    log: cluster.log,
    env: childEnvironment({ LC_ALL: 'C' }),
  });
}

/** True once the server accepts connections, false once it has ended. */
async function untilReady(
  cluster: Cluster,
  server: Postmaster,
  alive: () => boolean,
): Promise<boolean> {
  const url = databaseUrl(server.port, cluster.password, 'postgres');
  const start = monotonicMs();
  while (alive()) {
    const state = await probe(url, cluster.data);
    if (state === 'ready') return true;
    const waitedMs = monotonicMs() - start;
    if (waitedMs > (state === 'recovering' ? RECOVERY_MS_MAX : READY_MS_MAX)) {
      if (serves(server.pid, cluster.data)) await endPostmaster(cluster.data, 'SIGQUIT', 10_000);
      return false;
    }
    await Bun.sleep(POLL_MS);
  }
  return false;
}

/** Whether this cluster answers at that address; another server may have taken the port. */
async function probe(url: string, data: string): Promise<'ready' | 'recovering' | 'silent'> {
  try {
    const [row] = await queryOnce(url, 'show data_directory');
    return row?.['data_directory'] === data ? 'ready' : 'silent';
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    return code === STARTING_UP ? 'recovering' : 'silent';
  }
}

function machine(binaries: Binaries): Parameters<typeof bulkLoadSettings>[0] {
  const shm = existsSync('/dev/shm') ? statfsSync('/dev/shm') : undefined;
  return {
    platform: process.platform,
    memoryMb: totalmem() / MB,
    sharedMemoryMb: shm ? (shm.blocks * shm.bsize) / MB : 0,
    statistics: hasModule(binaries, 'pg_stat_statements'),
  };
}

function ended(log: string, path: string): PipelineError {
  const message = `PostgreSQL did not start. The end of ${path}:\n${lastLines(log)}`;
  return new PipelineError('STACK_FAILED', message);
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

function ignore(): void {}
