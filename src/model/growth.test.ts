import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { share, signUpPace, signUpTime } from './growth.ts';

const FROM = 1_577_804_400_000;
const TO = FROM + 5 * 365 * 86_400_000;
const at = (part: number) => FROM + part * (TO - FROM);

const settings = fc.record({
  midpoint: fc.double({ min: 0, max: 1, noNaN: true }),
  steepness: fc.double({ min: 0.1, max: 15, noNaN: true }),
});

test('sign-up time is the inverse of the share', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999_999, noNaN: true }), settings, (u, growth) => {
      const time = signUpTime(u, FROM, TO, growth);
      expect(time).toBeWithin(FROM, TO + 1);
      expect(Number.isInteger(time)).toBe(true);
      expect(Math.abs(share(time, FROM, TO, growth) - u)).toBeLessThan(1e-8);
    }),
  );
});

test('time never falls as the quantile rises', () => {
  let before = FROM;
  for (let i = 0; i < 10_000; i++) {
    const time = signUpTime(i / 10_000, FROM, TO);
    expect(time).toBeGreaterThanOrEqual(before);
    before = time;
  }
  expect(signUpTime(0, FROM, TO)).toBe(FROM);
  expect(signUpTime(1 - 2 ** -32, FROM, TO)).toBeLessThanOrEqual(TO);
});

test('the share runs from 0 to 1, symmetric about the middle', () => {
  expect(share(FROM, FROM, TO)).toBe(0);
  expect(share(TO, FROM, TO)).toBe(1);
  expect(share(FROM - 1e9, FROM, TO)).toBe(0);
  expect(share(TO + 1e9, FROM, TO)).toBe(1);
  expect(share(at(0.5), FROM, TO)).toBeCloseTo(0.5, 12);
  for (let part = 0; part <= 0.5; part += 0.01) {
    expect(share(at(part), FROM, TO) + share(at(1 - part), FROM, TO)).toBeCloseTo(1, 10);
  }
});

test('growth is slow, fast, slow', () => {
  const tenths = Array.from(
    { length: 10 },
    (_, index) => share(at((index + 1) / 10), FROM, TO) - share(at(index / 10), FROM, TO),
  );
  for (let i = 1; i < 5; i++) expect(tenths[i]).toBeGreaterThan(tenths[i - 1]);
  for (let i = 6; i < 10; i++) expect(tenths[i]).toBeLessThan(tenths[i - 1]);
  expect(tenths[4]).toBeGreaterThan(10 * tenths[0]);
});

test('the live shop gains ten in 10 s at first, one in 120 s in the end', () => {
  expect(signUpPace(0)).toEqual({ batch: 10, intervalSeconds: 10 });
  const hour = signUpPace(3_600_000); // e^-0.6 = 0.548811636
  expect(hour.batch).toBe(5);
  expect(hour.intervalSeconds).toBeCloseTo(59.63072, 4);
  const late = signUpPace(48 * 3_600_000);
  expect(late.batch).toBe(1);
  expect(late.intervalSeconds).toBeCloseTo(120, 6);
});
