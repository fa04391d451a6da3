import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';

import { setting } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { answer } from '../base/terminal.ts';
import { parseSettings, type ShopSettings } from '../model/settings.ts';
import { status } from '../stack/postgres.ts';

export type Common = { json?: boolean; databaseUrl?: string };

/** A command with what they all have. */
export function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--json', 'print one JSON object as the last line of stdout')
    .addOption(
      new Option(
        '--database-url <url>',
        'PostgreSQL to use (default: DATABASE_URL, or the one `bun run millrace up` started)',
      ),
    )
    .showHelpAfterError('(add --help for the options)');
}

/** The database a command works on, or an error that says how to get one. */
export async function databaseOf({ databaseUrl }: Common): Promise<string> {
  const url = databaseUrl ?? setting('DATABASE_URL') ?? (await status()).databaseUrl;
  if (url !== undefined) return url;
  throw new PipelineError(
    'DATABASE_UNREACHABLE',
    'no PostgreSQL is running for this project; start one with `bun run millrace up`, or set DATABASE_URL',
  );
}

/** Prints a result once: as JSON for scripts, or as `text` for people. */
export function result({ json }: Common, value: unknown, text: () => string): void {
  answer(json ? JSON.stringify(value) : text());
}

/** The settings of a file, or the defaults. */
export function settingsOf(path: string | undefined): ShopSettings {
  if (path === undefined) return parseSettings({});
  try {
    return parseSettings(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PipelineError('USAGE', `settings: ${path} cannot be read as JSON: ${why}`, { cause });
  }
}

/** A parser of whole numbers in a range, for commander; `1e6` and `1_000_000` are numbers too. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll('_', ''));
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= min && value <= max)
      return value;
    throw new InvalidArgumentError(
      `Give a whole number from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}.`,
    );
  };
}
