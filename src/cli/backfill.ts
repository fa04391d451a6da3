import { createInterface } from 'node:readline/promises';
import { Option, type Command } from 'commander';

import { PipelineError } from '../base/errors.ts';
import { startProgress } from '../base/progress.ts';
import { abortOnSignal } from '../base/shutdown.ts';
import { columns, count, duration, say } from '../base/terminal.ts';
import { backfill, checkBase, type BackfillResult } from '../jobs/backfill.ts';
import { planOf, type BackfillRules } from '../model/rules.ts';
import type { PlanUnit } from '../model/calendar.ts';
import { withClient } from '../store/client.ts';
import { discardRun, unfinishedRun } from '../store/runs.ts';
import { shopStatus } from '../store/shop.ts';
import { command, databaseOf, result, settingsOf, wholeNumber, type Common } from './common.ts';

type Options = Common & {
  from: string;
  to: string;
  unit: PlanUnit;
  orders?: number;
  scenario?: number;
  threads: number;
  threadsFrom?: number;
  seed: number;
  settings?: string;
  resume?: boolean;
  discard?: boolean;
  yes?: boolean;
};

/** What decides a run's rows. */
const RUN_OPTIONS = ['from', 'to', 'unit', 'orders', 'scenario', 'seed', 'settings'] as const;

const HELP = `
Examples:
  millrace backfill --yes                             the year 2025, 51,500 orders
  millrace backfill --from 2025-11 --to 2025-11       November alone
  millrace backfill --unit carts                      targets count carts: about 230,000 orders
  millrace backfill --orders 50000000                 the same year at another size
  millrace backfill --resume                          go on where a run was stopped`;

export function backfillCommand(): Command {
  return command('backfill', 'make the orders of past months, by the rules of the shop')
    .option('--from <month>', 'first month', '2025-01')
    .option('--to <month>', 'last month', '2025-12')
    .addOption(
      new Option('--unit <unit>', 'what the month targets count')
        .choices(['rows', 'carts'])
        .default('rows'),
    )
    .option(
      '--orders <count>',
      'scale the targets to this sum, in the unit',
      wholeNumber(1, 100_000_000),
    )
    .option('--scenario <number>', 'one scenario for all days (0-20)', wholeNumber(0, 20))
    .option('--threads <count>', 'threads that make orders; changes no row', wholeNumber(0, 64), 1)
    .addOption(
      new Option('--threads-from <rows>', 'rows of a run from which it is worth starting threads')
        .argParser(wholeNumber(0, 100_000_000))
        .hideHelp(), // for the bench, which is to start them for a few rows too
    )
    .option('--seed <number>', 'the same number makes the same orders', wholeNumber(0, 2 ** 48), 42)
    .option('--settings <file>', 'JSON with any part of what `bun run millrace settings` prints')
    .option('--resume', 'finish the run that was stopped, with the options it was started with')
    .option('--discard', 'delete the orders of the run that was stopped')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', HELP)
    .action(run);
}

async function run(options: Options, given: Command): Promise<void> {
  if (options.resume && options.discard) {
    throw new PipelineError('USAGE', 'give --resume or --discard, not both');
  }
  const rules = rulesOf(options);
  const total = plannedCount(rules); // refuses months and numbers that cannot be, before anything else
  const databaseUrl = await databaseOf(options);
  if (options.discard) {
    await discard(databaseUrl, options);
    return;
  }
  await describe(databaseUrl, rules, total, options.resume ?? false);
  if (options.resume) tellUnused(given);
  await confirm(options.yes ?? false);
  const made = await backfillWithProgress(databaseUrl, rules, options, abortOnSignal());
  result(options, made, () => summary(made));
}

/** Makes the orders with a bar; the demo uses it too. */
export async function backfillWithProgress(
  databaseUrl: string,
  rules: BackfillRules,
  how: { resume?: boolean; threads: number; threadsFrom?: number },
  signal: AbortSignal,
): Promise<BackfillResult> {
  const progress = startProgress('orders');
  try {
    return await backfill(databaseUrl, rules, {
      resume: how.resume ?? false,
      threads: how.threads,
      threadsFromRows: how.threadsFrom,
      signal,
      onProgress: (rows, expected, date) => progress.update(rows, expected, date),
      onWait: (note) => progress.wait(note),
    });
  } finally {
    progress.stop();
  }
}

