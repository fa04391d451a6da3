import type { Command } from 'commander';

import { PipelineError } from '../base/errors.ts';
import { startProgress } from '../base/progress.ts';
import { abortOnSignal } from '../base/shutdown.ts';
import { count, duration } from '../base/terminal.ts';
import { seedShop, type SeedResult } from '../jobs/seed.ts';
import { command, databaseOf, result, settingsOf, wholeNumber, type Common } from './common.ts';

type Options = Common & {
  users: number;
  products: number;
  seed: number;
  append?: boolean;
  settings?: string;
};

const ROWS_MAX = 99_999_999; // ids have eight digits

export function seedCommand(): Command {
  return command('seed', 'fill users and products')
    .option('--users <count>', 'how many users', wholeNumber(0, ROWS_MAX), 10_000)
    .option('--products <count>', 'how many products', wholeNumber(0, ROWS_MAX), 20_000)
    .option('--seed <number>', 'the same number makes the same shop', wholeNumber(0, 2 ** 48), 42)
    .option('--append', 'add to a shop that has rows already')
    .option('--settings <file>', 'JSON with any part of what `bun run millrace settings` prints')
    .action(async (options: Options) => {
      const total = options.users + options.products;
      if (total === 0) {
        throw new PipelineError('USAGE', 'nothing to seed: give --users or --products above 0');
      }
      const progress = startProgress('rows');
      let seeded: SeedResult;
      try {
        seeded = await seedShop(await databaseOf(options), {
          ...options,
          append: options.append ?? false,
          settings: settingsOf(options.settings),
          signal: abortOnSignal(),
          onProgress: (rows) => progress.update(rows, total, 'seeding'),
        });
      } finally {
        progress.stop(); // it clears its line, so before the result
      }
      result(
        options,
        seeded,
        () =>
          `${count(seeded.users)} users and ${count(seeded.products)} products in ${duration(seeded.seconds)}`,
      );
    });
}
