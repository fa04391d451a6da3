import type { Chunk, ShopDay } from '../generate/carts.ts';
import type { MadeChunk, MakerSetup } from './chunk-maker.ts';

/** What the main thread says to a chunk thread, in this order. */
export type ToThread =
  | { kind: 'setup'; setup: MakerSetup }
  | { kind: 'day'; day: ShopDay }
  | { kind: 'chunk'; chunk: Chunk };

/** Chunks each thread may have waiting: enough to keep it busy, few enough to bound memory. */
const AHEAD = 2;

/**
 * A fixed pool of threads that make chunks. Results come back in the order asked for, whichever
 * thread is faster, so the number of threads changes nothing but the time.
 */
export class ChunkThreads {
  readonly #threads: Thread[];
  #turn = 0; // goes on from day to day, so that days of one chunk too use every thread

  constructor(count: number, setup: MakerSetup) {
    this.#threads = Array.from({ length: count }, () => new Thread(setup));
  }

  async *make(day: ShopDay, chunks: readonly Chunk[]): AsyncGenerator<MadeChunk> {
    for (const thread of this.#threads) thread.post({ kind: 'day', day });
    const waiting: Promise<MadeChunk>[] = [];
    let next = 0;
    const ask = (): void => {
      const chunk = chunks[next];
      if (!chunk) return;
      next++;
      waiting.push(this.#threads[this.#turn++ % this.#threads.length].make(chunk));
    };
    while (next < Math.min(chunks.length, this.#threads.length * AHEAD)) ask();
    for (let first = waiting.shift(); first; first = waiting.shift()) {
      const made = await first;
      ask();
      yield made;
    }
  }

  /** Ends the threads; they hold nothing that could be lost. */
  close(): void {
    for (const thread of this.#threads) thread.close();
  }
}

class Thread {
  readonly #worker = new Worker(new URL('chunk-thread.ts', import.meta.url).href);
  readonly #waiting: PromiseWithResolvers<MadeChunk>[] = [];
  #failure: Error | null = null;

  constructor(setup: MakerSetup) {
    this.#worker.addEventListener('message', (event: MessageEvent<MadeChunk>) =>
      this.#waiting.shift()?.resolve(event.data),
    );
    this.#worker.addEventListener('error', (event) => {
      this.#failure = new Error(`a chunk thread failed: ${event.message}`, { cause: event.error });
      for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#failure);
    });
    this.post({ kind: 'setup', setup });
  }

  post(message: ToThread): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(message);
  }

  make(chunk: Chunk): Promise<MadeChunk> {
    const made = Promise.withResolvers<MadeChunk>();
    if (this.#failure) {
      made.reject(this.#failure);
      return made.promise;
    }
    this.#waiting.push(made);
    this.post({ kind: 'chunk', chunk });
    return made.promise;
  }

  close(): void {
    this.#worker.terminate();
  }
}
