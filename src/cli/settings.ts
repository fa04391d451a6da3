import type { Command } from 'commander';

import { columns } from '../base/terminal.ts';
import { SCENARIOS } from '../model/scenario.ts';
import { command, result, settingsOf, type Common } from './common.ts';

/** Prints every weight, chance and criterion, to be changed and given back with --settings. */
export function settingsCommand(): Command {
  return command('settings', 'print all weights, chances and criteria as JSON')
    .option('--settings <file>', 'check a file and print what it makes of the defaults')
    .option('--scenarios', 'list the scenarios instead')
    .action((options: Common & { settings?: string; scenarios?: boolean }) => {
      if (options.scenarios) {
        const rows = SCENARIOS.map((row) => [String(row.number), row.name, row.description]);
        result(options, { scenarios: SCENARIOS }, () => columns(rows, [0]));
        return;
      }
      const settings = settingsOf(options.settings);
      result(options, settings, () => JSON.stringify(settings, null, 2));
    });
}
