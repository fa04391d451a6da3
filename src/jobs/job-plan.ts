import type { JobRun } from '../store/job-runs.ts';
import { monthOf } from './job.ts';

export const ATTEMPTS_MAX = 8; // of one turn; with the waits below they end within the day
const WAIT_MS_MIN = 5 * 60_000;
const WAIT_MS_MAX = 4 * 3_600_000;

export type Plan = {
  missed: number[]; // due moments to be entered as missed
  turn: { dueMs: number; atMs: number } | null; // what to begin, and not before when
};

/**
 * What is to be done about the turns that were due, by what became of them: the last one only, once,
 * until it is done or out of attempts. A month done since the turn was due settles it, whoever did it.
 * `dues` are in order; `runs` are all since the first of them, in order.
 */
export function planTurns(dues: readonly number[], runs: readonly JobRun[], nowMs: number): Plan {
  const last = dues.at(-1);
  const missed = dues.slice(0, -1).filter((dueMs) => !begun(dueMs, runs) && !done(dueMs, runs));
  return { missed, turn: last === undefined ? null : turnOf(last, runs, nowMs) };
}

/** The wait after so many failed attempts. */
export function attemptWaitMs(attempts: number): number {
  return Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** (attempts - 1));
}

function turnOf(dueMs: number, runs: readonly JobRun[], nowMs: number): Plan['turn'] {
  if (done(dueMs, runs)) return null;
  const own = runs.filter((run) => run.dueMs === dueMs && run.startedMs !== null);
  const attempts = own.filter(({ outcome }) => outcome === 'failed' || outcome === 'lost').length;
  if (attempts >= ATTEMPTS_MAX) return null;
  const before = own.at(-1);
  if (before?.outcome !== 'failed') return { dueMs, atMs: nowMs };
  return { dueMs, atMs: (before.endedMs ?? nowMs) + attemptWaitMs(attempts) };
}

function begun(due: number, runs: readonly JobRun[]): boolean {
  return runs.some(
    ({ dueMs, startedMs, outcome }) =>
      dueMs === due && (startedMs !== null || outcome === 'missed'),
  );
}

function done(dueMs: number, runs: readonly JobRun[]): boolean {
  const month = monthOf(dueMs);
  return runs.some(
    (run) => run.outcome === 'done' && run.month === month && (run.startedMs ?? 0) >= dueMs,
  );
}
