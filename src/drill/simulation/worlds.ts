import { availableParallelism } from 'node:os';

import { Pool } from '../../base/thread-pool.ts';
import { Tally } from './faults.ts';
import { simulate, type Simulated } from './simulate.ts';

type Worlds = { from: number; to: number; watched?: number };

/** What a thread says of some of them: a tally keeps its counts, and nothing else, on its way. */
type Lived = Omit<Simulated, 'tally'> & { counts: Tally['counts'] };

const CHUNK = 100; // worlds

/** Some of the worlds, in turn; a kernel. */
function liveThrough({ from, to, watched }: Worlds, chunk: number): Lived {
  const first = from + chunk * CHUNK;
  const last = Math.min(to, first + CHUNK - 1);
  const { tally, ...lived } = simulate({ from: first, to: last }, { watched });
  return { ...lived, counts: tally.counts };
}

export const KERNELS = { liveThrough };

/** `simulate` on all cores. Where a world is found wanting, the hundred that it is of end with it. */
export async function simulateAll(
  worlds: Worlds,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Simulated> {
  const entry = new URL('worlds-thread.ts', import.meta.url);
  const pool = new Pool({ threads: availableParallelism(), kernels: KERNELS, entry });
  const total = worlds.to - worlds.from + 1;
  let done = 0;
  const tell = (): void => onProgress(Math.min(total, (done += CHUNK)), total);
  try {
    const lived = await pool.map(liveThrough, worlds, Math.ceil(total / CHUNK), tell);
    return together(lived);
  } finally {
    pool.close();
  }
}

function together(lived: readonly Lived[]): Simulated {
  const tally = new Tally();
  for (const { counts } of lived) tally.addAll(counts);
  const sum = (of: (one: Lived) => number): number => lived.reduce((all, one) => all + of(one), 0);
  return {
    worlds: sum(({ worlds }) => worlds),
    tally,
    found: lived.find(({ found }) => found !== null)?.found ?? null,
    virtualMs: sum(({ virtualMs }) => virtualMs),
    healMsMax: Math.max(...lived.map(({ healMsMax }) => healMsMax)),
    trace: lived.flatMap(({ trace }) => trace),
  };
}
