import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { PipelineError } from '../base/errors.ts';
import { tryLock, withLock, type Lock } from './lock.ts';

const LOCK_MS_MAX = 120_000;

/**
 * What a temporary server leaves on disk: `dir`, locked for as long as the process that made it
 * lives, and `base` with its data, which may lie elsewhere.
 */
export type Home = { dir: string; owner: Lock; base: string };

const live = new Map<Home, () => void>();
let watchesExit = false;

/**
 * Makes a home below `tmp`, with its data below `parent`. Homes of owners that were killed are
 * removed first, after `endLeft` has ended what still uses their data. One caller at a time.
 */
export async function newHome<T extends { parent: string }>(
  tmp: string,
  endLeft: (base: string) => Promise<void>,
  prepare: () => Promise<T>,
): Promise<T & { home: Home }> {
  mkdirSync(tmp, { recursive: true, mode: 0o700 });
  return withLock(`${tmp}.lock`, LOCK_MS_MAX, async () => {
    await sweep(tmp, endLeft);
    const prepared = await prepare();
    return { ...prepared, home: makeHome(tmp, prepared.parent) };
  });
}

/** Has `endNow` called, and the home removed, by an ordinary end of this process. */
export function guard(home: Home, endNow: () => void): void {
  live.set(home, endNow);
  if (watchesExit) return;
  watchesExit = true;
  process.on('exit', () => {
    for (const [left, end] of live) {
      end(); // only synchronous work is possible here
      removeFolders(left.dir, left.base);
    }
  });
}

export function isGuarded(home: Home): boolean {
  return live.has(home);
}

/** Removes a home whose server has ended. */
export function removeHome(home: Home): void {
  live.delete(home);
  removeFolders(home.dir, home.base);
  home.owner.release();
}

/** The caller holds the lock of `tmp`. */
async function sweep(tmp: string, endLeft: (base: string) => Promise<void>): Promise<void> {
  for (const name of readdirSync(tmp)) {
    const dir = join(tmp, name);
    const lock = tryLock(join(dir, 'lock'));
    if (!lock) continue; // its owner lives
    const pointer = join(dir, 'base');
    const base = existsSync(pointer) ? readFileSync(pointer, 'utf8') : dir;
    await endLeft(base);
    removeFolders(dir, base);
    lock.release();
  }
}

/** The caller holds the lock of `tmp`, so nobody sweeps the folder before it is locked. */
function makeHome(tmp: string, parent: string): Home {
  const name = `${process.pid}-${randomBytes(4).toString('hex')}`;
  const dir = join(tmp, name);
  const base = join(parent, `millrace-${name}`);
  mkdirSync(dir, { mode: 0o700 });
  const owner = tryLock(join(dir, 'lock'));
  if (!owner) throw new PipelineError('STACK_FAILED', `${dir} is locked by another process`);
  writeFileSync(join(dir, 'base'), base);
  mkdirSync(base);
  chmodSync(base, 0o755); // the server's user must get through, whatever the umask
  return { dir, owner, base };
}

/** The folder with the lock goes last: as long as it is there, a sweep finds the other. */
function removeFolders(dir: string, base: string): void {
  rmSync(base, { recursive: true, force: true, maxRetries: 5 });
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}
