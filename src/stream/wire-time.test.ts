import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { formatTime, parseTime } from './wire-time.ts';

const FIRST = Date.UTC(2000, 0, 1);
const LAST = Date.UTC(2099, 11, 31, 23, 59, 59, 999);

test('times are those of Date in every zone', () => {
  const zoneMinutes = fc.integer({ min: -14 * 60, max: 14 * 60 });
  fc.assert(
    fc.property(fc.integer({ min: FIRST, max: LAST }), zoneMinutes, (ms, zone) => {
      const local = new Date(ms + zone * 60_000).toISOString();
      if (!local.startsWith('20')) return; // the zone moved it out of the years we take
      const hours = String(Math.floor(Math.abs(zone) / 60)).padStart(2, '0');
      const minutes = String(Math.abs(zone) % 60).padStart(2, '0');
      const text = local.replace('Z', `${zone < 0 ? '-' : '+'}${hours}:${minutes}`);
      expect(parseTime(text)).toBe(ms);
      expect(parseTime(text)).toBe(Date.parse(text));
    }),
    { numRuns: 2_000 },
  );
});

test('every day of the hundred years is one day after the one before', () => {
  let before = parseTime('2000-01-01T00:00:00Z');
  expect(before).toBe(FIRST);
  let days = 1;
  for (let year = 2000; year <= 2099; year++) {
    for (let month = 1; month <= 12; month++) {
      for (let day = 1; day <= 31; day++) {
        const [m, d] = [month, day].map((part) => String(part).padStart(2, '0'));
        const ms = parseTime(`${year}-${m}-${d}T00:00:00Z`);
        if (Number.isNaN(ms) || ms === before) continue;
        expect(ms - before).toBe(86_400_000);
        before = ms;
        days++;
      }
    }
  }
  expect(days).toBe(36_525);
});

test('what is written is Seoul time and reads back', () => {
  expect(formatTime(Date.UTC(2026, 10, 21, 7, 0, 0, 123))).toBe('2026-11-21T16:00:00.123+09:00');
  const moment = fc.integer({ min: FIRST, max: LAST - 9 * 3_600_000 });
  fc.assert(
    fc.property(moment, (ms) => {
      const text = formatTime(ms);
      expect(text).toBe(
        new Date(ms + 9 * 3_600_000).toISOString().replace('Z', '+09:00'), // independent of ours
      );
      expect(parseTime(text)).toBe(ms);
    }),
    { numRuns: 2_000 },
  );
  for (const ms of [Date.UTC(1999, 0, 1), Date.UTC(2100, 0, 1), NaN]) {
    expect(() => formatTime(ms)).toThrow(RangeError);
  }
});

test('fractions of one to nine digits count to the ms', () => {
  const second = Date.UTC(2026, 10, 21, 7);
  expect(parseTime('2026-11-21T16:00:00+09:00')).toBe(second);
  expect(parseTime('2026-11-21T16:00:00.5+09:00')).toBe(second + 500);
  expect(parseTime('2026-11-21T07:00:00.123456789Z')).toBe(second + 123);
});

test('part of a text is read where it is', () => {
  const text = '"2026-11-21T07:00:00Z"';
  expect(parseTime(text, 1, text.length - 1)).toBe(Date.UTC(2026, 10, 21, 7));
});

for (const [text, why] of [
  ['', 'nothing'],
  ['2026-11-21', 'no time'],
  ['2026-11-21T16:00:00', 'no zone'],
  ['2026-11-21T16:00:00.123', 'no zone after a fraction'],
  ['2026-11-21 16:00:00+09:00', 'a space'],
  ['2026-11-21t16:00:00z', 'small letters'],
  ['2026-11-21T16:00+09:00', 'no seconds'],
  ['2026-11-21T16:00:00+0900', 'a zone without colon'],
  ['2026-11-21T16:00:00+09', 'a zone without minutes'],
  ['2026-11-21T16:00:00+14:01', 'a zone that is nowhere'],
  ['2026-11-21T16:00:00+09:60', 'a zone of 60 minutes'],
  ['2026-11-21T16:00:00.+09:00', 'an empty fraction'],
  ['2026-11-21T16:00:00.1234567890Z', 'a fraction of ten digits'],
  ['2026-11-21T16:00:00Z ', 'something behind'],
  [' 2026-11-21T16:00:00Z', 'something before'],
  ['2026-11-21T16:00:60Z', 'a leap second'],
  ['2026-11-21T24:00:00Z', 'hour 24'],
  ['2026-11-21T16:60:00Z', 'minute 60'],
  ['2026-02-29T16:00:00Z', 'no leap year'],
  ['2026-04-31T16:00:00Z', 'no such day'],
  ['2026-00-10T16:00:00Z', 'month 0'],
  ['2026-13-10T16:00:00Z', 'month 13'],
  ['1999-12-31T16:00:00Z', 'too early'],
  ['2100-01-01T16:00:00Z', 'too late'],
  ['10000-01-01T16:00:00Z', 'year 10000'],
  ['+002026-11-21T16:00:00Z', 'a year of six digits'],
  ['2026-11-2１T16:00:00Z', 'a digit of another script'],
  ['2026-11-21T1/:00:00Z', 'a sign beside the digits'],
  ['1763737200000', 'a number'],
  ['Sat, 21 Nov 2026 07:00:00 GMT', 'another format'],
]) {
  test(`refuses ${why}: '${text}'`, () => expect(parseTime(text)).toBeNaN());
}
