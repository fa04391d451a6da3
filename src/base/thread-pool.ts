/**
 * A pure function of its input and a chunk's number that runs on any thread. Input and result are
 * cloned on their way, so large data in them are views on shared memory.
 */
export type Kernel<Input, Result> = (input: Input, chunk: number) => Result;

/** The kernels that a pool's threads know, by name: the same table on both sides. */
export type KernelTable = Readonly<Record<string, Kernel<never, unknown>>>;

export type PoolSettings = {
  threads: number; // 1 runs everything where the caller is
  kernels: KernelTable;
  entry: URL; // a module that calls `serve(kernels)` of thread-pool-side.ts
};

/** What the pool says to a thread: chunks of one call, each claimed by whoever is free. */
export type Call = {
  id: number;
  kernel: string;
  input: unknown;
  claims: Int32Array; // [1] shared: the next chunk nobody has claimed
  chunks: number;
};

/** What a thread says back: a chunk's result, a failure, or that it found no chunk left. */
export type Reply =
  | { id: number; kind: 'result'; chunk: number; result: unknown }
  | { id: number; kind: 'failure'; error: unknown }
  | { id: number; kind: 'left' };

export const THREADS_MAX = 64;

type Open = {
  claims: Int32Array;
  chunks: number;
  results: unknown[];
  inside: number; // threads that still work on it
  failure: Error | null;
  onChunk: (chunk: number) => void;
  finished: PromiseWithResolvers<unknown[]>;
};

/**
 * A fixed number of threads. Results come back in chunk order, whichever thread made them, so a
 * fold over them gives the same bits at any number of threads.
 */
export class Pool {
  readonly threads: number;
  readonly #names: Map<unknown, string>;
  readonly #workers: Worker[] = [];
  readonly #open = new Map<number, Open>();
  #calls = 0;
  #lost: Error | null = null;

  constructor({ threads, kernels, entry }: PoolSettings) {
    if (!Number.isInteger(threads) || threads < 1 || threads > THREADS_MAX)
      throw new RangeError(`${threads} threads; 1 to ${THREADS_MAX} can be used`);
    this.threads = threads;
    this.#names = new Map(Object.entries(kernels).map(([name, kernel]) => [kernel, name]));
    if (threads > 1) for (let i = 0; i < threads; i++) this.#workers.push(this.#start(entry));
  }

  /** Runs a kernel for chunks 0..chunks-1. Rejects with the first failure, once all have stopped. */
  async map<Input, Result>(
    kernel: Kernel<Input, Result>,
    input: Input,
    chunks: number,
    onChunk: (chunk: number) => void = () => {},
  ): Promise<Result[]> {
    const name = this.#names.get(kernel);
    if (name === undefined) throw new Error(`kernel ${kernel.name} is not in the pool's table`);
    if (this.#lost) throw this.#lost;
    if (chunks === 0) return [];
    assertShared(name, input);
    if (this.threads === 1) return runHere(kernel, input, chunks, onChunk);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the kernel of that name made them
    return (await this.#send(name, input, chunks, onChunk)) as Result[];
  }

  /** Ends the threads; calls that are open reject. */
  close(): void {
    this.#lose(new Error('the pool was closed'));
  }

  #send(
    kernel: string,
    input: unknown,
    chunks: number,
    onChunk: (chunk: number) => void,
  ): Promise<unknown[]> {
    const id = this.#calls++;
    const claims = new Int32Array(new SharedArrayBuffer(4));
    const finished = Promise.withResolvers<unknown[]>();
    const results = Array.from({ length: chunks });
    const inside = this.#workers.length;
    const call: Call = { id, kernel, input, claims, chunks };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    for (const worker of this.#workers) worker.postMessage(call);
    this.#open.set(id, { claims, chunks, results, inside, failure: null, onChunk, finished });
    return finished.promise;
  }

  #start(entry: URL): Worker {
    const worker = new Worker(entry.href);
    worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#receive(data));
    worker.addEventListener('error', (event) =>
      this.#lose(new Error(`a thread failed: ${event.message}`, { cause: event.error })),
    );
    worker.addEventListener('close', () => this.#lose(new Error('a thread ended too early')));
    return worker;
  }

  #receive(reply: Reply): void {
    const open = this.#open.get(reply.id);
    if (!open) return;
    if (reply.kind === 'result') {
      open.results[reply.chunk] = reply.result;
      open.onChunk(reply.chunk);
    } else if (reply.kind === 'failure') {
      open.failure ??= reply.error instanceof Error ? reply.error : new Error(String(reply.error));
      Atomics.store(open.claims, 0, open.chunks); // the others find nothing more to claim
    } else if (--open.inside === 0) {
      this.#open.delete(reply.id);
      if (open.failure) open.finished.reject(open.failure);
      else open.finished.resolve(open.results);
    }
  }

  #lose(reason: Error): void {
    if (this.#lost) return;
    this.#lost = reason;
    for (const worker of this.#workers) worker.terminate();
    for (const open of this.#open.values()) open.finished.reject(reason);
    this.#open.clear();
  }
}

/** Bytes that may be cloned for every thread. */
const CLONED_BYTES_MAX = 65_536;

/** Large data that is not shared would be cloned for each thread, and what it wrote there lost. */
function assertShared(kernel: string, input: unknown): void {
  if (typeof input !== 'object' || input === null) return;
  for (const [name, value] of Object.entries(input).flatMap(listed))
    if (
      ArrayBuffer.isView(value) &&
      !(value.buffer instanceof SharedArrayBuffer) &&
      value.byteLength > CLONED_BYTES_MAX
    )
      throw new Error(`${name} is large and not in shared memory, as ${kernel} wants it`);
}

const listed = ([name, value]: [string, unknown]): [string, unknown][] =>
  Array.isArray(value) ? value.map((item: unknown) => [name, item]) : [[name, value]];

/** One thread: between chunks the caller's timers and signals have their turn. */
async function runHere<Input, Result>(
  kernel: Kernel<Input, Result>,
  input: Input,
  chunks: number,
  onChunk: (chunk: number) => void,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let chunk = 0; chunk < chunks; chunk++) {
    results.push(kernel(input, chunk));
    onChunk(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return results;
}
