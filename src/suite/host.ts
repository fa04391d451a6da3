import { isMainThread } from 'node:worker_threads';

import { PipelineError } from '../base/errors.ts';
import { say } from '../base/terminal.ts';
import type { Part } from './part.ts';

/**
 * What every file in workers/ does: its part, as a process of its own or as a thread of the suite.
 * Each way loads only what it needs: what a process has besides its part costs a thread 40 MiB.
 */
export async function host(part: Part): Promise<void> {
  if (!isMainThread) {
    const { runThread } = await import('./thread-side.ts');
    await runThread(part);
    return;
  }
  try {
    const { runProcess } = await import('./process.ts');
    process.exitCode = await runProcess(part);
  } catch (cause) {
    const known = cause instanceof PipelineError ? cause : null;
    say(`${part.name}: ${known?.message ?? `this is a defect of Millrace: ${String(cause)}`}`);
    if (known === null && cause instanceof Error && cause.stack) say(cause.stack);
    process.exitCode = known?.exitCode ?? 1;
  }
  process.exit(); // whatever a half-closed socket still holds must not keep a finished part
}
