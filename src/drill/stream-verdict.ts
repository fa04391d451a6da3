import { monotonicMs } from '../base/clock.ts';
import type { Audit } from '../analyse/audit.ts';
import type { Fault, StrikeFound } from './drill.ts';
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
  lettersBefore: number; // dead letters of earlier drills on the same servers
  strikes: readonly StrikeFound[];
  found: Audit;
  sent: Sent;
};

/** Puts the audit and the checks together. */
export function streamVerdict(plan: StreamPlan, checks: Checks, ran: StreamRan): Verdict {
  const { name, what, seed, command, ratePerSecond, eventsMin, faults } = plan;
  const strikes = ran.strikes.toSorted((a, b) => a.atSeconds - b.atSeconds);
  const { found, sent } = ran;
  const note = checks.note.bind(checks);
  note('the audit is clean', found.clean, found.firstDifference ?? 'nothing differs');
  const repeated = found.topics.reduce((sum, topic) => sum + topic.repeated, 0);
  const refused = found.topics.reduce((sum, topic) => sum + topic.refused, 0) - ran.lettersBefore;
  const letters = { expected: refused, found: found.deadLetters - ran.lettersBefore };
  const same = letters.found === refused;
  note('dead letters are the bad records', same, `${letters.found} of ${refused}`);
  // With brokers failing, one that was not acknowledged may be there all the same.
  const exact = faults.every(({ place }) => place === 'records');
  const all = exact ? refused === sent.poisoned : refused >= sent.poisoned;
  note('bad records are those that were sent', all, `${refused} of ${sent.poisoned}`);
  const enough = repeated >= sent.repeated;
  note('no repeated record is missing', enough, `${repeated} of ${sent.repeated}`);
  const firstRow = firstRowOf(strikes);
  const { missing } = firstRow;
  note('the stream came back every time', missing === 0, `${missing} times not`);
  const count = strikes.length;
  const why = tooLittle(ran.events, count, eventsMin) ?? checks.firstFailure;
  return {
    drill: name,
    what,
    outcome: why === null ? 'passed' : 'failed',
    why,
    seed,
    command,
    seconds: (monotonicMs() - ran.startedMs) / 1_000,
    events: ran.events,
    ratePerSecond,
    faults: count,
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
