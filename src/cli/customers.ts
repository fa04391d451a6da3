import type { Command } from 'commander';

import { setting } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { startProgress } from '../base/progress.ts';
import { abortOnSignal } from '../base/shutdown.ts';
import { count, duration } from '../base/terminal.ts';
import { fillCustomers, type CustomersResult } from '../jobs/customers.ts';
import { command, databaseOf, result, wholeNumber, type Common } from './common.ts';

type Options = Common & { count: number; seed: number; append?: boolean; replace?: boolean };

const CUSTOMERS_MAX = 10_000_000;

export function customersCommand(): Command {
  return command('customers', 'fill the sources of the recommender: RODB_URL and BIDB_URL')
    .option('--count <count>', 'how many customers', wholeNumber(0, CUSTOMERS_MAX), 100_000)
    .option('--seed <number>', 'the same number makes the same rows', wholeNumber(0, 2 ** 48), 42)
    .option('--append', 'add to the customers there are')
    .option('--replace', 'drop the customers there are')
    .action(async (options: Options) => {
      if (options.append && options.replace) {
        throw new PipelineError('USAGE', '--append and --replace exclude each other');
      }
      const progress = startProgress('customers');
      let filled: CustomersResult;
      try {
        filled = await fillCustomers(await databaseOf(options), {
          count: options.count,
          seed: options.seed,
          existing: options.append ? 'append' : options.replace ? 'replace' : 'refuse',
          rodbUrl: setting('RODB_URL'),
          bidbUrl: setting('BIDB_URL'),
          signal: abortOnSignal(),
          onProgress: (done) => progress.update(done, options.count, 'customers'),
        });
      } finally {
        progress.stop(); // it clears its line, so before the result
      }
      result(
        options,
        filled,
        () =>
          `${count(filled.customers)} customers, ${count(filled.contracts)} contracts and ` +
          `${count(filled.purchases)} purchases in ${duration(filled.seconds)}`,
      );
    });
}
