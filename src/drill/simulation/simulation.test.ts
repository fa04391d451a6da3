import { expect, test } from 'bun:test';
import { join } from 'node:path';

import { childEnvironment } from '../../base/config.ts';
import { count, say } from '../../base/terminal.ts';
import { PLANTS, UNCOMPARED, UNLOCKED } from './plants.ts';
import { replayOf, simulate, watch, type Simulated } from './simulate.ts';
import { simulateAll } from './worlds.ts';

const SEEDS = 10_000;
const WATCHED = 7_512; // any of them
const PLANT_SEEDS = 30;
const UNFENCED_SEEDS = 1_000;
const RUN_MS_MAX = 3_600_000; // against hanging for ever; how long it takes is printed, not judged
const ROOT = join(import.meta.dir, '../../..');

/** Fails with the seed, what is wrong, and the command that shows how it came to that. */
function expectNothingFound({ found }: Simulated): void {
  if (!found) return;
  throw new Error(`seed ${found.seed}: ${found.violations.join('; ')}\n${replayOf(found.seed)}`);
}

/** What the command shows of a world, in a process that has seen no other. */
async function replayed(seed: number): Promise<string[]> {
  const [, ...words] = replayOf(seed).split(' ');
  const child = Bun.spawn([process.execPath, ...words], {
    cwd: ROOT,
    env: childEnvironment({}),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const shown = await child.stdout.text();
  expect(await child.exited).toBe(0);
  return shown.trimEnd().split('\n');
}

test(
  `${SEEDS} worlds full of faults: nothing lost, nothing doubled, everything at rest in the end`,
  async () => {
    const before = process.cpuUsage();
    const result = await simulateAll({ from: 1, to: SEEDS, watched: WATCHED });
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    say(`${count(result.worlds)} worlds: ${seconds.toFixed(1)} s of one core`);
    expectNothingFound(result);
    expect(result.worlds).toBe(SEEDS);
    // Each way of going wrong has come, at every call that waits for the world outside.
    expect(result.tally.missing).toEqual([]);
    // No world knows of those before it: one of them comes out alike where it is the first.
    expect(result.trace.length).toBeGreaterThan(100);
    expect(await replayed(WATCHED)).toEqual([...result.trace]);
  },
  RUN_MS_MAX,
);

test('a seed is a world: its trace is the same, line by line', () => {
  for (const seed of [1, 7, 42]) {
    const { trace } = watch(seed);
    expect(trace.length).toBeGreaterThan(100);
    expect(watch(seed).trace).toEqual(trace);
    expect(watch(seed + 1).trace).not.toEqual(trace);
  }
});

for (const [name, { plant, leadsTo }] of Object.entries(PLANTS)) {
  test(`the simulation finds a planted mistake: ${name}`, () => {
    const { found } = simulate({ from: 1, to: PLANT_SEEDS }, { plant });
    if (!found) throw new Error(`not found in ${PLANT_SEEDS} worlds`);
    say(`${name}: found by seed ${found.seed}: ${found.violations[0]}`);
    expect(found.violations[0]).toMatch(leadsTo);
    // The same world without it is in order: it is the mistake that was found.
    expectNothingFound(watch(found.seed));
    expect(watch(found.seed, plant).trace.at(-1)).toBe(`WRONG: ${found.violations.at(-1)}`);
  });
}

test.each([
  ['nobody locks', UNLOCKED],
  ['nobody compares', UNCOMPARED],
])(
  'offsets that %s are safe all the same, by the other fence',
  (_, plant) => {
    expectNothingFound(simulate({ from: 1, to: UNFENCED_SEEDS }, { plant }));
  },
  RUN_MS_MAX,
);
