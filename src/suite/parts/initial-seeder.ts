import { PipelineError } from '../../base/errors.ts';
import { metrics } from '../../base/metrics.ts';
import { seedShop } from '../../jobs/seed.ts';
import { databaseOf } from '../config.ts';
import type { Part } from '../part.ts';

const USERS = 10_000;
const PRODUCTS = 20_000;
const SEEDING_MS_MAX = 120_000;

/** Fills an empty shop, by COPY, and ends; a shop that has anything in it is left alone. */
export const initialSeeder: Part = {
  name: 'initial-seeder',
  async run({ config, signal, log, heartbeat, progress }) {
    heartbeat(SEEDING_MS_MAX);
    const { seed, settings } = config;
    const options = { users: USERS, products: PRODUCTS, seed, append: false, settings, signal };
    try {
      const seeded = await seedShop(databaseOf(config), options);
      const { users, products, seconds } = seeded;
      metrics.jobRows.inc({ job: 'initial-seeder' }, users + products);
      metrics.jobSeconds.observe({ job: 'initial-seeder' }, seconds);
      log.info('filled the shop', { users, products, seconds: Number(seconds.toFixed(2)) });
    } catch (cause) {
      if (!(cause instanceof PipelineError) || cause.code !== 'RUN_CONFLICT') throw cause;
      log.info('the shop has been filled before');
    }
    metrics.jobLastSuccess.setToCurrentTime({ job: 'initial-seeder' });
    progress();
  },
};
