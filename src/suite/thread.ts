import { Worker } from 'node:worker_threads';

import type { Check } from '../show/server.ts';
import type { FromThread, ThreadSetup, ToThread } from './messages.ts';
import type { PartFailure } from './part.ts';
import type { Running } from './supervisor.ts';

export type ThreadHooks = {
  onCheck: (check: Check) => void;
  onMetrics: (snapshot: string) => void;
};

/**
 * Starts a file of workers/ as a thread of this process. It is stopped by a message and ends by itself: a thread
 * that is terminated while its Kafka client waits for a message aborts the whole process.
 */
export function startThread(file: string, setup: ThreadSetup, hooks: ThreadHooks): Running {
  const thread = new Worker(file, { workerData: setup });
  const { promise: ended, resolve } = Promise.withResolvers<PartFailure | null>();
  let last: PartFailure | null | undefined; // undefined: it has not said how it ended
  thread.on('message', (message: FromThread) => {
    if (message.kind === 'check') hooks.onCheck(message.check);
    else if (message.kind === 'metrics') hooks.onMetrics(message.snapshot);
    else last = message.failure;
  });
  thread.on('error', (cause: unknown) => {
    last ??= { code: 'EXITED', message: cause instanceof Error ? cause.message : String(cause) };
  });
  thread.on('exit', (code) => {
    resolve(
      last === undefined ? { code: 'EXITED', message: `its thread ended with ${code}` } : last,
    );
  });
  const stop: ToThread = { kind: 'stop' };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  return { stop: () => thread.postMessage(stop), ended };
}
