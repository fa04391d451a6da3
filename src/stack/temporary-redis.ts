import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { guard, isGuarded, newHome, removeHome } from './homes.ts';
import { sendSignal } from './processes.ts';
import { endRedis, redisPid, redisUrl, startRedis } from './redis-server.ts';

const END_MS_MAX = 10_000;

export type TemporaryRedisOptions = {
  settings?: Record<string, string>; // over those of a cache, as in redis.conf
  stateDir?: string; // where its folder and lock are kept
};

/** A Redis for tests, benches and drills. */
export type TemporaryRedis = {
  readonly redisUrl: string; // stays the same over restarts
  readonly pid: number; // changes with a restart
  readonly dir: string;
  /** Ends it as a crash would. What it held is gone. */
  kill(): Promise<void>;
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>;
  /** Makes it mute without ending it: connections stay open, and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it, and removes all it has left. */
  stop(): Promise<void>;
};

/**
 * Starts a server of its own, which ends with this thread even if that is killed (on Linux;
 * elsewhere the next call ends it). Folders of owners that were killed are swept first.
 */
export async function temporaryRedis(options: TemporaryRedisOptions = {}): Promise<TemporaryRedis> {
  const stateDir = resolve(options.stateDir ?? STATE_DIR);
  const parent = join(stateDir, 'tmp-data');
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const { home } = await newHome(join(stateDir, 'tmp-redis'), end, async () => ({ parent }));
  const dir = home.base;
  guard(home, () => endNow(dir));
  const password = randomBytes(24).toString('hex');
  const stop = async (): Promise<void> => {
    if (!isGuarded(home)) return; // it is gone already
    await end(dir);
    removeHome(home);
  };
  const start = (port?: number): ReturnType<typeof startRedis> =>
    startRedis(dir, {
      lifetime: 'process',
      password,
      settings: options.settings ?? {},
      ...(port !== undefined && { port }),
    });
  try {
    const first = await start();
    let server = first;
    return {
      redisUrl: redisUrl({ port: first.port, password }),
      get pid() {
        return server.pid;
      },
      dir,
      kill: () => end(dir),
      async restart() {
        await end(dir);
        server = await start(first.port);
        if (server.port === first.port) return;
        throw new PipelineError('STACK_FAILED', `port ${first.port} was taken meanwhile`);
      },
      pause: () => sendSignal(server.pid, 'SIGSTOP'),
      resume: () => sendSignal(server.pid, 'SIGCONT'),
      stop,
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

async function end(dir: string): Promise<void> {
  if (await endRedis(dir, 'SIGKILL', END_MS_MAX)) return;
  throw new PipelineError('STACK_FAILED', `the temporary Redis of ${dir} does not stop`);
}

/** For the end of this process, when only synchronous work is possible. */
function endNow(dir: string): void {
  const pid = redisPid(dir);
  if (pid !== undefined) sendSignal(pid, 'SIGKILL');
}
