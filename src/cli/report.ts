import { Command } from 'commander';

import { reportHistory } from '../analyse/history-report.ts';
import { renderHistoryReport } from '../analyse/history-text.ts';
import { EXIT_CODES } from '../base/errors.ts';
import { withClient } from '../store/client.ts';
import { command, databaseOf, result, wholeNumber, type Common } from './common.ts';

export function reportCommand(): Command {
  const history = command(
    'history',
    'a backfill, planned against what is stored, with a verdict a row',
  )
    .option(
      '--run <number>',
      'which run (default: the last that was finished)',
      wholeNumber(1, 2 ** 20),
    )
    .action(async (options: Common & { run?: number }) => {
      const report = await withClient(await databaseOf(options), (client) =>
        reportHistory(client, options.run),
      );
      result(options, report, () => renderHistoryReport(report));
      if (report.failed > 0) process.exitCode = EXIT_CODES.CHECK_FAILED;
    });
  return new Command('report').description('questions over the stored rows').addCommand(history);
}