/** A resumed run keeps what it was started with. */
function tellUnused(given: Command): void {
  const unused = RUN_OPTIONS.filter((name) => given.getOptionValueSource(name) === 'cli');
  if (unused.length === 0) return;
  const names = unused.map((name) => `--${name}`).join(', ');
  say(`[WARNING] ${names} not used: the run goes on with the options it was started with.\n`);
}

export function summary(made: BackfillResult): string {
  const most = Math.max(...made.months.map((month) => month.rows));
  const rows = made.months.map((month) => [
    month.month,
    count(month.planned),
    count(month.rows),
    count(month.carts),
    '#'.repeat(Math.max(1, Math.round((month.rows / most) * 30))),
  ]);
  const head = ['month', `planned ${made.unit}`, 'orders', 'carts', ''];
  const table = columns([head, ...rows], [1, 2, 3]);
  const early =
    made.earlyDays > 0
      ? `\nOn ${made.earlyDays} days fewer users or products were registered than a pool takes, so some took part before\ntheir registration. A larger base avoids it: \`bun run millrace seed --append\`, then another run.`
      : '';
  const resumed = made.resumedDays > 0 ? `, ${made.resumedDays} days of them before` : '';
  return `${table}

run ${made.run}: ${count(made.orders)} orders in ${count(made.carts)} carts${resumed}
${duration(made.seconds)}, ${count(made.ordersPerSecond)} orders/s, ${count(made.gradeChanges)} grade changes
checksum ${made.checksum}${early}`;
}

function rulesOf(options: Options): BackfillRules {
  return {
    from: options.from,
    to: options.to,
    unit: options.unit,
    orders: options.orders ?? null,
    scenario: options.scenario ?? null,
    seed: options.seed,
    settings: settingsOf(options.settings),
  };
}

function plannedCount(rules: BackfillRules): number {
  return planOf(rules).reduce((sum, plan) => sum + plan.count, 0);
}

/** What the database holds and what is about to happen (seed 000, step 3). */
async function describe(
  databaseUrl: string,
  rules: BackfillRules,
  total: number,
  resume: boolean,
): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    const status = await shopStatus(client);
    const unfinished = await unfinishedRun(client);
    checkBase(status.users, status.products);
    if (resume && !unfinished) {
      throw new PipelineError('RUN_CONFLICT', 'there is no unfinished run to resume');
    }
    if (!resume && unfinished) {
      throw new PipelineError(
        'RUN_CONFLICT',
        `run ${unfinished.run} is unfinished (${unfinished.days.size} days stored); finish it with ` +
          '`bun run millrace backfill --resume`, or delete its rows with `--discard`',
      );
    }
    say(`Current database
  Users:    ${count(status.users)}
  Products: ${count(status.products)}
  Orders:   ${count(status.orders)}
`);
    say(
      resume
        ? `[WARNING] This finishes run ${unfinished?.run}; ${unfinished?.days.size} of its days are stored.`
        : `[WARNING] This makes ${count(total)} ${rules.unit} for ${rules.from} to ${rules.to}.`,
    );
    say('  Existing orders will NOT be deleted.\n');
  });
}

/** Asks, where somebody can answer. */
async function confirm(yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY) {
    throw new PipelineError('NOT_CONFIRMED', 'there is no terminal to ask on; add --yes to go on');
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D at the prompt end it without an answer, which is a no.
  const reply = await prompt.question('Proceed? (y/N): ').catch(() => '\n');
  prompt.close();
  if (/^y(es)?$/i.test(reply.trim())) return;
  throw new PipelineError('NOT_CONFIRMED', 'not confirmed; nothing was changed');
}

async function discard(databaseUrl: string, options: Options): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    const unfinished = await unfinishedRun(client);
    if (!unfinished)
      throw new PipelineError('RUN_CONFLICT', 'there is no unfinished run to discard');
    say(`[WARNING] This deletes the orders of run ${unfinished.run}, and no others.`);
    await confirm(options.yes ?? false);
    const orders = await discardRun(client, unfinished.run);
    result(
      options,
      { run: unfinished.run, orders },
      () => `run ${unfinished.run}: ${count(orders)} orders deleted`,
    );
  });
}
