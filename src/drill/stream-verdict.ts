import { monotonicMs } from '../base/clock.ts';
import { count } from '../base/terminal.ts';
import type { Fault, StrikeFound } from './drill.ts';
import type { RigAudit } from './ending.ts';
import type { Sent } from './records.ts';
import {
  byFault,
  firstRowOf,
  tooLittle,
  withoutStream,
  type Checks,
  type Verdict,
} from './verdict.ts';

export type StreamPlan = {
  name: string;
  what: string;
  command: string;
  seed: number;
  faults: readonly Fault[]; // one: a drill of its own; several: a mix
  times: number | null; // strikes; null: as many as the minutes take
  minutes: number; // of load at least; 0: as long as it takes
  gapMs: readonly [number, number]; // from one strike to the next, by chance
  inTurn: boolean; // as they are listed, each when the stream has come back; else by chance, overlapping
  ratePerSecond: number;
  eventsMin: number;
  outageSeconds: number | null;
  watchMemory: boolean;
};

/** What a drill of the stream has gathered. */
export type StreamRan = {
  startedMs: number;
  events: number;
  quietSeconds: number | null;
  strikes: readonly StrikeFound[];
  found: RigAudit;
  sent: Sent;
  makersKilled: boolean;
};

const MIXED_MS_MAX = 60_000; // until the first row, with several faults at a time

/** Puts the audit and the checks together. */
export function streamVerdict(plan: StreamPlan, checks: Checks, ran: StreamRan): Verdict {
  const { name, what, seed, command, ratePerSecond, faults } = plan;
  const strikes = ran.strikes.toSorted((a, b) => a.atSeconds - b.atSeconds);
  const { found, sent } = ran;
  const note = checks.note.bind(checks);
  note('the audit is clean', found.clean, found.firstDifference ?? 'nothing differs');
  const audited = found.topics.reduce((sum, { records }) => sum + records, 0);
  checkReach(ran, audited, note);
  const repeated = found.topics.reduce((sum, topic) => sum + topic.repeated, 0);
  const refused = found.topics.reduce((sum, topic) => sum + topic.refused, 0);
  const letters = { expected: refused, found: found.deadLetters };
  const same = letters.found === refused;
  note('dead letters are the bad records', same, `${letters.found} of ${refused}`);
  // With brokers failing, one that was not acknowledged may be there all the same.
  const exact = faults.every(({ place }) => place === 'records');
  const all = exact ? refused === sent.poisoned : refused >= sent.poisoned;
  note('bad records are those that were sent', all, `${refused} of ${sent.poisoned}`);
  const enough = repeated >= sent.repeated;
  note('no repeated record is missing', enough, `${repeated} of ${sent.repeated}`);
  checkKinds(plan, strikes, note);
  const firstRow = firstRowOf(faults.length > 1 ? strikes.filter(isOfShop(plan)) : strikes);
  const msMax = faults.length > 1 ? MIXED_MS_MAX : faults[0].firstRowMsMax;
  const { missing, maxMs } = firstRowOf(strikes);
  const back = missing > 0 ? `${missing} times not` : `${maxMs ?? 0} ms at most`;
  const inTime = missing === 0 && (maxMs ?? 0) <= msMax;
  note(`the stream came back within ${msMax / 1_000} s every time`, inTime, back);
  const why =
    tooLittle({ events: ran.events, faults: strikes.length }, plan) ?? checks.firstFailure;
  return {
    drill: name,
    what,
    outcome: why === null ? 'passed' : 'failed',
    why,
    seed,
    command,
    seconds: (monotonicMs() - ran.startedMs) / 1_000,
    events: ran.events,
    audited,
    acknowledged: found.acknowledged,
    inDoubt: found.inDoubt,
    ratePerSecond,
    faults: strikes.length,
    lost: found.lost,
    duplicated: found.duplicated,
    deadLetters: letters,
    firstRow,
    quietSeconds: ran.quietSeconds,
    byFault: faults.length > 1 ? byFault(strikes) : {},
    checks: checks.lines,
    strikes,
  };
}

/** Whether the audit was over everything. */
function checkReach(
  { found, events, makersKilled }: StreamRan,
  audited: number,
  note: Checks['note'],
): void {
  const { topics, acknowledged, inDoubt, cache } = found;
  const unread = topics.reduce((sum, { expired, pending }) => sum + expired + pending, 0);
  const all = unread === 0 && audited >= events;
  note('every record was audited', all, `${count(audited)} read, ${count(unread)} not`);
  note('the ledger was kept', acknowledged > 0, `${count(acknowledged)} acknowledged`);
  const doubt = `${count(inDoubt)} numbers`;
  note('only a killed producer leaves numbers in doubt', makersKilled || inDoubt === 0, doubt);
  const entries = cache?.entries ?? 0;
  note('Redis is filled', entries > 0, cache?.error ?? `${count(entries)} entries`);
}

/** In a mix each kind must have had its turn. */
function checkKinds(
  { faults }: StreamPlan,
  strikes: readonly StrikeFound[],
  note: Checks['note'],
): void {
  if (faults.length === 1) return;
  const struck = new Set(strikes.map(({ fault }) => fault));
  const missing = [...new Set(faults.map(({ name }) => name))].filter((name) => !struck.has(name));
  const text = missing.length === 0 ? `all ${struck.size}` : `not ${missing.join(', ')}`;
  note('every kind of fault was injected', missing.length === 0, text);
}

/** Of a process, a link or a server: a record that is bad or comes twice holds nothing up. */
function isOfShop({ faults }: StreamPlan): (strike: StrikeFound) => boolean {
  const names = new Set(faults.filter(({ place }) => place !== 'records').map(({ name }) => name));
  return ({ fault }) => names.has(fault);
}

/** The verdict on what this machine does not allow. */
export function notRun(plan: StreamPlan, checks: Checks, startedMs: number): Verdict {
  const { name, what, seed, command, ratePerSecond } = plan;
  return {
    drill: name,
    what,
    outcome: 'not run',
    why: 'this machine does not allow it',
    seed,
    command,
    seconds: (monotonicMs() - startedMs) / 1_000,
    events: 0,
    ratePerSecond,
    faults: 0,
    lost: 0,
    duplicated: 0,
    checks: checks.lines,
    ...withoutStream(),
  };
}
