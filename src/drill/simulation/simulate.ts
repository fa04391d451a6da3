import { Tally } from './faults.ts';
import type { Plant } from './streaming.ts';
import { World } from './world.ts';

/** A world that came to a bad end. */
export type Finding = { seed: number; violations: readonly string[] };

export type Simulated = {
  worlds: number;
  tally: Tally;
  found: Finding | null; // the first, where it ends
  virtualMs: number; // lived through, all worlds together
  healMsMax: number; // from the last fault of a world to rest
};

/** Lives through the worlds of some seeds, up to the first that is found wanting. */
export function simulate(seeds: { from: number; to: number }, plant: Plant = {}): Simulated {
  const result: Simulated = {
    worlds: 0,
    tally: new Tally(),
    found: null,
    virtualMs: 0,
    healMsMax: 0,
  };
  for (let seed = seeds.from; seed <= seeds.to && !result.found; seed++) {
    const world = new World(seed, { tally: result.tally, plant });
    const violations = world.run();
    result.worlds++;
    result.virtualMs += world.ground.scheduler.nowMs;
    result.healMsMax = Math.max(result.healMsMax, world.healMs);
    if (violations.length > 0) result.found = { seed, violations };
  }
  return result;
}

/** One world with all that happens in it, a line each; its violations last. */
export function traceOf(seed: number, plant: Plant = {}): string[] {
  const lines: string[] = [];
  const trace = (line: string): void => void lines.push(line);
  const violations = new World(seed, { tally: new Tally(), plant, trace }).run();
  return [...lines, ...violations.map((violation) => `WRONG: ${violation}`)];
}

/** How to see it again. */
export function replayOf(seed: number): string {
  return `bun src/drill/simulate.ts --seed ${seed} --trace`;
}
