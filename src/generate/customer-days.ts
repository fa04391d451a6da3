import { DAY_MS } from '../base/clock.ts';
import type { Random } from '../base/random.ts';

/** Days are counted from 1970-01-01; customers are made as of the last one. */
export const FIRST_DAY = Date.UTC(2006, 0, 1) / DAY_MS;
export const LAST_DAY = Date.UTC(2025, 11, 31) / DAY_MS;
const TEXTS_UNTIL = Date.UTC(2031, 11, 31) / DAY_MS;

const TEXTS = Array.from({ length: TEXTS_UNTIL - FIRST_DAY + 1 }, (_, day) =>
  new Date((FIRST_DAY + day) * DAY_MS).toISOString().slice(0, 10),
);

/** `2025-12-31`; from FIRST_DAY to the end of 2031. */
export function dayText(day: number): string {
  return TEXTS[day - FIRST_DAY];
}

const BROKEN = 0.001;
const BROKEN_TEXTS = ['0000-00-00', '2024-02-30', '미상', '', '20211301'] as const;

/** Now and then a date is none, as in any register. */
export function maybeBroken(random: Random, date: string): string | null {
  const chance = random.next();
  if (chance >= BROKEN * 2) return date;
  return chance < BROKEN ? random.pick(BROKEN_TEXTS) : null;
}
