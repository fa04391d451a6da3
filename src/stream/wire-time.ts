import { DAY_MS, SEOUL_OFFSET_MS } from '../base/clock.ts';

const YEAR_MIN = 2000; // what is outside was made by a broken clock, or by nobody
const YEAR_MAX = 2099;
const ZONE_MINUTES_MAX = 14 * 60;
const MINUTE_MS = 60_000;
const LENGTH_MIN = '2026-11-21T16:00:00Z'.length;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Ms since the epoch of `2026-11-21T16:00:00.123+09:00`, which must fill [from, to) of the text; NaN
 * for anything else. The zone must be there; of a fraction, what is below the ms is dropped. By
 * hand, as Date.parse takes ten times as long and much that is not ISO 8601.
 */
export function parseTime(text: string, from = 0, to = text.length): number {
  if (to - from < LENGTH_MIN || to > text.length) return NaN;
  const year = two(text, from) * 100 + two(text, from + 2);
  const month = two(text, from + 5);
  const day = two(text, from + 8);
  const hour = two(text, from + 11);
  const minute = two(text, from + 14);
  const second = two(text, from + 17);
  if (!(year >= YEAR_MIN && year <= YEAR_MAX && month >= 1 && month <= 12)) return NaN;
  if (!(day >= 1 && day <= daysInMonth(year, month))) return NaN;
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return NaN; // UTC's leap seconds have no place
  if (!separated(text, from)) return NaN;
  let at = from + 19;
  let ms = 0;
  if (text.charCodeAt(at) === DOT) {
    const start = ++at;
    for (let scale = 100; at < to && digit(text, at) <= 9; at++, scale /= 10) {
      if (scale >= 1) ms += digit(text, at) * scale;
    }
    if (at === start || at - start > 9) return NaN;
  }
  const zone = zoneMinutes(text, at, to);
  const minutes = (daysSince1970(year, month, day) * 24 + hour) * 60 + minute - zone;
  return minutes * MINUTE_MS + second * 1_000 + ms;
}

const [PLUS, MINUS, DOT, COLON, T, Z] = Array.from('+-.:TZ', (sign) => sign.charCodeAt(0));

function separated(text: string, from: number): boolean {
  return (
    text.charCodeAt(from + 4) === MINUS &&
    text.charCodeAt(from + 7) === MINUS &&
    text.charCodeAt(from + 10) === T &&
    text.charCodeAt(from + 13) === COLON &&
    text.charCodeAt(from + 16) === COLON
  );
}

/** Minutes east of UTC: `Z`, `+09:00`. Must end at `to`. */
function zoneMinutes(text: string, at: number, to: number): number {
  const sign = text.charCodeAt(at);
  if (sign === Z) return at + 1 === to ? 0 : NaN;
  if ((sign !== PLUS && sign !== MINUS) || at + 6 !== to) return NaN;
  if (text.charCodeAt(at + 3) !== COLON) return NaN;
  const minute = two(text, at + 4);
  const minutes = two(text, at + 1) * 60 + minute;
  if (!(minute <= 59 && minutes <= ZONE_MINUTES_MAX)) return NaN;
  return sign === PLUS ? minutes : -minutes;
}

/** The number that two digits write, NaN if they are none. */
function two(text: string, at: number): number {
  const high = digit(text, at);
  const low = digit(text, at + 1);
  return high <= 9 && low <= 9 ? high * 10 + low : NaN;
}

/** 0 to 9, or something larger. `at` must be within the text. */
function digit(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) >>> 0;
}

function daysInMonth(year: number, month: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return DAYS_IN_MONTH[month - 1] + (leap ? 1 : 0);
}

/** Counts from March, so that the leap day is a year's last (Howard Hinnant, "days_from_civil"). */
function daysSince1970(year: number, month: number, day: number): number {
  const fromMarch = month > 2 ? year : year - 1;
  const century = Math.floor(fromMarch / 100);
  const leapDays = (fromMarch >> 2) - century + (century >> 2);
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return fromMarch * 365 + leapDays + dayOfYear - 719_468;
}

export const TIME_BYTES = 29; // as formatTime and writeTime write it

/** `2026-11-21T16:00:00.123+09:00`: a moment of the years 2000 to 2099 in Seoul. */
export function formatTime(ms: number): string {
  const bytes = new Uint8Array(TIME_BYTES);
  writeTime(bytes, 0, ms);
  return String.fromCharCode(...bytes);
}

const template = new TextEncoder().encode('0000-00-00T00:00:00.000+09:00');
let templateDay = NaN; // days since 1970 in Seoul of the date in the template

/** Writes what formatTime says. Rows come in time order, so the date stays in the template. */
export function writeTime(target: Uint8Array, at: number, ms: number): void {
  const local = ms + SEOUL_OFFSET_MS;
  const day = Math.floor(local / DAY_MS);
  if (day !== templateDay) writeDate(day);
  for (let i = 0; i < TIME_BYTES; i++) target[at + i] = template[i];
  const ofDay = local - day * DAY_MS;
  const seconds = (ofDay / 1_000) | 0;
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  const rest = (ofDay - seconds * 1_000) | 0;
  writeTwo(target, at + 11, hours);
  writeTwo(target, at + 14, minutes - hours * 60);
  writeTwo(target, at + 17, seconds - minutes * 60);
  writeTwo(target, at + 20, (rest / 10) | 0);
  target[at + 22] = 48 + (rest % 10);
}

function writeDate(day: number): void {
  const date = new Date(day * DAY_MS);
  const year = date.getUTCFullYear();
  if (!(year >= YEAR_MIN && year <= YEAR_MAX)) throw new RangeError(`year ${year} on the wire`);
  writeTwo(template, 0, (year / 100) | 0);
  writeTwo(template, 2, year % 100);
  writeTwo(template, 5, date.getUTCMonth() + 1);
  writeTwo(template, 8, date.getUTCDate());
  templateDay = day;
}

function writeTwo(target: Uint8Array, at: number, value: number): void {
  const high = (value / 10) | 0;
  target[at] = 48 + high;
  target[at + 1] = 48 + value - high * 10;
}
