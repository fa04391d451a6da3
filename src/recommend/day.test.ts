import { expect, test } from 'bun:test';

import { dayOf, monthEnd } from './day.ts';

const DATES: [text: string | null, day: number | null][] = [
  ['2025-12-31', 20_251_231],
  ['2025.12.31', 20_251_231],
  ['2025/12/31', 20_251_231],
  ['20251231', 20_251_231],
  ['2025-12-31 23:59:59', 20_251_231],
  ['2025-12-31T23:59:59Z', 20_251_231],
  ['20251231 235959', 20_251_231],
  ['9999-12-31', 99_991_231],
  ['2024-02-29', 20_240_229],
  ['2000-02-29', 20_000_229],
  ['2023-02-29', null],
  ['1900-02-29', null],
  ['2024-04-31', null],
  ['2024-13-01', null],
  ['20211301', null],
  ['2024-00-10', null],
  ['2024-01-00', null],
  ['0000-00-00', null],
  ['2024-02/10', null],
  ['2024-2-10', null],
  ['202402100', null],
  ['2024-02-10x', null],
  ['-024-02-10', null],
  ['미상', null],
  ['미상미상미', null],
  ['', null],
  [null, null],
];

test.each(DATES)('%p is %p', (text, day) => {
  expect(dayOf(text)).toBe(day);
});

test('every day of a century is a date by its number, and months end where the calendar says', () => {
  for (let ms = Date.UTC(1950, 0, 1); ms < Date.UTC(2050, 0, 1); ms += 86_400_000) {
    const text = new Date(ms).toISOString().slice(0, 10);
    const day = dayOf(text);
    expect(day).toBe(Number(text.replaceAll('-', '')));
    const last = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0));
    expect(monthEnd(day ?? 0) % 100).toBe(last.getUTCDate());
  }
});
