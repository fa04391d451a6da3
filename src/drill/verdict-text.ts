import { columns, count, duration } from '../base/terminal.ts';
import type { FirstRow, Verdict } from './verdict.ts';

/** A verdict for a terminal: the figures, what was looked at besides, and the last word. */
export function renderVerdict(verdict: Verdict): string {
  const { drill, outcome, why } = verdict;
  if (outcome === 'not run') return `NOT RUN: ${drill}: ${why}`;
  const { events, faults, lost, duplicated, deadLetters, firstRow, quietSeconds } = verdict;
  const figures = [
    ['events', count(events)],
    ['audited', `${count(verdict.audited)}, ${count(verdict.acknowledged)} acknowledged`],
    ['faults injected', count(faults)],
    ['lost', count(lost)],
    ['doubled', count(duplicated)],
    ['dead letters', `${count(deadLetters.found)} of ${count(deadLetters.expected)} expected`],
    ['first row after a fault', firstRowText(firstRow)],
    ['all stored after the load', quietSeconds === null ? '-' : duration(quietSeconds)],
  ];
  const kinds = Object.entries(verdict.byFault).map(([name, found]) => [
    name,
    count(found.faults),
    firstRowText(found.firstRow),
  ]);
  const checks = verdict.checks.map(({ name, pass, found }) => [pass ? 'ok' : 'FAIL', name, found]);
  return [
    columns(figures),
    ...(kinds.length > 0 ? ['', columns(kinds, [1])] : []),
    '',
    columns(checks),
    '',
    outcome === 'passed' ? `PASSED: ${drill}` : `FAILED: ${drill}: ${why}`,
    `again: ${verdict.command}`,
  ].join('\n');
}

const P95_MIN = 20; // faults; of fewer it would be the maximum

/** `p50 120 ms, p95 300 ms, max 310 ms` */
export function firstRowText({ measured, missing, p50Ms, p95Ms, maxMs }: FirstRow): string {
  if (measured === 0) return '-';
  const never = missing > 0 ? `, ${missing} times none` : '';
  if (measured === 1) return `${ms(maxMs)}${never}`;
  const p95 = measured < P95_MIN ? '' : `, p95 ${ms(p95Ms)}`;
  return `p50 ${ms(p50Ms)}${p95}, max ${ms(maxMs)}${never}`;
}

function ms(value: number | null): string {
  if (value === null) return '-';
  return value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`;
}
