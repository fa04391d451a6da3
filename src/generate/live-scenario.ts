import { seoulHour } from '../base/clock.ts';
import { type Scenario, scenario, TIME_BASED_SCENARIO } from '../model/scenario.ts';
import type { ScenarioRequest } from '../model/scenario-request.ts';

/** `start`: asked for at the start. `requested`: chosen while running. `hour`: nobody asked. */
export type ScenarioSource = 'start' | 'requested' | 'hour';

export type LiveScenarioState = {
  number: number;
  label: string; // the scenario's name; one that the hour brings is marked
  source: ScenarioSource;
  untilMs: number | null; // when its timer ends; null: it has none
};

/** Without `untilMs` the scenario's own timer counts, from the moment of the choice. */
export type LiveScenarioRequest = ScenarioRequest & { untilMs?: number };

const AUTOMATIC = '[자동] ';

/**
 * Which scenario the running shop is in:
 *
 *   start      the start option, until something is requested
 *   requested  the number chosen last, until its timer ends
 *   hour       what TIME_BASED_SCENARIO gives the hour, else the ordinary day
 *
 * Choosing 0 and the end of a timer both lead to `hour`.
 */
export class LiveScenario {
  readonly #startedMs: number;
  #source: ScenarioSource;
  #scenario: Scenario;
  #untilMs = 0;
  #last: ScenarioRequest | null = null;

  /** `start` is a scenario's number; 0 is the same as none. */
  constructor(startedMs: number, start = 0) {
    this.#startedMs = startedMs;
    this.#scenario = scenario(start);
    this.#source = start === 0 ? 'hour' : 'start';
  }

  /**
   * Takes the request that stands, as often as it is seen; returns whether it was news. One whose
   * time ran out before it was seen, or before this shop started, changes nothing.
   */
  request(request: LiveScenarioRequest, nowMs: number): boolean {
    if (this.#last?.number === request.number && this.#last.atMs === request.atMs) return false;
    const chosen = scenario(request.number);
    this.#last = request;
    if (request.number === 0) {
      if (request.atMs < this.#startedMs) return false;
      this.#source = 'hour';
      return true;
    }
    const atMs = Math.min(request.atMs, nowMs); // the clock of who asked may be ahead
    const untilMs = request.untilMs ?? atMs + chosen.timerMinutes * 60_000;
    if (untilMs <= nowMs) return false;
    this.#source = 'requested';
    this.#scenario = chosen;
    this.#untilMs = untilMs;
    return true;
  }

  at(nowMs: number): LiveScenarioState {
    if (this.#source === 'requested' && nowMs >= this.#untilMs) this.#source = 'hour';
    if (this.#source === 'hour') return byHour(nowMs);
    const { number, name: label } = this.#scenario;
    const untilMs = this.#source === 'requested' ? this.#untilMs : null;
    return { number, label, source: this.#source, untilMs };
  }
}

function byHour(nowMs: number): LiveScenarioState {
  const automatic = TIME_BASED_SCENARIO[seoulHour(nowMs)];
  const { number, name } = scenario(automatic ?? 0);
  const label = automatic === null ? name : AUTOMATIC + name;
  return { number, label, source: 'hour', untilMs: null };
}
