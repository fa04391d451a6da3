import { expect, test } from 'bun:test';

import { EXIT_CODES } from '../base/errors.ts';
import { becomes, sendSignal } from '../stack/processes.ts';
import type { DrillOptions } from './plans.ts';
import { runDrills } from './run.ts';
import { renderTable } from './table.ts';
import { left, startedDrill, tracesOf } from './testing.ts';
import type { Verdict } from './verdict.ts';

const QUICK_MS_MAX = 330_000;
const options: DrillOptions = {
  seed: 1,
  ratePerSecond: 300,
  minutes: null,
  times: null,
  outageSeconds: null,
};
const signal = new AbortController().signal;

async function drill(name: string, more: Partial<DrillOptions> = {}) {
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const [verdict] = await runDrills([name], { ...options, ...more }, { say, signal });
  if (verdict.outcome !== 'passed') throw new Error(`${verdict.why}\n${said.join('\n')}`);
  return verdict;
}

/** Exactly once, on enough events, with faults that really struck. */
function expectExactlyOnce(verdict: Verdict, faultsMin: number): void {
  expect(verdict).toMatchObject({ outcome: 'passed', lost: 0, duplicated: 0, why: null });
  expect(verdict.events).toBeGreaterThanOrEqual(10_000);
  expect(verdict.faults).toBeGreaterThanOrEqual(faultsMin);
}

test(
  'processes, threads, brokers, PostgreSQL, Redis, links and records fail in turn: nothing is lost or doubled',
  async () => {
    const verdict = await drill('quick');
    expectExactlyOnce(verdict, 15);
    const kinds = ['kill-consumer', 'cut-commit', 'postgres-kill', 'broker-kill', 'poison'];
    expect(Object.keys(verdict.byFault)).toEqual(expect.arrayContaining(kinds));
    expect(verdict.deadLetters.found).toBeGreaterThanOrEqual(19);
    expect(verdict.deadLetters.found).toBe(verdict.deadLetters.expected);
    expect(verdict.firstRow.missing).toBe(0);
  },
  QUICK_MS_MAX,
);

test('a backfill that is killed makes what an undisturbed one makes; of two jobs at once one works', async () => {
  expectExactlyOnce(await drill('backfill-kill', { times: 2 }), 1);
  expectExactlyOnce(await drill('twice-at-once', { times: 1 }), 3);
}, 240_000);

test('a drill of a job that is stopped says so', async () => {
  const { pid, says, ended } = startedDrill(['twice-at-once']);
  await says('drill twice-at-once');
  sendSignal(pid, 'SIGINT');
  const { code, json } = await ended;
  expect(code).toBe(130);
  expect(json).toMatchObject({ error: { code: 'INTERRUPTED' }, verdicts: [] });
}, 60_000);

test('a drill of the stream that is stopped leaves nothing behind', async () => {
  const { pid, says, said, ended } = startedDrill(['quick']);
  try {
    await says('; first row after'); // the stream is loaded, and struck once
    const before = tracesOf(pid);
    const disks = said().includes('disk-full is not run') ? 0 : 1;
    expect(before).toMatchObject({ drills: { length: 1 }, servers: { length: 6 } });
    expect(before.mounts.length).toBe(disks);
    // Three brokers, PostgreSQL, Redis, and the four processes of the shop.
    expect(before.processes.length).toBeGreaterThanOrEqual(9);
    sendSignal(pid, 'SIGINT');
    const { code, json } = await ended;
    expect(code).toBe(130);
    expect(json).toMatchObject({ error: { code: 'INTERRUPTED' }, verdicts: [] });
    await becomes(() => left(before).length === 0, 5_000); // what is killed with it takes a moment
    expect(left(before)).toEqual([]);
  } finally {
    sendSignal(pid, 'SIGINT');
    await ended;
  }
}, 240_000);

// Root alone may mount a disk, and only with this right.
const MAY_NOT_MOUNT =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-sys_admin', '--'] : [];
const NOT_RUN = { drill: 'disk-full', outcome: 'not run', faults: 0 };

test('a drill that this machine does not allow has proved nothing, and says so', async () => {
  const { ended, said } = startedDrill(['disk-full'], MAY_NOT_MOUNT);
  const { code, json } = await ended;
  expect(code).toBe(EXIT_CODES.CHECK_FAILED);
  expect(json).toMatchObject({ verdicts: [NOT_RUN] });
  expect(said()).toContain('no disk can be mounted');
  expect(said()).toContain('disk-full was not run, so it has proved nothing');
}, 120_000);

test('drills that are stopped answer with the verdicts reached before', async () => {
  const { pid, says, ended } = startedDrill(['disk-full', 'kill-consumer'], MAY_NOT_MOUNT);
  await says('drill kill-consumer');
  sendSignal(pid, 'SIGINT');
  const { code, json } = await ended;
  expect(code).toBe(130);
  expect(json).toMatchObject({ error: { code: 'INTERRUPTED' }, verdicts: [NOT_RUN] });
}, 120_000);

test('the table has a row for each verdict, and names what was not run', () => {
  const circumstances = { at: '2026-11-21T20:00:00.000Z', commit: 'abc1234', cores: 2, load: 1.5 };
  const firstRow = { measured: 2, missing: 0, p50Ms: 100, p95Ms: 200, maxMs: 200 };
  const text = renderTable([
    {
      drill: 'cut-commit',
      what: '',
      outcome: 'failed',
      why: 'the audit is clean: a|b',
      seed: 7,
      command: 'bun run millrace drill cut-commit --seed 7',
      seconds: 60,
      events: 12_345,
      audited: 12_345,
      acknowledged: 12_345,
      inDoubt: 0,
      ratePerSecond: 500,
      faults: 20,
      lost: 1,
      duplicated: 0,
      deadLetters: { expected: 0, found: 0 },
      firstRow,
      quietSeconds: 1,
      byFault: {},
      checks: [{ name: 'the audit is clean', pass: false, found: 'a|b' }],
      strikes: [],
      circumstances,
    },
  ]);
  const row = text.split('\n').find((line) => line.startsWith('| `cut-commit`')) ?? '';
  expect(row).toContain('| 12,345 | 20 | **1** | **0** |');
  expect(row).toContain('p50 100 ms, max 200 ms');
  expect(row).toContain('**failed**: the audit is clean |');
  expect(text).toContain('- `cut-commit`: **failed**: the audit is clean');
  expect(text).toContain('bun run millrace drill cut-commit --seed 7');
  expect(text).toContain('Not run: `kill-consumer`');
});
