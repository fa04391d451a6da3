import { Database } from 'bun:sqlite';

import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';

const RETRY_MS = 50;

/** Held until released, or until the process that holds it ends in whatever way. */
export type Lock = { release(): void };

/**
 * Takes the lock, or returns undefined when anybody has it. The lock is SQLite's, on an empty
 * file: the kernel lets go of it when its holder dies, so there is no stale lock to detect and
 * no pid to mistake for another. The file stays; removing it would let two holders in.
 */
export function tryLock(path: string): Lock | undefined {
  const database = new Database(path, { create: true });
  try {
    database.run('pragma busy_timeout = 0');
    database.run('begin exclusive');
  } catch (cause) {
    database.close();
    if (cause instanceof Error && 'code' in cause && cause.code === 'SQLITE_BUSY') return undefined;
    throw new PipelineError('STACK_FAILED', `${path} cannot be locked`, { cause });
  }
  return { release: () => database.close() };
}

/** Runs `work` while no other process (and no other caller in this one) runs under that lock. */
export async function withLock<T>(
  path: string,
  waitMsMax: number,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await waitForLock(path, waitMsMax);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function waitForLock(path: string, waitMsMax: number): Promise<Lock> {
  const end = monotonicMs() + waitMsMax;
  for (;;) {
    const lock = tryLock(path);
    if (lock) return lock;
    if (monotonicMs() > end) {
      throw new PipelineError('STACK_FAILED', `another process has held ${path} for too long`, {
        retryable: true,
      });
    }
    await Bun.sleep(RETRY_MS);
  }
}
