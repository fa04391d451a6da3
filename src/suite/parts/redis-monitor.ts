import { isMainThread } from 'node:worker_threads';

import { closeRedis, openRedis } from '../../cache/client.ts';
import { monitorCache } from '../../cache/monitor.ts';
import { redisOf } from '../config.ts';
import type { Part } from '../part.ts';
import { checkRedis } from './redis-check.ts';

/** A line about Redis every second, in the log; among the other parts only for who wants details. */
export const redisMonitor: Part = {
  name: 'redis-monitor',
  async run({ name, config, signal, log, heartbeat, progress, check }) {
    const redis = await openRedis(redisOf(config), { name });
    checkRedis(redis, check);
    const write = (line: string): void => {
      if (isMainThread) log.info(line);
      else log.debug(line);
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
