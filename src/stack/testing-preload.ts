import { afterAll } from 'bun:test';

import { stopTestKafka } from './testing-kafka.ts';
import { stopTestRedis } from './testing-redis.ts';
import { stopTestServer } from './testing.ts';

// In a preload this runs once, after the last file; `bun test` fires no exit event to use instead.
afterAll(async () => {
  await Promise.all([stopTestServer(), stopTestRedis(), stopTestKafka()]);
});
