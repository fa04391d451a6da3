import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { packagedBinaries, publicFolder } from './binaries.ts';
import { tryLock, withLock, type Lock } from './lock.ts';
import { endPostmaster, postmasterOf, processesIn, type Postmaster } from './postmaster.ts';
import { serverUser, type ServerUser } from './server-user.ts';
import { databaseUrl, hasData, makeData, startServer, type Cluster } from './server.ts';

const LOCK_MS_MAX = 120_000;
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

/** A folder under `tmp`, locked for as long as the process that made it lives. */
type Home = { dir: string; owner: Lock; base: string };

const live = new Set<{ cluster: Cluster; home: Home }>();
let watchesExit = false;

/**
 * Starts a server of its own, which ends with this thread even if that is killed (on Linux;
 * elsewhere the next call ends it). Folders of owners that were killed are swept first.
 */
export async function temporary(options: TemporaryOptions = {}): Promise<Temporary> {
  const stateDir = resolve(options.stateDir ?? STATE_DIR);
  const user = options.user ?? serverUser();
  mkdirSync(join(stateDir, 'tmp'), { recursive: true, mode: 0o700 });
  const { home, template } = await withLock(join(stateDir, 'tmp.lock'), LOCK_MS_MAX, async () => {
    await sweep(join(stateDir, 'tmp'));
    return {
      template: await ensureTemplate(stateDir, user),
      home: makeHome(stateDir, baseFolder(stateDir, user, options.parent)),
    };
  });
  const data = join(home.base, 'data');
  const cluster = { ...template, data, log: join(home.dir, 'postgres.log') };
  const entry = { cluster, home };
  live.add(entry);
  watchExit();
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

function handle(
  entry: { cluster: Cluster; home: Home },
  first: Postmaster,
  options: TemporaryOptions,
): Temporary {
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

async function remove(entry: { cluster: Cluster; home: Home }): Promise<void> {
  if (!live.has(entry)) return;
  await end(entry.cluster.data, 'SIGQUIT');
  live.delete(entry);
  removeFolders(entry.home.dir, entry.home.base);
  entry.home.owner.release();
}

async function end(data: string, signal: 'SIGQUIT' | 'SIGKILL'): Promise<void> {
  if (await endPostmaster(data, signal, END_MS_MAX)) return;
  if (await endPostmaster(data, 'SIGKILL', END_MS_MAX)) return;
  throw new PipelineError('STACK_FAILED', `the temporary server of ${data} does not stop`);
}

/** Removes what owners left that no longer live. The caller holds the lock of `tmp`. */
async function sweep(tmp: string): Promise<void> {
  for (const name of readdirSync(tmp)) {
    const dir = join(tmp, name);
    const lock = tryLock(join(dir, 'lock'));
    if (!lock) continue; // its owner lives
    const pointer = join(dir, 'base');
    const base = existsSync(pointer) ? readFileSync(pointer, 'utf8') : dir;
    await end(join(base, 'data'), 'SIGQUIT');
    removeFolders(dir, base);
    lock.release();
  }
}

/** The caller holds the lock of `tmp`, so nobody sweeps the folder before it is locked. */
function makeHome(stateDir: string, parent: string): Home {
  const name = `${process.pid}-${randomBytes(4).toString('hex')}`;
  const dir = join(stateDir, 'tmp', name);
  const base = join(parent, `millrace-${name}`);
  mkdirSync(dir, { mode: 0o700 });
  const owner = tryLock(join(dir, 'lock'));
  if (!owner) throw new PipelineError('STACK_FAILED', `${dir} is locked by another process`);
  writeFileSync(join(dir, 'base'), base);
  mkdirSync(base);
  chmodSync(base, 0o755); // the server's user must get through, whatever the umask
  return { dir, owner, base };
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
    writeFileSync(`${secret}.half`, password, { mode: 0o600 });
    renameSync(`${secret}.half`, secret);
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

/** The folder with the lock goes last: as long as it is there, a sweep finds the other. */
function removeFolders(dir: string, base: string): void {
  rmSync(base, { recursive: true, force: true, maxRetries: 5 });
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}

/** An ordinary end leaves nothing for the next sweep. Only synchronous work is possible there. */
function watchExit(): void {
  if (watchesExit) return;
  watchesExit = true;
  process.on('exit', () => {
    for (const { cluster, home } of live) {
      const found = postmasterOf(cluster.data);
      if (found) process.kill(found.pid, 'SIGQUIT');
      for (let ms = 0; ms < EXIT_MS_MAX && processesIn(cluster.data).length > 0; ms += POLL_MS) {
        Bun.sleepSync(POLL_MS);
      }
      removeFolders(home.dir, home.base);
    }
  });
}
