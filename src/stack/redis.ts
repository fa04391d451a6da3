import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { setting, STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { composeRedisUp, composeWorks } from './compose.ts';
import { withLock } from './lock.ts';
import {
  accessOf,
  answers,
  endRedis,
  joinRedis,
  redisPid,
  redisUrl,
  startRedis,
} from './redis-server.ts';
import { portOpens, STATUS_MS_MAX } from './slow.ts';

const DEFAULT_DIR = join(STATE_DIR, 'redis');
const LOCK_MS_MAX = 960_000; // longer than fetching the binary may take
const STOP_MS_MAX = 5_000;

/** A Redis to work with, and how it came to run. */
export type RunningRedis = {
  redisUrl: string;
  how: 'environment' | 'compose' | 'embedded';
  startedHere: boolean;
};

export type RedisStatus = {
  running: boolean;
  accepting: boolean;
  slow: boolean; // it listens, and has not answered in time
  dir: string;
  pid?: number;
  redisUrl?: string;
  version?: string;
};

/** The Redis the environment names; else docker compose's; else one started here. */
export async function redisUp(): Promise<RunningRedis> {
  const named = setting('REDIS_URL');
  if (named) return { redisUrl: named, how: 'environment', startedHere: false };
  if (composeWorks('redis')) return { ...composeRedisUp(), how: 'compose' };
  return embeddedRedisUp();
}

/** Finds or starts the server of a state folder. It goes on when this process ends. */
export async function embeddedRedisUp(dir: string = DEFAULT_DIR): Promise<RunningRedis> {
  const folder = resolve(dir);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return withLock(join(folder, 'lock'), LOCK_MS_MAX, async () => {
    const known = accessOf(folder);
    const found = await joinRedis(folder);
    const password = known?.password ?? randomBytes(24).toString('hex');
    const server =
      found ??
      (await startRedis(folder, {
        lifetime: 'daemon',
        password,
        ...(known && { port: known.port }),
      }));
    return {
      redisUrl: redisUrl({ port: server.port, password }),
      how: 'embedded',
      startedHere: !found,
    };
  });
}

/** Looks, changes nothing, and waits for an answer no longer than STATUS_MS_MAX. */
export async function redisStatus(dir: string = DEFAULT_DIR): Promise<RedisStatus> {
  const folder = resolve(dir);
  const pid = redisPid(folder);
  const access = accessOf(folder);
  const base = { running: pid !== undefined, dir: folder };
  if (pid === undefined || !access) return { ...base, accepting: false, slow: false };
  const url = redisUrl(access);
  const version = await answers(url, pid, STATUS_MS_MAX);
  return {
    ...base,
    accepting: version !== undefined,
    slow: version === undefined && (await portOpens(access.port)),
    pid,
    redisUrl: url,
    ...(version !== undefined && { version }),
  };
}

/** Stops the server of a state folder, and says whether there was one. Its contents are gone. */
export async function redisDown(dir: string = DEFAULT_DIR): Promise<{ wasRunning: boolean }> {
  const folder = resolve(dir);
  if (!existsSync(folder)) return { wasRunning: false };
  return withLock(join(folder, 'lock'), LOCK_MS_MAX, async () => {
    const pid = redisPid(folder);
    if (pid === undefined) return { wasRunning: false };
    const stopped =
      (await endRedis(folder, 'SIGTERM', STOP_MS_MAX)) ||
      (await endRedis(folder, 'SIGKILL', STOP_MS_MAX));
    if (stopped) return { wasRunning: true };
    throw new PipelineError('STACK_FAILED', `Redis (process ${pid}) does not stop`);
  });
}
