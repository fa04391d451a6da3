import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { packagedBinaries, publicFolder } from './binaries.ts';
import { writeWhole } from './files.ts';
import { guard, isGuarded, newHome, removeHome, type Home } from './homes.ts';
import { endPostmaster, postmasterOf, processesIn, type Postmaster } from './postmaster.ts';
import { serverUser, type ServerUser } from './server-user.ts';
import { databaseUrl, hasData, makeData, startServer, type Cluster } from './server.ts';

const END_MS_MAX = 10_000;
const EXIT_MS_MAX = 5_000;
const POLL_MS = 10;

export type TemporaryOptions = {
  parent?: string; // an existing folder to keep the data below, such as a small tmpfs
  settings?: Record<string, string>; // over those for bulk loading
  user?: ServerUser; // forces a way to run; the first that works otherwise
  stateDir?: string; // where locks, logs and the template are kept
};

/** A server for tests and benches. `kill` and `restart` are for tests of faults. */
export type Temporary = {
  readonly databaseUrl: string; // stays the same over restarts
  readonly pid: number; // of the postmaster; changes with a restart
  readonly data: string;
  readonly log: string;
  /** Ends the postmaster as a crash would, and waits until its children are gone. */
  kill(): Promise<void>;
  /** Starts it again, on the same data and port. */
  restart(): Promise<void>;
  /** Ends the server, and removes all it has left. */
  stop(): Promise<void>;
};

type Entry = { cluster: Cluster; home: Home };

/**
 * Starts a server of its own, which ends with this thread even if that is killed (on Linux;
 * elsewhere the next call ends it). Folders of owners that were killed are swept first.
 */
export async function temporary(options: TemporaryOptions = {}): Promise<Temporary> {
  const stateDir = resolve(options.stateDir ?? STATE_DIR);
  const user = options.user ?? serverUser();
  const { home, template } = await newHome(join(stateDir, 'tmp'), endLeft, async () => ({
    template: await ensureTemplate(stateDir, user), // under the same lock, so it is made once
    parent: baseFolder(stateDir, user, options.parent),
  }));
  const data = join(home.base, 'data');
  const cluster = { ...template, data, log: join(home.dir, 'postgres.log') };
  const entry = { cluster, home };
  guard(home, () => endNow(data));
  try {
    copyFolder(template.data, data);
    const server = await startServer(cluster, start(options));
    return handle(entry, server, options);
  } catch (cause) {
    await remove(entry);
    throw cause;
  }
}

function start(options: TemporaryOptions, port?: number): Parameters<typeof startServer>[1] {
  // Shared memory in files of the data folder cannot outlive it, whatever kills the server.
  const settings = { dynamic_shared_memory_type: 'mmap', ...options.settings };
  return { lifetime: 'process', settings, ...(port !== undefined && { port }) };
}

function handle(entry: Entry, first: Postmaster, options: TemporaryOptions): Temporary {
  const { cluster } = entry;
  let server = first;
  return {
    databaseUrl: databaseUrl(first.port, cluster.password, 'postgres'),
    get pid() {
      return server.pid;
    },
    data: cluster.data,
    log: cluster.log,
    kill: () => end(cluster.data, 'SIGKILL'),
    async restart() {
      if (postmasterOf(cluster.data)) await end(cluster.data, 'SIGQUIT');
      server = await startServer(cluster, start(options, first.port));
      if (server.port === first.port) return;
      throw new PipelineError('STACK_FAILED', `port ${first.port} was taken meanwhile`);
    },
    stop: () => remove(entry),
  };
}

async function remove(entry: Entry): Promise<void> {
  if (!isGuarded(entry.home)) return; // it is gone already
  await end(entry.cluster.data, 'SIGQUIT');
  removeHome(entry.home);
}

async function endLeft(base: string): Promise<void> {
  await end(join(base, 'data'), 'SIGQUIT');
}

async function end(data: string, signal: 'SIGQUIT' | 'SIGKILL'): Promise<void> {
  if (await endPostmaster(data, signal, END_MS_MAX)) return;
  if (await endPostmaster(data, 'SIGKILL', END_MS_MAX)) return;
  throw new PipelineError('STACK_FAILED', `the temporary server of ${data} does not stop`);
}

function baseFolder(stateDir: string, user: ServerUser, parent: string | undefined): string {
  if (parent) return resolve(parent);
  if (user === 'nobody') return publicFolder();
  const base = join(stateDir, 'tmp-data');
  mkdirSync(base, { recursive: true, mode: 0o700 });
  return base;
}

/**
 * A cluster made once and copied for every temporary server: a copy takes a fraction of initdb's
 * time. They share its password. The caller holds the lock of `tmp`.
 */
async function ensureTemplate(stateDir: string, user: ServerUser): Promise<Cluster> {
  const { version } = packagedBinaries();
  const parent = user === 'nobody' ? publicFolder() : stateDir;
  const data = join(parent, `template-${version}-${user}`);
  const secret = `${data}.password`;
  if (!hasData(data) || !existsSync(secret)) {
    rmSync(data, { recursive: true, force: true });
    const password = randomBytes(24).toString('hex');
    writeWhole(secret, password);
    await makeData({ data, log: '', password, user }, { sync: true });
  }
  return { data, log: '', password: readFileSync(secret, 'utf8'), user };
}

/** With owners and modes, which no function of Bun's keeps. */
function copyFolder(from: string, to: string): void {
  const child = Bun.spawnSync(['cp', '-a', from, to], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (child.exitCode === 0) return;
  throw new PipelineError(
    'STACK_FAILED',
    `cannot copy to ${dirname(to)}:\n${child.stderr.toString()}`,
  );
}

/** For the end of this process, when only synchronous work is possible. */
function endNow(data: string): void {
  const found = postmasterOf(data);
  if (found) process.kill(found.pid, 'SIGQUIT');
  for (let ms = 0; ms < EXIT_MS_MAX && processesIn(data).length > 0; ms += POLL_MS) {
    Bun.sleepSync(POLL_MS);
  }
}
