import { monotonicMs } from './clock.ts';
import { EXIT_CODES } from './errors.ts';
import { say } from './terminal.ts';

/** One Ctrl-C comes twice under `bun run`: from the terminal, and handed on by the parent. */
const SAME_MS = 200;

/**
 * Aborts on the first Ctrl-C or SIGTERM, so that work ends at a safe point; a second one ends the
 * process at once, which loses nothing either, since everything unfinished is in a transaction.
 */
export function abortOnSignal(): AbortSignal {
  const controller = new AbortController();
  let firstMs = 0;
  const stop = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      if (name === 'SIGINT' && monotonicMs() - firstMs < SAME_MS) return;
      process.exit(EXIT_CODES.INTERRUPTED);
    }
    firstMs = monotonicMs();
    say('\nstopping at a safe point; once more ends at once');
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}

/** Waits, or less when aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => resolve();
  const timer = setTimeout(done, ms);
  signal.addEventListener('abort', done, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener('abort', done); // a signal outlives millions of pauses
}

/** Waits for the signal, however long that takes. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
