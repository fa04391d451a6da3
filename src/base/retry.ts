import { PipelineError } from './errors.ts';
import { metrics } from './metrics.ts';
import type { Time } from './time.ts';

export type RetryOptions = {
  what: string; // what is tried, from a closed list: it labels a metric
  time: Time;
  signal: AbortSignal; // ends the waiting, not an attempt
  waitMsMin?: number; // before the second attempt; doubles from then on
  waitMsMax?: number;
  attemptsMax?: number;
  /** Told before each wait, for readiness and logs. */
  onRetry?: (error: PipelineError, attempt: number, waitMs: number) => void;
};

const WAIT_MS_MIN = 50;
const WAIT_MS_MAX = 2_000; // work goes on within this after the other side is back

/**
 * Does `work` until it succeeds. Only retryable PipelineErrors are repeated, for as long as it takes
 * unless `attemptsMax` says otherwise; any other error, and the last one, is thrown as it is. Once
 * aborted there is no further attempt, and what is thrown is INTERRUPTED with the cause.
 */
export async function retry<Result>(
  options: RetryOptions,
  work: (attempt: number) => Promise<Result>,
): Promise<Result> {
  const { what, time, signal, attemptsMax = Infinity, onRetry } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (cause) {
      if (!(cause instanceof PipelineError) || !cause.retryable) throw cause;
      if (signal.aborted) throw interrupted(what, cause);
      if (attempt >= attemptsMax) throw cause;
      metrics.retries.inc({ what, code: cause.code });
      const waitMs = backoffMs(options, attempt);
      onRetry?.(cause, attempt, waitMs);
      await time.sleep(waitMs, signal);
      if (signal.aborted) throw interrupted(what, cause);
    }
  }
}

/**
 * The wait after an attempt (from 1): doubles up to its maximum, of which chance takes up to half,
 * so that many who failed at one moment do not knock at one moment again.
 */
export function backoffMs(
  { time, waitMsMin = WAIT_MS_MIN, waitMsMax = WAIT_MS_MAX }: Omit<RetryOptions, 'what' | 'signal'>,
  attempt: number,
): number {
  const doublings = Math.min(attempt - 1, 40); // 2^40 ms are more than any maximum
  const waitMs = Math.min(waitMsMax, waitMsMin * 2 ** doublings);
  return waitMs * (1 - time.chance() / 2);
}

function interrupted(what: string, cause: PipelineError): PipelineError {
  const message = `stopped while trying again: ${what}; the last failure was: ${cause.message}`;
  return new PipelineError('INTERRUPTED', message, { cause });
}
