import { Argument, Command } from 'commander';

import { EXIT_CODES, Unfinished } from '../base/errors.ts';
import { abortOnSignal } from '../base/shutdown.ts';
import { answer, columns, duration, say } from '../base/terminal.ts';
import { FAULTS, JOBS } from '../drill/catalogue.ts';
import { keepVerdict, keptVerdicts } from '../drill/keep.ts';
import { MIXES, type Mix } from '../drill/plans.ts';
import { runDrills } from '../drill/run.ts';
import { renderTable } from '../drill/table.ts';
import type { Verdict } from '../drill/verdict.ts';
import { renderVerdict } from '../drill/verdict-text.ts';
import { wholeNumber } from './common.ts';
import { simulateCommand } from './drill-simulate.ts';

type Options = {
  json?: boolean;
  seed: number;
  rate: number;
  minutes?: number;
  times?: number;
  outage?: number;
  save?: string;
};

const RATE = 500;
const START_SECONDS = 35; // servers and shop up, rest, audit, down
const KEPT = 'bench/drills';

export function drillCommand(): Command {
  return new Command('drill')
    .description(
      'strike a shop of its own with faults, and see whether anything is lost or doubled',
    )
    .addArgument(new Argument('[names...]', 'which drills (default: lists them)'))
    .option('--json', 'print one JSON object as the last line of stdout')
    .option('--seed <number>', 'of what is struck, and when', wholeNumber(0, 2 ** 48), 1)
    .option('--rate <orders>', 'load, in orders a second', wholeNumber(1, 100_000), RATE)
    .option('--minutes <number>', 'of load at least (all: 5, soak: 30)', wholeNumber(1, 1_440))
    .option('--times <number>', "faults (default: each drill's own number)", wholeNumber(1, 1e5))
    .option(
      '--outage <seconds>',
      'how long PostgreSQL is away (default: 1 to 4)',
      wholeNumber(1, 3_600),
    )
    .option('--save <folder>', `keep the verdicts there, such as ${KEPT}`)
    .enablePositionalOptions() // `simulate` has some of the same names
    .showHelpAfterError('(add --help for the options)')
    .addHelpText('after', () => `\n${list()}`)
    .addCommand(tableCommand())
    .addCommand(simulateCommand())
    .action(run);
}

async function run(names: string[], options: Options): Promise<void> {
  if (names.length === 0) {
    const drills = [...FAULTS, ...JOBS, ...MIXES].map(({ name, what }) => ({ name, what }));
    answer(options.json ? JSON.stringify({ drills }) : list());
    return;
  }
  const verdicts = await drilled(names, options);
  if (options.json) answer(JSON.stringify({ verdicts }));
  const idle = verdicts.filter(({ outcome }) => outcome === 'not run');
  for (const { drill, why } of idle) say(`${drill} was not run, so it has proved nothing: ${why}`);
  if (verdicts.some(({ outcome }) => outcome !== 'passed')) {
    process.exitCode = EXIT_CODES.CHECK_FAILED;
  }
}

/** Every verdict; an error brings along those that were reached before it. */
async function drilled(names: string[], options: Options): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const asked = {
    seed: options.seed,
    ratePerSecond: options.rate,
    minutes: options.minutes ?? null,
    times: options.times ?? null,
    outageSeconds: options.outage ?? null,
  };
  const onVerdict = (verdict: Verdict): void => {
    verdicts.push(verdict);
    tell(verdict, options);
  };
  try {
    return await runDrills(names, asked, { say, signal: abortOnSignal(), onVerdict });
  } catch (cause) {
    throw new Unfinished(cause, { verdicts });
  }
}

function tell(verdict: Verdict, { json, save }: Options): void {
  const text = `\n${renderVerdict(verdict)}\n`;
  if (json) say(text);
  else answer(text);
  if (save !== undefined) keepVerdict(save, verdict);
}

function tableCommand(): Command {
  return new Command('table')
    .description('the table of all verdicts that were kept, as Markdown')
    .option('--from <folder>', 'where they were kept', KEPT)
    .option('--out <file>', 'write it there (default: print it)')
    .action(async ({ from, out }: { from: string; out?: string }) => {
      const text = renderTable(keptVerdicts(from));
      if (out === undefined) answer(text);
      else await Bun.write(out, text);
    });
}

/** Every drill with what it does and about how long it takes. */
function list(): string {
  const rows = [...FAULTS, ...JOBS].map(({ name, what, times, secondsEach }) => [
    `  ${name}`,
    duration(START_SECONDS + times * secondsEach),
    what,
  ]);
  const mixes = MIXES.map((mix) => [`  ${mix.name}`, secondsOf(mix), mix.what]);
  return `Drills, and about how long each takes:\n${columns([...rows, ...mixes], [1])}`;
}

function secondsOf({ faults, minutes, times }: Mix): string {
  const seconds = faults.reduce((sum, { secondsEach }) => sum + secondsEach, 0);
  return duration(START_SECONDS + (times === null ? minutes * 60 : seconds));
}
