import { availableParallelism } from 'node:os';

import { PipelineError } from '../../base/errors.ts';
import { Pool, THREADS_MAX } from '../../base/thread-pool.ts';
import { Tally } from './faults.ts';
import { simulate, type Simulated } from './simulate.ts';

type Worlds = { from: number; to: number; watched?: number };

/** What a thread says of some worlds: a tally keeps its counts, and nothing else, on its way. */
export type Lived = Omit<Simulated, 'tally'> & { counts: Tally['counts'] };

type SimulateAllOptions = {
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
};

const CHUNK = 100; // worlds
const CHUNKS = 50; // until it is asked whether a world was found wanting

/** Some of the worlds, in turn; a kernel. */
function liveThrough({ from, to, watched }: Worlds, chunk: number): Lived {
  const first = from + chunk * CHUNK;
  const last = Math.min(to, first + CHUNK - 1);
  const { tally, ...lived } = simulate({ from: first, to: last }, { watched });
  return { ...lived, counts: tally.counts };
}

export const KERNELS = { liveThrough };

/** `simulate` on all cores: it comes to the same. Throws INTERRUPTED when it is stopped. */
export async function simulateAll(
  { from, to, watched }: Worlds,
  { onProgress = () => {}, signal }: SimulateAllOptions = {},
): Promise<Simulated> {
  // Two at least: one alone would be where the caller is, and could not be stopped.
  const threads = Math.min(THREADS_MAX, Math.max(2, availableParallelism()));
  const entry = new URL('worlds-thread.ts', import.meta.url);
  const pool = new Pool({ threads, kernels: KERNELS, entry });
  const close = (): void => pool.close();
  signal?.addEventListener('abort', close);
  const total = to - from + 1;
  let done = 0;
  const tell = (): void => onProgress(Math.min(total, (done += CHUNK)), total);
  const all = new Together();
  try {
    for (let first = from; first <= to && !all.result.found; first += CHUNK * CHUNKS) {
      const slice = { from: first, to: Math.min(to, first + CHUNK * CHUNKS - 1), watched };
      const chunks = Math.ceil((slice.to - first + 1) / CHUNK);
      all.add(await pool.map(liveThrough, slice, chunks, tell));
    }
  } catch (cause) {
    if (!signal?.aborted) throw cause;
    throw new PipelineError('INTERRUPTED', `stopped after ${done} of ${total} worlds`);
  } finally {
    signal?.removeEventListener('abort', close);
    pool.close();
  }
  return all.result;
}

/** What was lived through on several threads, put together as one would tell it. */
export class Together {
  readonly result: Simulated = {
    worlds: 0,
    tally: new Tally(),
    found: null,
    virtualMs: 0,
    healMsMax: 0,
    trace: [],
  };

  /** In the order of their seeds. What comes after a world that was found wanting does not count. */
  add(lived: readonly Lived[]): void {
    const { result } = this;
    for (const one of lived) {
      if (result.found) return;
      result.worlds += one.worlds;
      result.tally.addAll(one.counts);
      result.found = one.found;
      result.virtualMs += one.virtualMs;
      result.healMsMax = Math.max(result.healMsMax, one.healMsMax);
      result.trace = [...result.trace, ...one.trace];
    }
  }
}
