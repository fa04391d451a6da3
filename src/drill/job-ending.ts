import { PipelineError } from '../base/errors.ts';
import { sendSignal } from '../stack/processes.ts';
import type { Command, CommandEnd } from './command.ts';

const END_MS_MAX = 180_000;

/**
 * How a command ended. One that takes too long is killed, and fails the drill; it is killed too when
 * nobody waits for it any more.
 */
export async function endOf(
  { pid, ended }: Command,
  signal: AbortSignal,
  msMax = END_MS_MAX,
): Promise<CommandEnd> {
  let late = false;
  const kill = (): void => sendSignal(pid, 'SIGKILL');
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, msMax);
  signal.addEventListener('abort', kill);
  if (signal.aborted) kill();
  const end = await ended;
  clearTimeout(timer);
  signal.removeEventListener('abort', kill);
  if (signal.aborted) throw new PipelineError('INTERRUPTED', 'the drill was stopped');
  if (!late) return end;
  const seconds = msMax / 1_000;
  throw new PipelineError('CHECK_FAILED', `a command had not ended after ${seconds} s`);
}

/** Tells whether a command has ended, without waiting for it. */
export function endTold({ ended }: Command): () => boolean {
  let over = false;
  const tell = (): void => void (over = true);
  void ended.then(tell, tell); // whoever waits for the end hears what went wrong
  return () => over;
}
