import type { Redis } from 'ioredis';

import type { Log } from '../base/log.ts';
import { repeat } from '../base/schedule.ts';
import { REAL_TIME, type Time } from '../base/time.ts';
import { scenario } from '../model/scenario.ts';
import {
  formatScenarioRequest,
  ScenarioWatch,
  type ScenarioRequest,
} from '../model/scenario-request.ts';
import { ask } from './failure.ts';
import { Outage } from '../base/outage.ts';

/** Holds what formatScenarioRequest makes, and expires when the scenario's time is over. */
export const SCENARIO_KEY = 'scenario:current';

const LOOK_EVERY_MS = 2_000;
export const SCENARIO_MINUTES_MAX = 10_080; // a week

/** A request and when it is over, by the clock of who reads it. */
export type ChosenScenario = ScenarioRequest & { untilMs: number };

/** What lies under the key. A number that somebody wrote by hand has no moment, and no end. */
export type CurrentScenario = { number: number; atMs: number | null; untilMs: number | null };

/** Chooses a scenario for every running shop; each choice is a new one, whatever its number. */
export async function chooseScenario(
  redis: Redis,
  number: number,
  options: { minutes?: number; atMs: number },
): Promise<ChosenScenario> {
  const minutes = options.minutes ?? scenario(number).timerMinutes;
  const leftMs = Math.round(minutes * 60_000);
  if (!(leftMs >= 1 && minutes <= SCENARIO_MINUTES_MAX)) {
    throw new RangeError(`${minutes} minutes: more than 0 and at most ${SCENARIO_MINUTES_MAX}`);
  }
  const text = formatScenarioRequest({ number, atMs: options.atMs });
  const chosen = redis.set(SCENARIO_KEY, text, 'PX', leftMs);
  await ask(redis, 'scenario', 'choosing the scenario', chosen);
  return { number, atMs: options.atMs, untilMs: options.atMs + leftMs };
}

/** The scenario that was chosen and is not over, or null. */
export async function currentScenario(
  redis: Redis,
  nowMs: number,
): Promise<CurrentScenario | null> {
  const { text, leftMs } = await readChoice(redis);
  const watch = new ScenarioWatch();
  watch.see(null, nowMs); // so that a number written by hand is news, and not left alone
  const request = watch.see(text, nowMs);
  if (request === null) return null;
  const byHand = leftMs === null;
  const untilMs = byHand ? null : nowMs + leftMs;
  return { number: request.number, atMs: byHand ? null : request.atMs, untilMs };
}

export type WatchOptions = {
  redis: Redis;
  signal: AbortSignal;
  log: Log;
  /** Once for each choice, also for the one that stands at the start. */
  onChosen: (chosen: ChosenScenario) => void;
  everyMs?: number;
  time?: Time;
};

/** Reports each choice until aborted. Redis being away changes nothing; whoever acts keeps the time. */
export async function watchScenario(options: WatchOptions): Promise<void> {
  const { redis, signal, log, onChosen, everyMs = LOOK_EVERY_MS, time = REAL_TIME } = options;
  const outage = new Outage(log, 'watching for a scenario');
  const watch = new ScenarioWatch();
  await repeat({ everyMs, signal, time }, async () => {
    const chosen = await outage.survive(async () => {
      const { text, leftMs } = await readChoice(redis);
      const nowMs = time.now();
      const request = watch.see(text, nowMs);
      if (request === null) return null;
      const left = leftMs ?? scenario(request.number).timerMinutes * 60_000;
      return { ...request, untilMs: nowMs + left };
    });
    if (chosen) onChosen(chosen);
  });
}

/** Both by one script: between two commands somebody else could choose. */
const READ = `return {redis.call('get', KEYS[1]) or '', redis.call('pttl', KEYS[1])}`;

/** `leftMs` comes from Redis, so clocks that differ do no harm; null: without an end. */
async function readChoice(redis: Redis): Promise<{ text: string | null; leftMs: number | null }> {
  const read = redis.eval(READ, 1, SCENARIO_KEY);
  const reply = await ask(redis, 'scenario', 'reading the scenario', read);
  const [text, left] = Array.isArray(reply) ? reply : [];
  return {
    text: typeof text === 'string' && text !== '' ? text : null,
    leftMs: typeof left === 'number' && left >= 0 ? left : null,
  };
}
