import { availableParallelism } from 'node:os';
import type { Command } from 'commander';

import { startProgress } from '../base/progress.ts';
import { abortOnSignal } from '../base/shutdown.ts';
import { command, wholeNumber, type Common } from './common.ts';

export type MonthOptions = Common & { month: string };
export type WorkOptions = MonthOptions & { threads: number };

const THREADS_MAX = 64;

export const monthly = (name: string, description: string): Command =>
  command(name, description).requiredOption('--month <month>', 'like 2025-12');

export const threaded = (name: string, description: string): Command =>
  monthly(name, description).option(
    '--threads <count>',
    'threads that compute; changes no row',
    wholeNumber(1, THREADS_MAX),
    Math.min(THREADS_MAX, availableParallelism()),
  );

/** Runs work with a bar and with the signal that Ctrl-C gives. */
export async function withProgress<Result>(
  work: (
    onProgress: (done: number, total: number, note: string) => void,
    signal: AbortSignal,
  ) => Promise<Result>,
  unit = 'customers',
): Promise<Result> {
  const progress = startProgress(unit);
  try {
    return await work(progress.update.bind(progress), abortOnSignal());
  } finally {
    progress.stop(); // it clears its line, so before the result
  }
}
