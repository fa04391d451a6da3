import { expect, test } from 'bun:test';

import { say } from '../../base/terminal.ts';
import { PLANTS, UNLOCKED } from './plants.ts';
import { replayOf, simulate, traceOf, type Simulated } from './simulate.ts';

const SEEDS = 10_000;
const PLANT_SEEDS = 1_000;
const RUN_MS_MAX = 600_000; // half a minute of one core, on a machine that may have much else to do

/** Fails with the seed, what is wrong, and the command that shows how it came to that. */
function expectNothingFound({ found }: Simulated): void {
  if (!found) return;
  throw new Error(`seed ${found.seed}: ${found.violations.join('; ')}\n${replayOf(found.seed)}`);
}

test(
  `${SEEDS} worlds full of faults: nothing lost, nothing doubled, everything at rest in the end`,
  () => {
    const result = simulate({ from: 1, to: SEEDS });
    expectNothingFound(result);
    // Each way of going wrong has come, at every call that waits for the world outside.
    expect(result.tally.missing).toEqual([]);
  },
  RUN_MS_MAX,
);

test('a seed is a world: its trace is the same, line by line', () => {
  for (const seed of [1, 7, 42]) {
    const trace = traceOf(seed);
    expect(trace.length).toBeGreaterThan(100);
    expect(traceOf(seed)).toEqual(trace);
    expect(traceOf(seed + 1)).not.toEqual(trace);
  }
});

for (const [name, plant] of Object.entries(PLANTS)) {
  test(`the simulation finds a planted mistake: ${name}`, () => {
    const { found } = simulate({ from: 1, to: PLANT_SEEDS }, plant);
    if (!found) throw new Error(`not found in ${PLANT_SEEDS} worlds`);
    say(`${name}: found by seed ${found.seed}: ${found.violations[0]}`);
    // The same world without it is in order: it is the mistake that was found.
    expectNothingFound(simulate({ from: found.seed, to: found.seed }));
    expect(traceOf(found.seed, plant).at(-1)).toStartWith('WRONG: ');
  });
}

test('offsets that nobody locks are safe all the same: the compare-and-set is the fence', () => {
  expectNothingFound(simulate({ from: 1, to: PLANT_SEEDS }, UNLOCKED));
});
