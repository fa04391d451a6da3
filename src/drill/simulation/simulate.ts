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
  trace: readonly string[]; // of the world that was watched: a line for all that happens, violations last
};

type SimulateOptions = { plant?: Plant; watched?: number };

/** Lives through the worlds of some seeds, up to the first that is found wanting; watches one of them. */
export function simulate(
  { from, to }: { from: number; to: number },
  { plant, watched }: SimulateOptions = {},
): Simulated {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const result: Simulated = {
    worlds: 0,
    tally: new Tally(),
    found: null,
    virtualMs: 0,
    healMsMax: 0,
    trace: lines,
  };
  for (let seed = from; seed <= to && !result.found; seed++) {
    const trace = seed === watched ? write : undefined;
    const world = new World(seed, { tally: result.tally, plant, trace });
    const violations = world.run();
    for (const violation of violations) trace?.(`WRONG: ${violation}`);
    result.worlds++;
    result.virtualMs += world.ground.scheduler.nowMs;
    result.healMsMax = Math.max(result.healMsMax, world.healMs);
    if (violations.length > 0) result.found = { seed, violations };
  }
  return result;
}

/** One world of which every line is written down. */
export function watch(seed: number, plant?: Plant): Simulated {
  return simulate({ from: seed, to: seed }, { plant, watched: seed });
}

/** How to see it again. */
export function replayOf(seed: number): string {
  return `bun run millrace drill simulate --seed ${seed} --trace`;
}
