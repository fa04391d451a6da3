import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { processesOf, waitUntil } from './processes.ts';
import { redisBinary } from './redis-binary.ts';
import { redisPid } from './redis-server.ts';
import { embeddedRedisUp, redisDown, redisStatus } from './redis.ts';
import { temporaryRedis } from './temporary-redis.ts';
import { testRedis } from './testing-redis.ts';
import { firstLine, spawnScript } from './testing-child.ts';

const TEST_MS_MAX = 20_000;
const FETCH_MS_MAX = 300_000;
const onLinux = process.platform === 'linux';
const root = mkdtempSync(join(tmpdir(), 'millrace-redis-'));
const stateDir = join(root, 'state');
const dirs: string[] = [];

// The first run of all fetches the binary, if none is installed.
beforeAll(redisBinary, FETCH_MS_MAX);

afterAll(async () => {
  for (const dir of dirs) await redisDown(dir);
  const left = dirs.map((dir) => redisPid(dir)).filter((pid) => pid !== undefined);
  rmSync(root, { recursive: true, force: true });
  expect(left).toEqual([]);
});

/** A new state folder, whose server is stopped at the end. */
function newDir(name: string): string {
  const dir = join(root, name);
  dirs.push(dir);
  return dir;
}

/** Runs commands on a connection of its own, and returns their replies. */
async function ask(url: string, ...commands: [string, ...string[]][]): Promise<unknown[]> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  let complaint = '';
  client.on('error', (cause: Error) => (complaint = cause.message));
  try {
    await client.connect();
    const replies: unknown[] = [];
    for (const [name, ...words] of commands) replies.push(await client.call(name, ...words));
    return replies;
  } catch (cause) {
    throw new Error(`${String(cause)} ${complaint}`, { cause });
  } finally {
    client.disconnect();
  }
}

/** Runs a script in another Bun, with what these tests start at hand. */
const spawnBun = (script: string, environment: Record<string, string> = {}) =>
  spawnScript(
    {
      'redis.ts': ['embeddedRedisUp', 'redisUp'],
      'redis-binary.ts': ['redisBinary'],
      'temporary-redis.ts': ['temporaryRedis'],
    },
    script,
    environment,
    'inherit',
  );

