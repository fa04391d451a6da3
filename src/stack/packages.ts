import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { STATE_DIR } from '../base/config.ts';
import { withLock } from './lock.ts';

/** What was fetched or made once, and is used by every server since. */
export const PACKAGES_DIR = join(STATE_DIR, 'packages');

const MAKE_MS_MAX = 900_000; // the first time, a slow line has 200 MB to bring

/**
 * A folder of packages, made at the first call. It grows under another name and is renamed when
 * complete, so it is never half-made. Whatever it depends on belongs into `sources`: other
 * sources make another folder. Makers that must not run side by side share a `lock`.
 */
export async function madeOnce(
  { name, lock, sources }: { name: string; lock: string; sources: (string | Uint8Array)[] },
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256');
  for (const source of sources) hash.update(source).update('\0');
  const folder = join(PACKAGES_DIR, `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(PACKAGES_DIR, { recursive: true });
  return withLock(join(PACKAGES_DIR, `${lock}.lock`), MAKE_MS_MAX, async () => {
    if (existsSync(folder)) return folder;
    removeHalves(name);
    const half = `${folder}.new-${process.pid}`;
    mkdirSync(half);
    try {
      await make(half);
      renameSync(half, folder);
    } catch (cause) {
      rmSync(half, { recursive: true, force: true });
      throw cause;
    }
    return folder;
  });
}

/** What killed calls left. The caller holds the lock. */
function removeHalves(name: string): void {
  const half = new RegExp(`^${name}-[0-9a-f]{12}\\.new-`);
  for (const left of readdirSync(PACKAGES_DIR).filter((entry) => half.test(entry))) {
    rmSync(join(PACKAGES_DIR, left), { recursive: true, force: true });
  }
}
