import { Command } from 'commander';

import { EXIT_CODES } from '../base/errors.ts';
import { startProgress } from '../base/progress.ts';
import { abortOnSignal } from '../base/shutdown.ts';
import { answer, count, duration, say } from '../base/terminal.ts';
import { replayOf, watch, type Simulated } from '../drill/simulation/simulate.ts';
import { simulateAll } from '../drill/simulation/worlds.ts';
import { wholeNumber } from './common.ts';

const WORLDS = 10_000;

type Options = { json?: boolean; seeds: number; seed?: number; trace: boolean };

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('live through simulated worlds full of faults, around the real code')
    .option('--json', 'print one JSON object as the last line of stdout')
    .option('--seeds <number>', 'how many worlds, from seed 1', wholeNumber(1, 1e9), WORLDS)
    .option('--seed <number>', 'one world alone', wholeNumber(0, 2 ** 48))
    .option('--trace', 'print what happens in it, line by line', false)
    .showHelpAfterError('(add --help for the options)')
    .action(tell);
}

async function tell({ json, seeds, seed, trace }: Options): Promise<void> {
  const result = seed === undefined ? await worldsOf(seeds) : watch(seed);
  if (trace) for (const line of result.trace) answer(line);
  say(inShort(result));
  const { found, worlds, healMsMax, tally } = result;
  if (json) answer(JSON.stringify({ worlds, faults: tally.total, healMsMax, found }));
  if (found === null) return;
  say(`seed ${found.seed}: ${found.violations.join('; ')}\n${replayOf(found.seed)}`);
  process.exitCode = EXIT_CODES.CHECK_FAILED;
}

async function worldsOf(seeds: number): Promise<Simulated> {
  const progress = startProgress('worlds');
  const onProgress = (done: number, total: number): void => progress.update(done, total, '');
  onProgress(0, seeds);
  try {
    return await simulateAll({ from: 1, to: seeds }, { onProgress, signal: abortOnSignal() });
  } finally {
    progress.stop();
  }
}

function inShort({ worlds, tally, virtualMs, healMsMax }: Simulated): string {
  return (
    `${count(worlds)} ${worlds === 1 ? 'world' : 'worlds'}, ${count(tally.total)} faults and events, ` +
    `${duration(virtualMs / 1_000)} of simulated time; ` +
    `at rest within ${(healMsMax / 1_000).toFixed(1)} s of the last fault`
  );
}
