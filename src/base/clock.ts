/** The only reader of the wall clock. Everything else takes the time as an argument. */
export type Clock = () => number; // ms since the epoch

export const wallClock: Clock = () => Date.now();

/** Milliseconds from an arbitrary start that never run backwards, for durations. */
export const monotonicMs = (): number => performance.now();

/** To the millisecond; more digits would only pretend. */
export const secondsSince = (startedMs: number): number =>
  Math.round(monotonicMs() - startedMs) / 1_000;

/** Asia/Seoul has had no daylight saving since 1988, so the shop's zone is a constant offset. */
export const SEOUL_OFFSET_MS = 9 * 3_600_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** Midnight in Seoul of a calendar date, in ms since the epoch. `month` counts from 1. */
export function seoulMidnight(year: number, month: number, day: number): number {
  return Date.UTC(year, month - 1, day) - SEOUL_OFFSET_MS;
}

/** Hour of the day in Seoul, 0..23. */
export function seoulHour(ms: number): number {
  return Math.floor(((ms + SEOUL_OFFSET_MS) % DAY_MS) / HOUR_MS);
}

/** `2025-01-31` for any moment of that day in Seoul. */
export function seoulDate(ms: number): string {
  return new Date(ms + SEOUL_OFFSET_MS).toISOString().slice(0, 10);
}

/** `2025-01-31 14:00:00` in Seoul. */
export function seoulTime(ms: number): string {
  return new Date(ms + SEOUL_OFFSET_MS).toISOString().slice(0, 19).replace('T', ' ');
}

/** `2025-01-31T14:00:00+09:00`: to the second, in Seoul. */
export function seoulIso(ms: number): string {
  return `${new Date(ms + SEOUL_OFFSET_MS).toISOString().slice(0, 19)}+09:00`;
}
