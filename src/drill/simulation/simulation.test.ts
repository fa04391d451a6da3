import { expect, test } from 'bun:test';
import { join } from 'node:path';

import { childEnvironment } from '../../base/config.ts';
import { count, say } from '../../base/terminal.ts';
import { PLANTS, UNCOMPARED, UNLOCKED } from './plants.ts';
import { replayOf, simulate, watch, type Simulated } from './simulate.ts';
import { simulateAll, Together, type Lived } from './worlds.ts';

const SEEDS = 10_000;
const WATCHED = 7_512; // any of them
const BEFORE = 200;
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
    // No world knows of those before it: one of them comes out alike behind others, and as the first.
    expect(result.trace.length).toBeGreaterThan(100);
    const behind = simulate({ from: WATCHED - BEFORE, to: WATCHED }, { watched: WATCHED });
    expect(behind.trace).toEqual(result.trace);
    expect(await replayed(WATCHED)).toEqual([...result.trace]);
  },
  RUN_MS_MAX,
);

test('on all cores it comes to what it comes to on one', async () => {
  const [from, to, watched] = [3, 252, 201]; // the last chunk is half a one
  const told: number[] = [];
  const onProgress = (done: number, total: number): void => void told.push(done / total);
  const wide = await simulateAll({ from, to, watched }, { onProgress });
  expect(wide).toEqual(simulate({ from, to }, { watched }));
  expect(wide.worlds).toBe(250);
  expect(told).toEqual([0.4, 0.8, 1]);
});

test('of several worlds found wanting the first is told, and nothing after it counts', () => {
  const lived = (seed: number, wanting: boolean): Lived => ({
    worlds: 100,
    counts: new Map([['kill', 1]]),
    found: wanting ? { seed, violations: ['wrong'] } : null,
    virtualMs: 10,
    healMsMax: seed,
    trace: [`${seed}`],
  });
  const all = new Together();
  all.add([lived(7, false), lived(120, true)]);
  all.add([lived(210, true), lived(300, false)]);
  const { tally, ...rest } = all.result;
  expect(tally.total).toBe(2);
  expect(rest).toEqual({
    worlds: 200,
    found: { seed: 120, violations: ['wrong'] },
    virtualMs: 20,
    healMsMax: 120,
    trace: ['7', '120'],
  });
});

test('worlds that are stopped say how far they came', async () => {
  const stop = new AbortController();
  const onProgress = (): void => stop.abort();
  const stopped = simulateAll({ from: 1, to: 100_000 }, { onProgress, signal: stop.signal });
  expect(await stopped.catch((cause: unknown) => cause)).toMatchObject({
    code: 'INTERRUPTED',
    message: 'stopped after 100 of 100000 worlds',
  });
});

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
