import { PipelineError } from '../base/errors.ts';

/**
 * Dates as whole numbers that read as the date, 20251231, so that they compare as days do. Taken
 * are 2025-12-31, 2025.12.31, 2025/12/31 and 20251231, each with or without a time behind.
 */
const ZERO = 0x30;
const SPACE = 0x20;
const T = 0x54;
const encoder = new TextEncoder();

/** Null for a text that is no date, or a day that no calendar has. */
export function dayOf(text: string | null): number | null {
  if (text === null) return null;
  const bytes = encoder.encode(text);
  return dayIn(bytes, 0, bytes.length);
}

/** The same for text in place; a negative length stands for null. */
export function dayIn(bytes: Uint8Array, from: number, length: number): number | null {
  if (length < 8) return null;
  const separated = isSeparator(bytes[from + 4]);
  const size = separated ? 10 : 8;
  if (length < size || (separated && bytes[from + 7] !== bytes[from + 4])) return null;
  const behind = bytes[from + size];
  if (length > size && behind !== SPACE && behind !== T) return null;
  const year = number(bytes, from, 4);
  const month = number(bytes, from + (separated ? 5 : 4), 2);
  const day = number(bytes, from + (separated ? 8 : 6), 2);
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > monthLength(year, month)) return null;
  return year * 10_000 + month * 100 + day;
}

/** The last day of the month that a date is in. */
export function monthEnd(day: number): number {
  const year = Math.floor(day / 10_000);
  const month = Math.floor(day / 100) % 100;
  return year * 10_000 + month * 100 + monthLength(year, month);
}

/** Months are written like 2025-12. */
export function checkMonth(text: string): void {
  if (/^20\d\d-(0[1-9]|1[0-2])$/.test(text)) return;
  throw new PipelineError('USAGE', `${text} is not a month; give one like 2025-12`);
}

function monthLength(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function isSeparator(byte: number): boolean {
  return byte === 0x2d || byte === 0x2e || byte === 0x2f; // - . /
}

/** -1 where a digit is none. */
function number(bytes: Uint8Array, from: number, digits: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at++) {
    const digit = bytes[at] - ZERO;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}
