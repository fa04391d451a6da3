/**
 * `bun src/drill/simulate.ts [--seeds 10000] [--seed N [--trace]]`: lives through simulated worlds
 * full of faults, or through one of them, line by line. Ends with 6 if one comes to a bad end.
 */
import { parseArgs } from 'node:util';

import { EXIT_CODES } from '../base/errors.ts';
import { answer, count, say } from '../base/terminal.ts';
import { replayOf, simulate, watch, type Simulated } from './simulation/simulate.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '10000' },
    trace: { type: 'boolean', default: false },
  },
});

const seed = values.seed === undefined ? null : Number(values.seed);
const result = seed === null ? simulate({ from: 1, to: Number(values.seeds) }) : watch(seed);
if (values.trace) for (const line of result.trace) answer(line);
report(result);

function report({ worlds, tally, virtualMs, healMsMax, found }: Simulated): void {
  say(
    `${count(worlds)} worlds, ${count(tally.total)} faults and events, ` +
      `${count(Math.round(virtualMs / 3_600_000))} hours of their time; ` +
      `at rest within ${(healMsMax / 1_000).toFixed(1)} s of the last fault`,
  );
  if (found === null) return;
  say(`seed ${found.seed}: ${found.violations.join('; ')}\n${replayOf(found.seed)}`);
  process.exitCode = EXIT_CODES.CHECK_FAILED;
}