describe('the Redis of a state folder', () => {
  test(
    'starts as a cache, is found again, stops, and comes back on the same port',
    async () => {
      const dir = newDir('basic');
      expect(await redisStatus(dir)).toMatchObject({ running: false });
      expect(await redisDown(dir)).toEqual({ wasRunning: false });
      const first = await embeddedRedisUp(dir);
      expect(first).toMatchObject({ how: 'embedded', startedHere: true });
      expect(await embeddedRedisUp(dir)).toEqual({ ...first, startedHere: false });
      const found = await redisStatus(dir);
      expect(found).toMatchObject({ running: true, accepting: true, redisUrl: first.redisUrl });
      const settings = await ask(
        first.redisUrl,
        ['config', 'get', 'maxmemory'],
        ['config', 'get', 'maxmemory-policy'],
        ['config', 'get', 'appendonly'],
        ['config', 'get', 'save'],
        ['config', 'get', 'bind'],
      );
      expect(settings).toEqual([
        ['maxmemory', String(256 * 1024 * 1024)],
        ['maxmemory-policy', 'noeviction'],
        ['appendonly', 'no'],
        ['save', ''],
        ['bind', '127.0.0.1'],
      ]);
      expect(statSync(join(dir, 'redis.conf')).mode & 0o777).toBe(0o600);
      expect(await redisDown(dir)).toEqual({ wasRunning: true });
      expect(redisPid(dir)).toBeUndefined();
      expect(await embeddedRedisUp(dir)).toEqual(first);
    },
    TEST_MS_MAX,
  );

  test(
    'lets nobody in without its password',
    async () => {
      const { redisUrl } = await embeddedRedisUp(newDir('basic'));
      const open = new URL(redisUrl);
      open.password = '';
      const refused = ask(open.href, ['ping']).catch((cause: Error) => cause.message);
      expect(await refused).toContain('NOAUTH');
      expect(await ask(redisUrl, ['ping'])).toEqual(['PONG']);
    },
    TEST_MS_MAX,
  );

  test(
    'is one when two processes start it at once, and outlives both in a session of its own',
    async () => {
      const dir = newDir('twice');
      const script = `console.log(JSON.stringify(await embeddedRedisUp('${dir}')))`;
      const starters = [spawnBun(script), spawnBun(script)];
      const lines = await Promise.all(starters.map((starter) => starter.stdout.text()));
      expect(await Promise.all(starters.map((starter) => starter.exited))).toEqual([0, 0]);
      const answers = lines.map((line) => JSON.parse(line));
      expect(answers[0].redisUrl).toBe(answers[1].redisUrl);
      expect(answers.filter((answer) => answer.startedHere)).toHaveLength(1);
      const { pid } = await redisStatus(dir);
      const session = Bun.spawnSync(['ps', '-o', 'sess=', '-p', String(pid)]).stdout.toString();
      if (onLinux) expect(Number(session)).toBe(pid ?? 0);
    },
    TEST_MS_MAX,
  );

  test(
    'starts again after it was killed, and after it has gone mute',
    async () => {
      const dir = newDir('killed');
      const first = await embeddedRedisUp(dir);
      process.kill((await redisStatus(dir)).pid ?? 0, 'SIGKILL');
      await waitUntil(
        () => redisPid(dir) === undefined,
        5_000,
        () => 'it lives on',
      );
      expect(await embeddedRedisUp(dir)).toEqual(first);
      const mute = redisPid(dir) ?? 0;
      process.kill(mute, 'SIGSTOP');
      expect(await redisStatus(dir)).toMatchObject({ running: true, accepting: false, slow: true });
      setTimeout(() => process.kill(mute, 'SIGCONT'), 3_000); // a busy machine is no dead one
      expect(await redisStatus(dir)).toMatchObject({ running: true, accepting: true, slow: false });
      process.kill(mute, 'SIGSTOP');
      expect((await embeddedRedisUp(dir)).startedHere).toBe(true);
      expect(redisPid(dir)).not.toBe(mute);
    },
    TEST_MS_MAX,
  );

  test(
    'is found although its starter was killed as soon as it had started it',
    async () => {
      const dir = newDir('orphan');
      const starter = spawnBun(`await embeddedRedisUp('${dir}'); await Bun.sleep(60_000)`);
      await waitUntil(
        () => redisPid(dir) !== undefined,
        10_000,
        () => 'it has not begun',
      );
      const pid = redisPid(dir);
      starter.kill('SIGKILL');
      await starter.exited;
      expect(await embeddedRedisUp(dir)).toMatchObject({ startedHere: false });
      expect(redisPid(dir)).toBe(pid);
    },
    TEST_MS_MAX,
  );

  test(
    'takes another port when its own is in use by somebody else',
    async () => {
      const dir = newDir('port');
      const first = new URL((await embeddedRedisUp(dir)).redisUrl);
      await redisDown(dir);
      const port = Number(first.port);
      const other = Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } });
      try {
        const second = new URL((await embeddedRedisUp(dir)).redisUrl);
        expect(second.port).not.toBe(first.port);
        expect(await ask(second.href, ['ping'])).toEqual(['PONG']);
      } finally {
        other.stop(true);
      }
    },
    TEST_MS_MAX,
  );
});

describe('the binary', () => {
  const asked = 'console.log(JSON.stringify(await redisBinary()))';

  /** A folder for PATH, with a program in it that passes for Redis. */
  function pathWith(name: string, make: (program: string) => void): string {
    const folder = join(root, name);
    mkdirSync(folder);
    make(join(folder, 'redis-server'));
    return folder;
  }

  test('is the one on PATH, if it is new enough', async () => {
    const { path, version } = await redisBinary();
    const folder = pathWith('installed', (program) => symlinkSync(path, program));
    const child = spawnBun(asked, { PATH: folder });
    expect(JSON.parse(await firstLine(child))).toEqual({
      path: join(folder, 'redis-server'),
      version,
    });
  });

  test(
    'comes from a package where the one on PATH is too old',
    async () => {
      const folder = pathWith('old', (program) => {
        writeFileSync(program, '#!/bin/sh\necho "Redis server v=5.0.14 sha=0"\n');
        chmodSync(program, 0o755);
      });
      const child = spawnBun(asked, { PATH: `${folder}:${process.env['PATH']}` });
      const { path, version } = JSON.parse(await firstLine(child));
      expect(path).toContain('.millrace/packages/redis-');
      expect(version).toMatch(/^6\.2\./);
    },
    FETCH_MS_MAX,
  );
});

