import type { Call, KernelTable, Reply } from './thread-pool.ts';

declare const self: Worker;

/** The other end of a Pool: claims chunks of each call until none is left. */
export function serve(kernels: KernelTable): void {
  self.addEventListener('message', ({ data }: MessageEvent<Call>) => {
    for (const reply of answer(kernels, data)) {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- not a window
      self.postMessage(reply);
    }
  });
}

export function* answer(kernels: KernelTable, call: Call): Generator<Reply> {
  const { id, claims, chunks } = call;
  try {
    const kernel = kernels[call.kernel];
    if (!kernel) throw new Error(`no kernel ${call.kernel} on this thread`);
    for (;;) {
      const chunk = Atomics.add(claims, 0, 1);
      if (chunk >= chunks) break;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Pool.map checked the input
      const result = kernel(call.input as never, chunk);
      yield { id, kind: 'result', chunk, result };
    }
  } catch (error) {
    yield { id, kind: 'failure', error };
  }
  yield { id, kind: 'left' };
}
