import { expect, test } from 'bun:test';

import { DAY_MS, HOUR_MS, seoulMidnight } from '../base/clock.ts';
import type { JobOutcome, JobRun } from '../store/job-runs.ts';
import { monthOf } from './job.ts';
import { ATTEMPTS_MAX, attemptWaitMs, planTurns } from './job-plan.ts';

const due = (month: number): number => seoulMidnight(2025, month, 1) + 2 * HOUR_MS;

function run(outcome: JobOutcome, dueMs: number | null, changes: Partial<JobRun> = {}): JobRun {
  const notBegun = outcome === 'skipped' || outcome === 'missed';
  const at = dueMs ?? 0;
  return {
    run: 1,
    job: 'recommend',
    month: monthOf(at),
    dueMs,
    startedBy: dueMs === null ? 'hand' : 'schedule',
    outcome,
    startedMs: notBegun ? null : at,
    endedMs: outcome === 'running' ? null : at + HOUR_MS,
    rows: null,
    error: null,
    host: 'here',
    pid: 1,
    ...changes,
  };
}

const NOW = due(12) + 3 * DAY_MS;

test('nothing was due: nothing to do', () => {
  expect(planTurns([], [], NOW)).toEqual({ missed: [], turn: null });
});

test('of several turns that nobody was there for, the last is made up for', () => {
  expect(planTurns([due(10), due(11), due(12)], [], NOW)).toEqual({
    missed: [due(10), due(11)],
    turn: { dueMs: due(12), atMs: NOW },
  });
});

test('what was begun, or entered as missed, is not missed again; what was only skipped is', () => {
  const dues = [7, 8, 9, 10, 11, 12].map(due);
  const runs = [
    run('failed', due(7)),
    run('missed', due(8)),
    run('stopped', due(9)),
    run('lost', due(10)),
    run('skipped', due(11)),
    run('done', due(12)),
  ];
  expect(planTurns(dues, runs, NOW)).toEqual({ missed: [due(11)], turn: null });
});

test.each(['lost', 'stopped', 'skipped', 'running'] as const)('%s: again at once', (outcome) => {
  const { turn } = planTurns([due(12)], [run(outcome, due(12))], NOW);
  expect(turn).toEqual({ dueMs: due(12), atMs: NOW });
});

test('failed: again after a wait that doubles, until the attempts are used up', () => {
  const waits = Array.from({ length: ATTEMPTS_MAX }, (_, i) => {
    const runs = Array.from({ length: i + 1 }, () => run('failed', due(12)));
    const { turn } = planTurns([due(12)], runs, NOW);
    return turn && (turn.atMs - due(12) - HOUR_MS) / 60_000;
  });
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 240, null]);
  const allWaits = waits.reduce((sum: number, minutes) => sum + (minutes ?? 0), 0);
  expect(allWaits * 60_000).toBeLessThan(DAY_MS);
  expect(attemptWaitMs(60)).toBe(4 * HOUR_MS);
});

test('deaths count as attempts, being told to stop does not', () => {
  const deaths = Array.from({ length: ATTEMPTS_MAX }, () => run('lost', due(12)));
  expect(planTurns([due(12)], deaths, NOW).turn).toBeNull();
  const stops = Array.from({ length: ATTEMPTS_MAX }, () => run('stopped', due(12)));
  expect(planTurns([due(12)], stops, NOW).turn).not.toBeNull();
});

test('a turn that stays failed does not hold the next', () => {
  const runs = Array.from({ length: ATTEMPTS_MAX }, () => run('failed', due(11)));
  expect(planTurns([due(11), due(12)], runs, NOW)).toEqual({
    missed: [],
    turn: { dueMs: due(12), atMs: NOW },
  });
});

test('by hand: the same month since it was due settles a turn; before, or another, does not', () => {
  const byHand = (changes: Partial<JobRun>): JobRun =>
    run('done', null, { month: '2025-12', startedMs: due(12) + 1, ...changes });
  const settled = (changes: Partial<JobRun>): boolean =>
    planTurns([due(12)], [run('failed', due(12)), byHand(changes)], NOW).turn === null;
  expect(settled({})).toBe(true);
  expect(settled({ startedMs: due(12) - 1 })).toBe(false);
  expect(settled({ month: '2025-11' })).toBe(false);
  expect(settled({ outcome: 'failed' })).toBe(false);
  const late = byHand({ month: '2025-11', startedMs: due(12) + 1 });
  expect(planTurns([due(11), due(12)], [late], NOW).missed).toEqual([]);
});

test('the month of a turn is the one in Seoul, also where it is another in Greenwich', () => {
  expect(monthOf(Date.parse('2025-11-30T17:00:00Z'))).toBe('2025-12');
  expect(monthOf(Date.parse('2025-12-31T14:59:59Z'))).toBe('2025-12');
  expect(monthOf(Date.parse('2025-12-31T15:00:00Z'))).toBe('2026-01');
});