test('a Redis named by the environment is taken as it is, and nothing is started', async () => {
  const url = 'redis://cache.example:6379/2';
  const child = spawnBun('console.log(JSON.stringify(await redisUp()))', { REDIS_URL: url });
  expect(JSON.parse(await firstLine(child))).toEqual({
    redisUrl: url,
    how: 'environment',
    startedHere: false,
  });
});

describe('a temporary Redis', () => {
  test(
    'is empty on the same address after a crash, is mute when paused, and leaves nothing',
    async () => {
      const server = await temporaryRedis({ stateDir, settings: { maxmemory: '8mb' } });
      const { redisUrl, pid, dir } = server;
      expect(await ask(redisUrl, ['config', 'get', 'maxmemory'])).toEqual([
        ['maxmemory', String(8 * 1024 * 1024)],
      ]);
      await ask(redisUrl, ['set', 'kept', '7']);
      await server.kill();
      expect(await ask(redisUrl, ['ping']).catch(() => 'away')).toBe('away');
      await server.restart();
      expect(server.redisUrl).toBe(redisUrl);
      expect(server.pid).not.toBe(pid);
      expect(await ask(redisUrl, ['exists', 'kept'])).toEqual([0]);
      server.pause();
      const reply = ask(redisUrl, ['ping']);
      expect(await Promise.race([reply, Bun.sleep(200).then(() => 'mute')])).toBe('mute');
      server.resume();
      expect(await reply).toEqual(['PONG']);
      await server.stop();
      expect(redisPid(dir)).toBeUndefined();
      expect(existsSync(dir)).toBe(false);
      expect(readdirSync(join(stateDir, 'tmp-redis'))).toEqual([]);
    },
    TEST_MS_MAX,
  );

  test.skipIf(!onLinux)(
    'ends when its owner is killed, and the next one removes its folder',
    async () => {
      const owner = spawnBun(`
        const { dir } = await temporaryRedis({ stateDir: '${stateDir}' });
        console.log(dir);
        await Bun.sleep(60_000);`);
      const dir = await firstLine(owner);
      expect(redisPid(dir)).toBeDefined();
      owner.kill('SIGKILL');
      await owner.exited;
      await waitUntil(
        () => redisPid(dir) === undefined,
        5_000,
        () => 'the server lives on',
      );
      expect(existsSync(dir)).toBe(true);
      const next = await temporaryRedis({ stateDir });
      expect(existsSync(dir)).toBe(false);
      await next.stop();
    },
    TEST_MS_MAX,
  );

  test(
    'is removed by an ordinary end of its owner',
    async () => {
      const owner = spawnBun(`
        const { dir } = await temporaryRedis({ stateDir: '${stateDir}' });
        console.log(dir);
        process.exit(0);`);
      const dir = await firstLine(owner);
      expect(await owner.exited).toBe(0);
      await waitUntil(
        () => redisPid(dir) === undefined,
        5_000,
        () => 'the server lives on',
      );
      expect(existsSync(dir)).toBe(false);
    },
    TEST_MS_MAX,
  );
});

test(
  'each test has a database of its own, on one server, and stopping it empties that one alone',
  async () => {
    const [mine, other] = [await testRedis(), await testRedis()];
    expect(new URL(mine.url).port).toBe(new URL(other.url).port);
    await ask(mine.url, ['set', 'key', 'mine']);
    await ask(other.url, ['set', 'key', 'other']);
    await mine.stop();
    expect(await ask(mine.url, ['exists', 'key'])).toEqual([0]);
    expect(await ask(other.url, ['get', 'key'])).toEqual(['other']);
    await other.stop();
  },
  TEST_MS_MAX,
);

test('a process that merely has the settings file as an argument is not taken for Redis', async () => {
  const path = join(root, 'redis.conf');
  writeFileSync(path, '');
  const reader = Bun.spawn(['tail', '-f', path], { stdout: 'ignore' });
  try {
    await waitUntil(
      // a child has its parent's command line until it runs its own program
      () => processesOf('tail', path).length > 0,
      5_000,
      () => 'tail does not show',
    );
    expect(processesOf('tail', path)).toEqual([reader.pid]);
    expect(processesOf('redis-server', path)).toEqual([]);
  } finally {
    reader.kill();
  }
});
