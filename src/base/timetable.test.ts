import { expect, test } from 'bun:test';

import { DAY_MS, HOUR_MS, seoulMidnight, seoulTime } from './clock.ts';
import { PipelineError } from './errors.ts';
import { Timetable } from './timetable.ts';

const monthly = Timetable.parse('0 2 1 * *', 'cron');

test('the first of each month at two in Seoul, leap years and year ends among them', () => {
  let at = seoulMidnight(2023, 12, 15);
  for (let month = 1; month <= 84; month++) {
    at = monthly.next(at);
    expect(at).toBe(seoulMidnight(2024, month, 1) + 2 * HOUR_MS);
  }
  expect(seoulTime(at)).toBe('2030-12-01 02:00:00');
});

test('a moment itself is past for the next, to the millisecond', () => {
  const due = Date.parse('2025-11-30T17:00:00Z');
  expect(monthly.next(due - 1)).toBe(due);
  expect(monthly.next(due)).toBe(Date.parse('2025-12-31T17:00:00Z'));
});

test('moments between two: without the first, with the last, in order', () => {
  const [november, december] = [11, 12].map((month) => seoulMidnight(2025, month, 1) + 2 * HOUR_MS);
  expect(monthly.between(november, december, 100)).toEqual([december]);
  expect(monthly.between(november - 1, december, 100)).toEqual([november, december]);
  expect(monthly.between(november - 1, december - 1, 100)).toEqual([november]);
  expect(monthly.between(december, december + DAY_MS, 100)).toEqual([]);
  expect(monthly.between(december, november, 100)).toEqual([]); // a clock that was set back
});

test('of too many moments the last ones are named', () => {
  const minutely = Timetable.parse('* * * * *', 'cron');
  const until = seoulMidnight(2025, 12, 1);
  expect(minutely.between(0, until, 3)).toEqual([until - 120_000, until - 60_000, until]);
});

test('the last day of a month is found in each', () => {
  const last = Timetable.parse('30 23 L * *', 'cron');
  const days = last
    .between(seoulMidnight(2028, 1, 1), seoulMidnight(2028, 5, 1), 100)
    .map((ms) => seoulTime(ms));
  expect(days).toEqual([
    '2028-01-31 23:30:00',
    '2028-02-29 23:30:00',
    '2028-03-31 23:30:00',
    '2028-04-30 23:30:00',
  ]);
});

test.each([
  ['61 2 1 * *', 'Invalid value for minute: 61'],
  ['0 2 1 *', 'five'],
  ['0 0 2 1 * *', 'requires exactly 5 parts'],
  ['0 2 31 2 *', 'no calendar has such a day'],
  ['monthly', 'invalid configuration format'],
])('%s is refused, with what is wrong and what is right', (text, why) => {
  const refused = (): Timetable => Timetable.parse(text, 'MILLRACE_RECOMMEND_CRON');
  expect(refused).toThrow(PipelineError);
  expect(refused).toThrow(why);
  expect(refused).toThrow(`MILLRACE_RECOMMEND_CRON '${text}'`);
  expect(refused).toThrow("like '0 2 1 * *', in Asia/Seoul");
});
