import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { monotonicMs } from '../base/clock.ts';
import { childEnvironment } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { readIfThere, writeWhole } from './files.ts';
import { choosePort, freePort } from './ports.ts';
import {
  becomes,
  boundTo,
  lastLines,
  processesOf,
  rotateLog,
  sendSignal,
  spawnServer,
  type Lifetime,
} from './processes.ts';
import { redisBinary } from './redis-binary.ts';

const READY_MS_MAX = 10_000;
const MUTE_MS_MAX = 3_000;
const ANSWER_MS_MAX = 1_000;
const POLL_MS = 10;
const PORT_ATTEMPTS_MAX = 5;

/**
 * A cache: nothing is written to disk, and nothing is evicted. It holds a few megabytes; should
 * it ever be full, writes are refused and say so, which beats a key that vanished in silence.
 */
const SETTINGS: Record<string, string> = {
  bind: '127.0.0.1',
  'protected-mode': 'yes',
  daemonize: 'no',
  'set-proc-title': 'no', // or the process would no longer say which settings it has
  save: '""',
  appendonly: 'no',
  maxmemory: '256mb',
  'maxmemory-policy': 'noeviction',
};

export type RedisServer = { pid: number; port: number };

/** What a folder's server was last started with. */
type Access = { port: number; password: string };

export type RedisStart = {
  lifetime: Lifetime;
  password: string;
  port?: number; // preferred; another is taken if it is in use
  settings?: Record<string, string>; // over those of a cache
};

export function redisUrl({ port, password }: Access): string {
  return `redis://:${password}@127.0.0.1:${port}/0`;
}

/** Read from the settings file: the only memory a folder has. */
export function accessOf(dir: string): Access | undefined {
  const text = readIfThere(settingsPath(dir)) ?? '';
  const port = /^port (\d+)$/m.exec(text)?.[1];
  const password = /^requirepass (\S+)$/m.exec(text)?.[1];
  return port !== undefined && password !== undefined
    ? { port: Number(port), password }
    : undefined;
}

/** The process that serves a folder, whether it answers or not. */
export function redisPid(dir: string): number | undefined {
  return processesOf('redis-server', settingsPath(dir))[0];
}

export function redisLog(dir: string): string {
  return join(dir, 'redis.log');
}

/** Starts a server and waits until it answers. The caller holds the lock, and none runs. */
export async function startRedis(dir: string, options: RedisStart): Promise<RedisServer> {
  const { path } = await redisBinary();
  for (let attempt = 1; ; attempt++) {
    const port = attempt === 1 ? choosePort(options.port) : freePort();
    const access = { port, password: options.password };
    writeWhole(settingsPath(dir), settingsText({ ...SETTINGS, ...options.settings }, access));
    const logStart = rotateLog(redisLog(dir));
    const child = spawnServer({
      argv: boundTo(options.lifetime, 'KILL', [path, settingsPath(dir)]),
      cwd: dir,
      log: redisLog(dir),
      env: childEnvironment(),
    });
    const alive = (): boolean => child.exitCode === null && child.signalCode === null;
    if (await untilReady(access, child.pid, alive, READY_MS_MAX)) return { pid: child.pid, port };
    if (alive()) await endRedis(dir, 'SIGKILL', READY_MS_MAX);
    const log = readFileSync(redisLog(dir)).subarray(logStart).toString();
    if (!log.includes('Address already in use') || attempt === PORT_ATTEMPTS_MAX) {
      const end = `The end of ${redisLog(dir)}:\n${lastLines(log)}`;
      throw new PipelineError('STACK_FAILED', `Redis did not start. ${end}`);
    }
  }
}

/** A server that runs and answers, or undefined; one that is there but mute is ended. */
export async function joinRedis(dir: string): Promise<RedisServer | undefined> {
  const pid = redisPid(dir);
  const access = accessOf(dir);
  if (pid === undefined) return undefined;
  const alive = (): boolean => redisPid(dir) === pid;
  if (access && (await untilReady(access, pid, alive, MUTE_MS_MAX))) {
    return { pid, port: access.port };
  }
  await endRedis(dir, 'SIGKILL', READY_MS_MAX); // a cache has nothing to lose
  return undefined;
}

/** Ends the server of a folder and waits until it is gone. */
export async function endRedis(
  dir: string,
  signal: NodeJS.Signals,
  waitMsMax: number,
): Promise<boolean> {
  const pid = redisPid(dir);
  if (pid === undefined) return true;
  sendSignal(pid, signal);
  return becomes(() => redisPid(dir) === undefined, waitMsMax);
}

/** The version that answers at an address, if it is the process of that pid. */
export async function answers(
  url: string,
  pid: number,
  msMax = ANSWER_MS_MAX,
): Promise<string | undefined> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: msMax,
    commandTimeout: msMax,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  client.on('error', ignore); // the connect or the command below is rejected as well
  try {
    await client.connect();
    const info = await client.info('server');
    if (!info.includes(`process_id:${pid}\r`)) return undefined; // somebody else's
    return /redis_version:(\S+)/.exec(info)?.[1];
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}

async function untilReady(
  access: Access,
  pid: number,
  alive: () => boolean,
  waitMsMax: number,
): Promise<boolean> {
  const end = monotonicMs() + waitMsMax;
  while (alive() && monotonicMs() < end) {
    if ((await answers(redisUrl(access), pid)) !== undefined) return true;
    await Bun.sleep(POLL_MS);
  }
  return false;
}

function settingsText(settings: Record<string, string>, access: Access): string {
  const all = { ...settings, port: access.port, requirepass: access.password };
  const lines = Object.entries(all).map(([name, value]) => `${name} ${value}\n`);
  return `# Written at every start.\n${lines.join('')}`;
}

function settingsPath(dir: string): string {
  return join(dir, 'redis.conf');
}

function ignore(): void {}
