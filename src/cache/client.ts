import { Redis } from 'ioredis';

import { redactUrl } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { metrics } from '../base/metrics.ts';
import { ask, noteReason } from './failure.ts';

export type { Redis } from 'ioredis';

const COMMAND_MS_MAX = 1_500;
const SOCKET_MS_MAX = 5_000; // silence while replies are due
const CONNECT_MS_MAX = 5_000;
const OPEN_MS_MAX = 1_000;
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 2_000;
const QUIT_MS_MAX = 500;

type RedisOptions = { name?: string };

/**
 * A connection to Redis that comes up by itself, now or later, and again after every loss. Redis is a
 * cache, so nothing waits for it: a command fails at once when there is no connection, after
 * COMMAND_MS_MAX when no reply comes, and is never sent twice. `rediss://` means TLS.
 */
export async function openRedis(url: string, options: RedisOptions = {}): Promise<Redis> {
  const redis = client(url, options);
  // Usually it is there, and the first command shall find it. A failure is told by the error event.
  const connected = redis.connect().catch(() => undefined);
  await Promise.race([connected, Bun.sleep(OPEN_MS_MAX)]);
  return redis;
}

/** A connection that is up, or an error that says why it is not; for commands that people wait for. */
export async function connectRedis(url: string, options: RedisOptions = {}): Promise<Redis> {
  const redis = client(url, options);
  try {
    await ask(redis, 'connect', `connecting to Redis at ${redactUrl(url)}`, redis.connect());
  } catch (cause) {
    redis.disconnect();
    throw cause;
  }
  return redis;
}

/**
 * Throws what a Redis refuses us for, such as a wrong password; one that is away, or too busy just now,
 * is no reason to stop.
 */
export async function checkAccess(redis: Redis, url: string): Promise<void> {
  try {
    await ask(redis, 'connect', `connecting to Redis at ${redactUrl(url)}`, redis.ping());
  } catch (cause) {
    if (!(cause instanceof PipelineError) || !cause.retryable) throw cause;
  }
}

/** Says goodbye if there is a connection, and is done in any case. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    const bye = redis.quit().catch(() => undefined);
    await Promise.race([bye, Bun.sleep(QUIT_MS_MAX)]);
  }
  redis.disconnect();
}

/** Runs `work` on a connection of its own and closes it whatever happens. */
export async function withRedis<Result>(
  url: string,
  work: (redis: Redis) => Promise<Result>,
): Promise<Result> {
  const redis = await connectRedis(url);
  try {
    return await work(redis);
  } finally {
    await closeRedis(redis);
  }
}

function client(url: string, { name = 'millrace' }: RedisOptions): Redis {
  checkUrl(url);
  const redis = new Redis(url, {
    lazyConnect: true,
    connectionName: name.replaceAll(/\s/g, '-'), // Redis takes no blanks there
    enableOfflineQueue: false, // it has no limit
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0, // what was under way when the connection broke fails then, not later
    commandTimeout: COMMAND_MS_MAX,
    socketTimeout: SOCKET_MS_MAX,
    connectTimeout: CONNECT_MS_MAX,
    retryStrategy: (attempt) =>
      Math.min(RETRY_MS_MIN * 2 ** Math.min(attempt - 1, 10), RETRY_MS_MAX),
  });
  redis.on('ready', () => {
    metrics.redisUp.set(1);
    noteReason(redis, undefined);
  });
  redis.on('close', () => metrics.redisUp.set(0));
  // Commands report this; unheard, the event would be printed with the arguments of AUTH in it.
  redis.on('error', (error: unknown) => {
    metrics.redisUp.set(0);
    noteReason(redis, error);
    // A database that is not there leaves the connection on number 0, where others may live.
    if (String(error).includes('DB index is out of range')) redis.disconnect(true);
  });
  return redis;
}

function checkUrl(url: string): void {
  const parsed = URL.parse(url);
  if (parsed && /^rediss?:$/.test(parsed.protocol) && parsed.hostname) return;
  throw new PipelineError(
    'USAGE',
    'REDIS_URL: write it like redis://127.0.0.1:6379/0, or rediss://name:password@host:6380 for TLS',
  );
}
