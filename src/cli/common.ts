import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';

import { PipelineError } from '../base/errors.ts';
import { answer } from '../base/terminal.ts';
import { parseSettings, type ShopSettings } from '../model/settings.ts';
import { addressOf } from '../stack/stack.ts';

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
  const url = databaseUrl ?? (await addressOf('postgres'));
  if (url !== undefined) return url;
  throw new PipelineError(
    'DATABASE_UNREACHABLE',
    'no PostgreSQL is running for this project; start one with `bun run millrace up`, or set DATABASE_URL',
  );
}

/** The Kafka a command works on, as host:port separated by commas. */
export async function kafkaOf({ kafkaBrokers }: { kafkaBrokers?: string }): Promise<string> {
  const brokers = kafkaBrokers ?? (await addressOf('kafka'));
  if (brokers !== undefined) return brokers;
  throw new PipelineError(
    'KAFKA_UNREACHABLE',
    'no Kafka is running for this project; start one with `bun run millrace up`, or set KAFKA_BROKERS',
  );
}

/** The Redis a command works on. */
export async function redisOf({ redisUrl }: { redisUrl?: string }): Promise<string> {
  const url = redisUrl ?? (await addressOf('redis'));
  if (url !== undefined) return url;
  throw new PipelineError(
    'REDIS_UNREACHABLE',
    'no Redis is running for this project; start one with `bun run millrace up`, or set REDIS_URL',
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
