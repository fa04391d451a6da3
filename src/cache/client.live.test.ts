import { afterAll, afterEach, expect, test } from 'bun:test';
import { inspect } from 'node:util';
import type { Redis } from 'ioredis';

import { monotonicMs } from '../base/clock.ts';
import { metrics } from '../base/metrics.ts';
import { PipelineError } from '../base/errors.ts';
import { temporaryRedis } from '../stack/temporary-redis.ts';
import { closeRedis, connectRedis, openRedis, withRedis } from './client.ts';
import { readMark } from './pools.ts';

const COMMAND_MS_MAX = 2_000;
const server = await temporaryRedis();
const open: Redis[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map(closeRedis));
});
afterAll(() => server.stop());

async function opened(url = server.redisUrl): Promise<Redis> {
  const redis = await openRedis(url, { name: 'millrace test' });
  open.push(redis);
  return redis;
}

/** The error of a command, or null, and how long it took. */
async function attempt(redis: Redis): Promise<{ failure: PipelineError | null; ms: number }> {
  const started = monotonicMs();
  const failure = await readMark(redis).then(
    () => null,
    (cause: unknown) => cause,
  );
  if (failure !== null && !(failure instanceof PipelineError)) throw failure;
  return { failure, ms: monotonicMs() - started };
}

async function untilItWorks(redis: Redis): Promise<void> {
  const deadline = monotonicMs() + 10_000;
  while ((await attempt(redis)).failure !== null) {
    if (monotonicMs() > deadline) throw new Error('Redis does not come back');
    await Bun.sleep(20);
  }
}

const up = async (): Promise<number> => (await metrics.redisUp.get()).values[0].value;

test('a connection carries its name, and answers', async () => {
  const redis = await opened();
  expect((await attempt(redis)).failure).toBeNull();
  expect(await redis.client('GETNAME')).toBe('millrace-test');
  expect(await up()).toBe(1);
});

test('a closed port is one error that says what to do; the connection goes on trying', async () => {
  const failure = await connectRedis('redis://127.0.0.1:1').catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'REDIS_UNREACHABLE', retryable: true });
  expect(String(failure)).toContain('ECONNREFUSED 127.0.0.1:1');
  expect(String(failure)).toContain('millrace up');
  const redis = await opened('redis://127.0.0.1:1');
  const later = await attempt(redis);
  expect(later.failure?.message).toContain('ECONNREFUSED'); // and not just "isn't writeable"
  expect(later.ms).toBeLessThan(200);
  expect(await up()).toBe(0);
});

test('a wrong password is named, and never printed', async () => {
  const url = new URL(server.redisUrl);
  url.password = 'letmein';
  const failure = await connectRedis(url.href).catch((cause: unknown) => cause);
  expect(failure).toMatchObject({ code: 'REDIS_FAILED', retryable: false });
  expect(String(failure)).toContain('REDIS_URL');
  expect(inspect(failure, { depth: 9 })).not.toContain('letmein');
  const background = await attempt(await opened(url.href));
  expect(background.failure?.message).toContain('WRONGPASS');
  expect(inspect(background, { depth: 9 })).not.toContain('letmein');
});

test('a database that is not there is refused, instead of number 0 being used', async () => {
  const url = `${server.redisUrl.replace(/\/\d*$/, '')}/4000`;
  const failure = await connectRedis(url).catch((cause: unknown) => cause);
  expect(String(failure)).toContain('DB index is out of range');
  expect((await attempt(await opened(url))).failure?.message).toContain('DB index is out of range');
});

test('what is no Redis URL is refused at once', async () => {
  for (const url of ['', '127.0.0.1:6379', 'http://127.0.0.1:6379', 'redis://']) {
    const failure = await connectRedis(url).catch((cause: unknown) => cause);
    expect(failure).toMatchObject({ code: 'USAGE' });
  }
});

test('rediss:// speaks TLS from the first byte', async () => {
  const first = Promise.withResolvers<number>();
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket, bytes) {
        first.resolve(bytes[0]);
        socket.end();
      },
    },
  });
  await opened(`rediss://127.0.0.1:${listener.port}`);
  expect(await first.promise).toBe(0x16); // a TLS handshake record
  listener.stop(true);
});

test('a command under way when Redis dies fails then; it comes back by itself', async () => {
  const redis = await opened();
  server.pause();
  const underWay = attempt(redis);
  await Bun.sleep(100);
  await server.kill();
  const { failure, ms } = await underWay;
  expect(failure?.code).toBe('REDIS_UNREACHABLE');
  expect(ms).toBeLessThan(1_000); // before its own deadline
  expect(await up()).toBe(0);
  await server.restart();
  await untilItWorks(redis);
  expect(await up()).toBe(1);
}, 20_000);

test('a command whose connection alone is lost fails then, and is not sent again', async () => {
  const redis = await opened();
  const other = await opened();
  const waiting = redis.blpop('nothing', 1).then(
    () => 'answered',
    () => 'failed',
  );
  const started = monotonicMs();
  await other.client('KILL', 'ID', await clientId(other, 'blpop'));
  expect(await waiting).toBe('failed');
  expect(monotonicMs() - started).toBeLessThan(900);
  await untilItWorks(redis);
  await other.rpush('nothing', 'kept');
  expect(await other.llen('nothing')).toBe(1);
});

/** The connection that runs a command now, as another one sees it. */
async function clientId(redis: Redis, command: string): Promise<string> {
  for (;;) {
    const list = String(await redis.client('LIST'));
    const line = list.split('\n').find((text) => text.includes(`cmd=${command} `));
    if (line !== undefined) return /^id=(\d+)/.exec(line)?.[1] ?? '';
  }
}

test('a server that accepts and never answers: it is not waited for, and commands do not queue', async () => {
  const mute = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const started = monotonicMs();
  const redis = await opened(`redis://127.0.0.1:${mute.port}`);
  expect(monotonicMs() - started).toBeLessThan(1_500);
  const all = await Promise.all(Array.from({ length: 1_000 }, () => attempt(redis)));
  for (const { failure, ms } of all) {
    expect(failure?.code).toBe('REDIS_UNREACHABLE');
    expect(ms).toBeLessThan(300);
  }
  mute.stop(true);
});

test('commands to a paused Redis fail within 2 s each, for as long as it lasts', async () => {
  const redis = await opened();
  server.pause();
  try {
    for (let turn = 0; turn < 5; turn++) {
      const { failure, ms } = await attempt(redis);
      expect(failure?.code).toBe('REDIS_UNREACHABLE');
      expect(ms).toBeLessThan(COMMAND_MS_MAX);
      await Bun.sleep(300);
    }
    expect(await up()).toBe(0);
  } finally {
    server.resume();
  }
  await untilItWorks(redis);
}, 20_000);

test('withRedis closes what it opened, also after an error', async () => {
  let used: Redis | undefined;
  const failing = withRedis(server.redisUrl, async (redis) => {
    used = redis;
    throw new Error('ours');
  });
  expect(failing).rejects.toThrow('ours');
  await failing.catch(() => undefined);
  await closeRedis(used!); // twice is no harm
  await Bun.sleep(100);
  expect(used?.status).toBe('end');
});
