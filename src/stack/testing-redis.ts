import { Redis } from 'ioredis';

import { temporaryRedis, type TemporaryRedis } from './temporary-redis.ts';

const DATABASES = 512;

/** `stop` empties the database; the server goes on for the other files. */
export type TestRedis = { url: string; stop: () => Promise<void> };

let server: Promise<TemporaryRedis> | undefined;
let databases = 0;

/**
 * An empty database of its own on the one Redis that all test files of this process share. It is
 * started at the first call, and ended by src/stack/testing-preload.ts after the last file. A test
 * that kills or stops its Redis takes `temporaryRedis()` instead.
 */
export async function testRedis(): Promise<TestRedis> {
  server ??= temporaryRedis({ settings: { databases: String(DATABASES) } });
  const url = new URL((await server).redisUrl);
  url.pathname = `/${databases++ % DATABASES}`;
  return { url: url.href, stop: () => empty(url.href) };
}

/** Ends the shared server, if a test has started it. */
export async function stopTestRedis(): Promise<void> {
  const started = server;
  server = undefined;
  await (await started)?.stop();
}

async function empty(url: string): Promise<void> {
  const client = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    await client.flushdb();
  } finally {
    client.disconnect();
  }
}
