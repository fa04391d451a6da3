import { expect, test } from 'bun:test';

import type { StrikeFound } from './drill.ts';
import { byFault, Checks, firstRowOf, tooLittle } from './verdict.ts';

function strike(fault: string, firstRowMs: number | null): StrikeFound {
  return { fault, what: '', atSeconds: 0, firstRowMs, ordersPerSecond: null };
}

test('a drill that injected nothing, or moved too little, has proved nothing', () => {
  const asked = { eventsMin: 10_000, times: 5 };
  expect(tooLittle({ events: 1_000_000, faults: 0 }, asked)).toContain('nothing was injected');
  expect(tooLittle({ events: 1_000_000, faults: 4 }, asked)).toContain('only 4 of 5 faults');
  expect(tooLittle({ events: 9_999, faults: 5 }, asked)).toContain('only 9999 events');
  expect(tooLittle({ events: 10_000, faults: 5 }, asked)).toBeNull();
  expect(tooLittle({ events: 10_000, faults: 1 }, { ...asked, times: null })).toBeNull();
});

test('first rows are counted by time, and those that never came apart', () => {
  const strikes = [300, 100, null, 200, 400].map((ms) => strike('kill-consumer', ms));
  expect(firstRowOf(strikes)).toEqual({
    measured: 4,
    missing: 1,
    p50Ms: 250,
    p95Ms: 385, // between the two last
    maxMs: 400,
  });
  const none = { measured: 0, missing: 0, p50Ms: null, p95Ms: null, maxMs: null };
  expect(firstRowOf([])).toEqual(none);
});

test('kinds are told apart', () => {
  const strikes = [strike('poison', 100), strike('sigterm', 200), strike('poison', 300)];
  const kinds = byFault(strikes);
  expect(Object.keys(kinds)).toEqual(['poison', 'sigterm']);
  expect(kinds['poison']).toMatchObject({ faults: 2, firstRow: { measured: 2, maxMs: 300 } });
});

test('a check that has failed once stays failed', () => {
  const checks = new Checks();
  checks.note('ends in time', true, '1 s');
  checks.note('ends in time', false, '9 s');
  checks.note('ends in time', true, '2 s');
  checks.note('nothing is left', true, '0');
  expect(checks.lines).toEqual([
    { name: 'ends in time', pass: false, found: '9 s' },
    { name: 'nothing is left', pass: true, found: '0' },
  ]);
  expect(checks.firstFailure).toBe('ends in time: 9 s');
});

test('of checks that all passed, the worst is told, and of how many', () => {
  const checks = new Checks();
  for (const ms of [300, 900, 600]) checks.note('ends in time', true, `${ms} ms`, ms);
  expect(checks.lines).toEqual([
    { name: 'ends in time', pass: true, found: '900 ms, the worst of 3' },
  ]);
});
