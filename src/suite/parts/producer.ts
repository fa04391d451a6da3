import { closeRedis } from '../../cache/client.ts';
import { followPools } from '../../cache/follow.ts';
import { watchScenario } from '../../cache/scenario.ts';
import { LiveShop } from '../live-shop.ts';
import type { Part } from '../part.ts';
import { asMaker } from './makers.ts';
import { openPartRedis } from './part-redis.ts';

/** Orders from the cached pool, and products. Redis away: it goes on with the pool it has. */
export const producer: Part = {
  name: 'producer',
  async run(context) {
    const { log } = context;
    await asMaker(context, async (maker) => {
      const redis = await openPartRedis(context);
      const over = new AbortController();
      const signal = AbortSignal.any([context.signal, over.signal]);
      const shop = new LiveShop(maker, context);
      try {
        await Promise.all([
          followPools({ redis, signal, log, onGeneration: (pool) => shop.take(pool) }),
          watchScenario({ redis, signal, log, onChosen: (chosen) => shop.request(chosen) }),
          shop.makeOrders(signal),
          shop.makeProducts(signal),
        ]);
      } finally {
        over.abort(); // what goes on when one of them fails
        await closeRedis(redis);
      }
    });
  },
};
