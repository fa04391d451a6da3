import { closeRedis } from '../../cache/client.ts';
import { refreshPools } from '../../cache/refresh.ts';
import { readPoolRows } from '../../store/pools.ts';
import { databaseOf } from '../config.ts';
import { Database } from '../database.ts';
import { beating, type Part } from '../part.ts';
import { openPartRedis } from './part-redis.ts';

/** Puts who may buy and what is on offer into Redis: at once, and then every 50 s. */
export const cacheWorker: Part = {
  name: 'cache-worker',
  async run({ name, config, signal, log, heartbeat, progress, check }) {
    const database = new Database(databaseOf(config), name);
    const redis = await openPartRedis({ name, config, check });
    try {
      const refreshing = refreshPools({
        redis,
        signal,
        log,
        loadRows: () => database.use((client) => readPoolRows(client, config.settings.pools)),
        onLoaded: ({ generation, seconds }) => {
          const ms = Math.round((seconds.stage + seconds.swap) * 1_000);
          log.info('refreshed the cache', { generation, ms });
          progress();
        },
      });
      await beating(heartbeat, refreshing);
    } finally {
      await closeRedis(redis);
      await database.close();
    }
  },
};
