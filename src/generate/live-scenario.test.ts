import { describe, expect, test } from 'bun:test';
import { HOUR_MS, seoulMidnight } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { SCENARIOS } from '../model/scenario.ts';
import { LiveScenario } from './live-scenario.ts';

const MIDNIGHT = seoulMidnight(2026, 11, 27);
const NOON = MIDNIGHT + 12 * HOUR_MS;
const MINUTE = 60_000;

const numberAt = (live: LiveScenario, ms: number): number => live.at(ms).number;

describe('without a request', () => {
  test('the hour decides: late night 19, after nine in the evening 17, else the ordinary day', () => {
    const live = new LiveScenario(MIDNIGHT);
    const numbers = Array.from({ length: 25 }, (_, hour) =>
      numberAt(live, MIDNIGHT + hour * HOUR_MS),
    );
    const night = Array<number>(6).fill(19);
    const day = Array<number>(15).fill(0);
    expect(numbers).toEqual([...night, ...day, 17, 17, 17, 19]);
    expect(numberAt(live, MIDNIGHT + 6 * HOUR_MS - 1)).toBe(19);
    expect(numberAt(live, MIDNIGHT + 21 * HOUR_MS - 1)).toBe(0);
    expect(live.at(MIDNIGHT)).toEqual({
      number: 19,
      label: '[자동] 평일 심야 소량 주문',
      source: 'hour',
      untilMs: null,
    });
    expect(live.at(NOON).label).toBe('기본 패턴 (현실적 분포)');
  });

  test('the start option holds, through every hour, until something is requested', () => {
    const live = new LiveScenario(NOON, 3);
    for (let hour = 0; hour < 48; hour++) {
      expect(live.at(NOON + hour * HOUR_MS)).toEqual({
        number: 3,
        label: '블랙프라이데이 대규모 세일',
        source: 'start',
        untilMs: null,
      });
    }
    expect(live.request({ number: 0, atMs: NOON + 1 }, NOON + 2)).toBe(true);
    expect(live.at(NOON + 2)).toMatchObject({ number: 0, source: 'hour' });
    expect(numberAt(live, MIDNIGHT + 22 * HOUR_MS)).toBe(17);
  });

  test('start option 0 is none', () => {
    expect(new LiveScenario(NOON, 0).at(MIDNIGHT)).toMatchObject({ number: 19, source: 'hour' });
    expect(() => new LiveScenario(NOON, 21)).toThrow(PipelineError);
  });
});

describe('a request', () => {
  test('holds for its timer, and then the hour decides', () => {
    // Minutes by number, 1 to 20.
    const minutes = [1, 1, 1, 1, 1, 1, 1, 1, 3, 2, 1, 3, 1, 1, 4, 1, 2, 1, 36, 1];
    for (const [at, timer] of minutes.entries()) {
      const live = new LiveScenario(NOON, 5);
      const number = at + 1;
      const untilMs = NOON + timer * MINUTE;
      expect(live.request({ number, atMs: NOON }, NOON)).toBe(true);
      const label = SCENARIOS[number].name;
      expect(live.at(NOON)).toEqual({ number, label, source: 'requested', untilMs });
      expect(numberAt(live, untilMs - 1)).toBe(number);
      expect(live.at(untilMs)).toMatchObject({ number: 0, source: 'hour' });
    }
    const evening = MIDNIGHT + 21 * HOUR_MS;
    const live = new LiveScenario(NOON);
    live.request({ number: 15, atMs: evening - MINUTE }, evening - MINUTE); // four minutes
    expect(numberAt(live, evening)).toBe(15); // the hour changes and waits for it
    expect(numberAt(live, evening + 3 * MINUTE)).toBe(17);
  });

  test('once over stays over, even if the clock goes back', () => {
    const live = new LiveScenario(NOON);
    live.request({ number: 3, atMs: NOON }, NOON);
    expect(numberAt(live, NOON + MINUTE)).toBe(0);
    expect(numberAt(live, NOON + 1)).toBe(0);
  });

  test('seen again and again starts no timer anew; chosen again it does', () => {
    const live = new LiveScenario(NOON);
    for (let ms = 0; ms < MINUTE; ms += 2_000) {
      expect(live.request({ number: 3, atMs: NOON }, NOON + ms)).toBe(ms === 0);
    }
    expect(live.at(NOON + 50_000).untilMs).toBe(NOON + MINUTE);
    expect(live.request({ number: 3, atMs: NOON + 50_000 }, NOON + 50_000)).toBe(true);
    expect(live.at(NOON + 100_000).untilMs).toBe(NOON + 50_000 + MINUTE);
    expect(numberAt(live, NOON + 50_000 + MINUTE)).toBe(0);
    expect(live.request({ number: 3, atMs: NOON + 50_000 }, NOON + 5 * MINUTE)).toBe(false);
    expect(live.request({ number: 3, atMs: NOON + 6 * MINUTE }, NOON + 6 * MINUTE)).toBe(true);
    expect(numberAt(live, NOON + 6 * MINUTE)).toBe(3);
  });

  test('replaces the one before, even with an earlier time, and 0 ends it', () => {
    const live = new LiveScenario(NOON);
    live.request({ number: 3, atMs: NOON + 5_000 }, NOON + 5_000);
    expect(live.request({ number: 15, atMs: NOON + 4_000 }, NOON + 6_000)).toBe(true);
    expect(live.at(NOON + 6_000)).toMatchObject({ number: 15, untilMs: NOON + 4_000 + 4 * MINUTE });
    expect(live.request({ number: 0, atMs: NOON + 7_000 }, NOON + 8_000)).toBe(true);
    expect(numberAt(live, NOON + 8_000)).toBe(0);
  });

  test('that still runs when the shop starts again goes on for what is left of it', () => {
    const live = new LiveScenario(NOON, 5);
    expect(live.request({ number: 15, atMs: NOON - MINUTE }, NOON)).toBe(true);
    expect(live.at(NOON)).toMatchObject({ number: 15, untilMs: NOON + 3 * MINUTE });
  });

  test('from before the start whose time is over, or a 0, is left alone', () => {
    for (const old of [
      { number: 3, atMs: NOON - MINUTE },
      { number: 0, atMs: NOON - 1 },
    ]) {
      const live = new LiveScenario(NOON, 5);
      expect(live.request(old, NOON)).toBe(false);
      expect(live.at(NOON)).toMatchObject({ number: 5, source: 'start' });
    }
  });

  test('from a clock that is ahead runs no longer than its timer', () => {
    const live = new LiveScenario(NOON);
    live.request({ number: 3, atMs: NOON + HOUR_MS }, NOON);
    expect(live.at(NOON).untilMs).toBe(NOON + MINUTE);
  });

  test('with an end of its own holds until then', () => {
    const live = new LiveScenario(NOON);
    const untilMs = NOON + 2 * HOUR_MS;
    expect(live.request({ number: 3, atMs: NOON, untilMs }, NOON)).toBe(true);
    expect(live.at(untilMs - 1)).toMatchObject({ number: 3, untilMs });
    expect(numberAt(live, untilMs)).toBe(0);
    expect(live.request({ number: 3, atMs: NOON + 1, untilMs: NOON + 2 }, NOON + 2)).toBe(false);
  });

  test('for a scenario that there is not is refused and changes nothing', () => {
    const live = new LiveScenario(NOON, 5);
    for (const number of [-1, 21, 1.5, Number.NaN]) {
      expect(() => live.request({ number, atMs: NOON }, NOON)).toThrow(PipelineError);
    }
    expect(numberAt(live, NOON)).toBe(5);
  });
});
