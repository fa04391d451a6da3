import { monotonicMs, wallClock } from '../base/clock.ts';
import { metrics } from '../base/metrics.ts';
import type { Check } from '../show/server.ts';
import { SILENT_MS_DEFAULT, Vitals } from './vitals.ts';

/**
 * - `waiting`: for another part to end first
 * - `running`: its thread is there
 * - `restarting`: failed, and starts again shortly
 * - `ended`: its work is over
 */
export type PartState = 'waiting' | 'running' | 'restarting' | 'ended';

type Entry = {
  name: string;
  state: PartState;
  checks: Map<string, Check>;
  begun: boolean; // it has given a sign of life since it was started
  served: boolean; // and a check of its own was once as it should be
  beats: number;
  beatAtMs: number;
  silentMsMax: number;
  progress: number;
  progressAtMs: number; // wall clock; 0: nothing done yet
};

type Clocks = { monotonic: () => number; wall: () => number };

/** Who is running, what they say about themselves, and when they last gave a sign of life. */
export class Roster {
  readonly vitals: Vitals;
  readonly #entries: Entry[];
  readonly #clocks: Clocks;
  #draining = false;

  constructor(
    names: readonly string[],
    clocks: Clocks = { monotonic: monotonicMs, wall: wallClock },
  ) {
    this.vitals = Vitals.forParts(names.length);
    this.#clocks = clocks;
    this.#entries = names.map((name) => ({
      name,
      state: 'waiting',
      checks: new Map(),
      begun: false,
      served: false,
      beats: 0,
      beatAtMs: 0,
      silentMsMax: SILENT_MS_DEFAULT,
      progress: 0,
      progressAtMs: 0,
    }));
    for (const name of names) metrics.workerUp.set({ worker: name }, 0);
  }

  get names(): string[] {
    return this.#entries.map(({ name }) => name);
  }

  slot(name: string): number {
    return this.#entries.findIndex((entry) => entry.name === name);
  }

  state(name: string): PartState {
    return this.#entry(name).state;
  }

  /** Notes a new state; what the part said in the state before no longer counts. */
  enter(name: string, state: PartState): void {
    const entry = this.#entry(name);
    entry.state = state;
    entry.checks.clear();
    this.sample(); // what the thread before has left counts no more
    entry.begun = false;
    entry.served = false;
    entry.beatAtMs = this.#clocks.monotonic();
    entry.silentMsMax = SILENT_MS_DEFAULT;
    metrics.workerUp.set({ worker: name }, state === 'running' ? 1 : 0);
  }

  note(name: string, check: Check): void {
    const entry = this.#entry(name);
    entry.checks.set(check.name, check);
    if (check.failure === null) entry.served = true;
  }

  /** Whether a part that runs is only loading or connecting yet, so that there is nothing to finish. */
  starting(name: string): boolean {
    this.sample();
    const { state, begun, served, checks } = this.#entry(name);
    return state === 'running' && (!begun || (checks.size > 0 && !served));
  }

  /** From now on not ready: the signal to stop has come. */
  drain(): void {
    this.#draining = true;
  }

  /** Reads the signs of life; to be called about every second. */
  sample(): void {
    for (const [slot, entry] of this.#entries.entries()) {
      const { beats, silentMsMax, progress } = this.vitals.read(slot);
      if (beats !== entry.beats) {
        entry.begun = true;
        entry.beats = beats;
        entry.beatAtMs = this.#clocks.monotonic();
        entry.silentMsMax = silentMsMax;
      }
      if (progress !== entry.progress) {
        entry.progress = progress;
        entry.progressAtMs = this.#clocks.wall();
        metrics.workerProgress.set({ worker: entry.name }, entry.progressAtMs / 1_000);
      }
    }
  }

  live(): Check[] {
    this.sample();
    return this.#entries.map((entry) => ({ name: entry.name, failure: this.#silence(entry) }));
  }

  ready(): Check[] {
    this.sample();
    const drain: Check = { name: 'process', failure: this.#draining ? 'draining' : null };
    return [drain, ...this.#entries.flatMap((entry) => [started(entry), ...said(entry)])];
  }

  /** Parts, and checks of theirs, that are not as they should be. */
  unready(): string[] {
    this.sample();
    const checks = this.#entries.flatMap((entry) => [started(entry), ...said(entry)]);
    return checks.filter(({ failure, degrades }) => failure !== null && !degrades).map(nameOf);
  }

  /** Parts that have been silent for `beyondMs` longer than they may be, and for how long. */
  stuck(beyondMs: number): string[] {
    return this.#entries.flatMap((entry) => {
      const silence = this.#silence(entry, beyondMs);
      return silence === null ? [] : [`${entry.name}: ${silence}`];
    });
  }

  #silence({ state, beatAtMs, silentMsMax }: Entry, beyondMs = 0): string | null {
    const silentMs = this.#clocks.monotonic() - beatAtMs;
    if (state !== 'running' || silentMs <= silentMsMax + beyondMs) return null;
    return `no sign of life for ${Math.round(silentMs / 1_000)} s, ${silentMsMax / 1_000} s are allowed`;
  }

  #entry(name: string): Entry {
    const entry = this.#entries[this.slot(name)];
    if (entry === undefined) throw new Error(`no part is named ${name}`);
    return entry;
  }
}

function started({ name, state, begun }: Entry): Check {
  if (state === 'running') return { name, failure: begun ? null : 'starting' };
  return { name, failure: state === 'ended' ? null : state };
}

function nameOf({ name }: Check): string {
  return name;
}

function said({ name, checks }: Entry): Check[] {
  return [...checks.values()].map((check) =>
    Object.assign({}, check, { name: `${name}/${check.name}` }),
  );
}
