import { parentPort, workerData } from 'node:worker_threads';

import { logger } from '../base/log.ts';
import { registry } from '../base/metrics.ts';
import { snapshotOf } from '../show/board.ts';
import type { FromThread, ThreadSetup, ToThread } from './messages.ts';
import { runPart, type Part } from './part.ts';
import { Vitals } from './vitals.ts';

const METRICS_EVERY_MS = 1_000;

/** The life of a thread: run the part, say what it counts, and leave by itself once all is closed. */
export async function runThread(part: Part): Promise<void> {
  const { name, slot, vitals, config }: ThreadSetup = workerData;
  const stop = new AbortController();
  parentPort?.on('message', (message: ToThread) => {
    if (message.kind === 'stop') stop.abort();
  });
  const sendMetrics = async (): Promise<void> =>
    send({ kind: 'metrics', snapshot: await snapshotOf(registry) });
  const timer = setInterval(() => void sendMetrics(), METRICS_EVERY_MS); // a lost one is followed by the next
  const failure = await runPart(
    part,
    {
      name,
      config,
      vitals: new Vitals(vitals),
      slot,
      log: logger(name),
      onCheck: (check) => send({ kind: 'check', check }),
    },
    stop,
  );
  clearInterval(timer);
  await sendMetrics();
  send({ kind: 'ended', failure });
  process.exit(failure === null ? 0 : 1); // of this thread only
}

function send(message: FromThread): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(message);
}
