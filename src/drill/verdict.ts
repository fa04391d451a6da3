import { quantileSorted } from 'simple-statistics';

import type { Check, StrikeFound } from './drill.ts';

/** How long it took until every partition had a new row. */
export type FirstRow = {
  measured: number;
  missing: number; // not within the limit
  p50Ms: number | null;
  p95Ms: number | null;
  maxMs: number | null;
};

/** What a drill came to. */
export type Verdict = {
  drill: string;
  what: string;
  outcome: 'passed' | 'failed' | 'not run';
  why: string | null; // it failed or was not run
  seed: number;
  command: string; // that repeats it
  seconds: number;
  events: number; // stored meanwhile, records of Kafka; rows of a job
  audited: number; // records read again from Kafka, those from before the load included
  acknowledged: number; // events that the producers' ledger has as such
  inDoubt: number; // numbers of a killed producer that never came, and that nothing had acknowledged
  ratePerSecond: number | null; // asked for, rows of orders; null: a job
  faults: number; // really injected
  lost: number;
  duplicated: number;
  deadLetters: { expected: number; found: number };
  firstRow: FirstRow;
  quietSeconds: number | null; // from the end of the load until all was stored
  byFault: Record<string, { faults: number; firstRow: FirstRow }>;
  checks: Check[];
  strikes: StrikeFound[];
};

/** Of what had no stream to measure. */
export function withoutStream(): Pick<
  Verdict,
  | 'audited'
  | 'acknowledged'
  | 'inDoubt'
  | 'deadLetters'
  | 'firstRow'
  | 'quietSeconds'
  | 'byFault'
  | 'strikes'
> {
  return {
    audited: 0,
    acknowledged: 0,
    inDoubt: 0,
    deadLetters: { expected: 0, found: 0 },
    firstRow: firstRowOf([]),
    quietSeconds: null,
    byFault: {},
    strikes: [],
  };
}

/** Where and when a verdict was reached. */
export type Circumstances = {
  at: string; // ISO
  commit: string; // of this repository; empty if there is none
  cores: number;
  load: number; // the machine's mean load over a minute, at the end
};

/** A verdict as it is kept in a file. */
export type Kept = Verdict & { circumstances: Circumstances };

/** Fewer events prove nothing. */
export const EVENTS_MIN = 10_000;

export function firstRowOf(strikes: readonly StrikeFound[]): FirstRow {
  const times = strikes
    .flatMap(({ firstRowMs }) => firstRowMs ?? [])
    .map(Math.round)
    .toSorted((a, b) => a - b);
  const at = (share: number): number | null =>
    times.length === 0 ? null : quantileSorted(times, share);
  return {
    measured: times.length,
    missing: strikes.length - times.length,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    maxMs: times.at(-1) ?? null,
  };
}

export function byFault(strikes: readonly StrikeFound[]): Verdict['byFault'] {
  const groups = Map.groupBy(strikes, ({ fault }) => fault);
  const entries = Array.from(groups, ([fault, some]) => [
    fault,
    { faults: some.length, firstRow: firstRowOf(some) },
  ]);
  return Object.fromEntries(entries);
}

type Line = Check & { size: number; times: number };

/** Checks as they come, one line a name: the first that failed, else the worst. */
export class Checks {
  readonly #lines = new Map<string, Line>();

  note(name: string, pass: boolean, found: string, size = 0): void {
    const known = this.#lines.get(name);
    const times = (known?.times ?? 0) + 1;
    const stays = known !== undefined && (!known.pass || (pass && known.size > size));
    this.#lines.set(name, stays ? { ...known, times } : { name, pass, found, size, times });
  }

  get lines(): Check[] {
    return Array.from(this.#lines.values(), ({ name, pass, found, size, times }) => {
      const worst = pass && size > 0 && times > 1 ? `, the worst of ${times}` : '';
      return { name, pass, found: found + worst };
    });
  }

  get firstFailure(): string | null {
    const failed = this.lines.find(({ pass }) => !pass);
    return failed ? `${failed.name}: ${failed.found}` : null;
  }
}

/** Why a drill of so many events and faults proves nothing; null: it does prove something. */
export function tooLittle(
  { events, faults }: { events: number; faults: number },
  { eventsMin, times }: { eventsMin: number; times: number | null },
): string | null {
  if (faults === 0) return 'nothing was injected, so nothing was proved';
  if (times !== null && faults < times) return `only ${faults} of ${times} faults were injected`;
  if (events >= eventsMin) return null;
  return `only ${events} events moved, and ${eventsMin} are the least that proves something`;
}
