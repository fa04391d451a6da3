import { isMainThread } from 'node:worker_threads';

import { monotonicMs } from '../../base/clock.ts';
import { closeRedis } from '../../cache/client.ts';
import { monitorCache } from '../../cache/monitor.ts';
import type { Part } from '../part.ts';
import { openPartRedis } from './part-redis.ts';

const AMONG_OTHERS_EVERY_MS = 30_000;

/** A line about Redis every second, in the log; among the other parts every half minute, and all for who wants details. */
export const redisMonitor: Part = {
  name: 'redis-monitor',
  async run({ name, config, signal, log, heartbeat, progress, check }) {
    const redis = await openPartRedis({ name, config, check });
    let dueMs = monotonicMs();
    const write = (line: string): void => {
      if (monotonicMs() >= dueMs) {
        log.info(line);
        dueMs += isMainThread ? 0 : AMONG_OTHERS_EVERY_MS;
      } else {
        log.debug(line);
      }
      heartbeat();
      progress();
    };
    try {
      await monitorCache({ redis, signal, write });
    } finally {
      await closeRedis(redis);
    }
  },
};
