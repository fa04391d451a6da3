import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { HOUR_MS, seoulMidnight } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { cartWaitSeconds, LivePace, type PaceOptions, parseRate, type Rate } from './live-pace.ts';

const START = seoulMidnight(2026, 11, 27) + 14 * HOUR_MS; // 14 h has the multiplier 1
const RUN = { seed: 42, run: 7, settings: DEFAULT_SETTINGS };
const UNDER_1 = 1 - 2 ** -32;

const paceOf = (rate: Rate, options: Partial<PaceOptions> = {}): LivePace =>
  new LivePace(RUN, { rate, rampSeconds: 0, startMs: START, ...options });

type Cart = { timeMs: number; rows: number };

/** A producer's loop on a simulated clock: wakes, makes what is due, sleeps until the next or longer. */
class Loop {
  readonly carts: Cart[] = [];
  rows = 0;
  nowMs = START;
  readonly #pace: LivePace;
  readonly #random = new Random(5, 'cart').at(0);

  constructor(pace: LivePace) {
    this.#pace = pace;
  }

  /** Returns the rows made. */
  wake(): number {
    const before = this.rows;
    for (this.#pace.begin(this.nowMs); this.#pace.nextMs <= this.nowMs;) {
      const rows = 1 + this.#random.below(10);
      this.carts.push({ timeMs: this.#pace.nextMs, rows });
      this.rows += rows;
      this.#pace.took(rows);
    }
    return this.rows - before;
  }

  /** Runs until a moment, waking up to `lateMs` late. */
  until(endMs: number, lateMs = 0, check?: (nowMs: number) => void): this {
    while (this.nowMs < endMs) {
      this.wake();
      check?.(this.nowMs);
      const late = lateMs * this.#random.next();
      this.nowMs = Math.min(endMs, Math.max(this.#pace.nextMs, this.nowMs + 1) + late);
    }
    return this;
  }
}

/** Rows that a ramp of `rampMs` up to `rate` rows a second has brought after `ms`. */
function rampIntegral(rate: number, rampMs: number, ms: number): number {
  const risen = Math.min(ms, rampMs);
  return (rate / 1_000) * ((risen * risen) / (2 * rampMs || 1) + (ms - risen));
}

describe('the wait for the next cart by the hour', () => {
  // [hour, multiplier, shortest s, longest s]: uniform(3, 5) / multiplier within 1 to 30 s.
  const TABLE: [number, number, number, number][] = [
    [0, 0.15, 20, 30],
    [1, 0.05, 30, 30],
    [2, 0.02, 30, 30],
    [3, 0.01, 30, 30],
    [4, 0.01, 30, 30],
    [5, 0.03, 30, 30],
    [6, 0.08, 30, 30],
    [7, 0.2, 15, 25],
    [8, 0.5, 6, 10],
    [9, 0.8, 3.75, 6.25],
    [10, 1.3, 2.307_692, 3.846_154],
    [11, 1.6, 1.875, 3.125],
    [12, 1.4, 2.142_857, 3.571_429],
    [13, 1.1, 2.727_273, 4.545_455],
    [14, 1, 3, 5],
    [15, 1.1, 2.727_273, 4.545_455],
    [16, 1.2, 2.5, 4.166_667],
    [17, 1.4, 2.142_857, 3.571_429],
    [18, 1.8, 1.666_667, 2.777_778],
    [19, 2.2, 1.363_636, 2.272_727],
    [20, 3, 1, 1.666_667],
    [21, 2.5, 1.2, 2],
    [22, 1.5, 2, 3.333_333],
    [23, 0.5, 6, 10],
  ];

  test('is the table of the hours', () => {
    expect(TABLE.map(([, multiplier]) => multiplier)).toEqual([
      ...DEFAULT_SETTINGS.hourlyMultiplier,
    ]);
    for (const [, multiplier, shortest, longest] of TABLE) {
      expect(cartWaitSeconds(multiplier, 0)).toBeCloseTo(shortest, 5);
      expect(cartWaitSeconds(multiplier, UNDER_1)).toBeCloseTo(longest, 5);
    }
    expect(cartWaitSeconds(1, 0.25)).toBe(3.5);
    expect(cartWaitSeconds(10, 0.9)).toBe(1); // a busier hour than any of the table's
    expect(cartWaitSeconds(0, 0.5)).toBe(30); // an hour set to nothing
  });

  for (const [hour, , shortest, longest] of TABLE) {
    test(`carts at ${hour} come every ${shortest} to ${longest} s`, () => {
      const startMs = seoulMidnight(2026, 11, 27) + hour * HOUR_MS;
      const loop = new Loop(paceOf('natural', { startMs }));
      loop.nowMs = startMs;
      const { carts } = loop.until(startMs + HOUR_MS);
      const waits = carts.slice(1).map((cart, at) => (cart.timeMs - carts[at].timeMs) / 1_000);
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(shortest - 1e-6);
      expect(Math.max(...waits)).toBeLessThanOrEqual(longest + 1e-6);
      const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
      const expected = hour === 0 ? 26.25 : (shortest + longest) / 2; // at 0 h a quarter is cut to 30 s
      expect(Math.abs(mean - expected)).toBeLessThan((longest - shortest) / 10 + 1e-6);
    });
  }

  test('is another one for another run, and the same for the same', () => {
    const timesOf = (run: typeof RUN): number[] => {
      const pace = new LivePace(run, { rate: 'natural', rampSeconds: 0, startMs: START });
      return new Loop(pace).until(START + HOUR_MS / 4).carts.map(({ timeMs }) => timeMs);
    };
    expect(timesOf(RUN)).toEqual(timesOf({ ...RUN }));
    expect(timesOf(RUN)).not.toEqual(timesOf({ ...RUN, run: 8 }));
    expect(timesOf(RUN)).not.toEqual(timesOf({ ...RUN, seed: 43 }));
  });

  test('shrinks to a third on Black Friday, wherever the hour had cut it', () => {
    const startMs = seoulMidnight(2026, 11, 27) + 2 * HOUR_MS;
    const pace = paceOf('natural', { startMs });
    pace.turn(3, startMs);
    const loop = new Loop(pace);
    loop.nowMs = startMs;
    const { carts } = loop.until(startMs + 600_000);
    expect(carts).toHaveLength(60); // 30 s / 3 apart
  });
});

describe('a rate', () => {
  const cases = fc.record({
    rate: fc.double({ min: 0.5, max: 60, noNaN: true }),
    rampSeconds: fc.oneof(fc.constant(0), fc.double({ min: 0.5, max: 1_800, noNaN: true })),
    lateMs: fc.double({ min: 0, max: 900, noNaN: true }),
    factor: fc.constantFrom(1, 3, 0.5),
  });

  test('is met within a cart at every moment of an hour, ramp or not', () => {
    fc.assert(
      fc.property(cases, ({ rate, rampSeconds, lateMs, factor }) => {
        const pace = paceOf(rate, { rampSeconds });
        pace.turn(factor, START);
        const loop = new Loop(pace);
        let [worstBehind, worstAhead] = [0, 0];
        loop.until(START + HOUR_MS, lateMs, (nowMs) => {
          const due = rampIntegral(rate * factor, rampSeconds * 1_000, nowMs - START);
          worstBehind = Math.max(worstBehind, due - loop.rows);
          worstAhead = Math.max(worstAhead, loop.rows - due);
        });
        expect(worstBehind).toBeLessThan(1e-3);
        expect(worstAhead).toBeLessThan(10 + 1e-3);
        expect(pace.missedRows).toBe(0);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test('is met within 1 % over an hour, from the lowest to thousands', () => {
    for (const rate of [0.5, 1, 7.5, 100, 2_000]) {
      const { rows } = new Loop(paceOf(rate)).until(START + HOUR_MS, 20);
      expect(Math.abs(rows / (rate * 3_600) - 1)).toBeLessThan(0.01);
    }
  });

  test('has no gap longer and no burst larger than a cart makes', () => {
    fc.assert(
      fc.property(cases, ({ rate, rampSeconds, factor }) => {
        const pace = paceOf(rate, { rampSeconds });
        pace.turn(factor, START);
        const { carts } = new Loop(pace).until(START + HOUR_MS / 4, 5);
        for (let at = 1; at < carts.length; at++) {
          // Between two carts the ramp brings just the rows of the first.
          const [from, to] = [carts[at - 1].timeMs - START, carts[at].timeMs - START];
          const ramp = rampSeconds * 1_000;
          const due =
            rampIntegral(rate * factor, ramp, to) - rampIntegral(rate * factor, ramp, from);
          if (Math.abs(due - carts[at - 1].rows) > 1e-3) throw new Error(`${due} at ${at}`);
        }
      }),
      { numRuns: 40, seed: 2 },
    );
  });

  test('rises evenly: half-way there are half the rate and a quarter of the rows', () => {
    const { carts } = new Loop(paceOf(1_000, { rampSeconds: 100 })).until(START + 120_000);
    const between = (from: number, to: number): number => {
      const inside = carts.filter(
        ({ timeMs }) => timeMs >= START + from * 1_000 && timeMs < START + to * 1_000,
      );
      return inside.reduce((sum, { rows }) => sum + rows, 0);
    };
    expect(Math.abs(between(49, 51) - 1_000)).toBeLessThan(21); // 500 a second
    expect(Math.abs(between(0, 50) - 12_500)).toBeLessThan(11);
    expect(Math.abs(between(0, 100) - 50_000)).toBeLessThan(11);
    expect(Math.abs(between(100, 120) - 20_000)).toBeLessThan(11);
  });

  test('that is natural has a ramp too', () => {
    const { carts } = new Loop(paceOf('natural', { rampSeconds: 600 })).until(START + 600_000);
    expect(Math.abs(carts.length - 75)).toBeLessThan(6); // half of 600 s / 4 s
  });

  test('turns at once: what is left of a wait shrinks with it', () => {
    const pace = paceOf(0.5);
    pace.begin(START);
    pace.took(10); // 20 s
    expect(pace.nextMs - START).toBeCloseTo(20_000, 6);
    pace.turn(4, START + 8_000);
    expect(pace.nextMs - START).toBeCloseTo(11_000, 6); // 12 s were left
    pace.turn(4, START + 9_000);
    expect(pace.nextMs - START).toBeCloseTo(11_000, 6);
    pace.turn(1, START + 10_000);
    expect(pace.nextMs - START).toBeCloseTo(14_000, 6);
    pace.begin(START + 14_000);
    pace.took(1);
    expect(pace.nextMs - START).toBeCloseTo(16_000, 6);
    pace.turn(0.5, START + 14_000);
    pace.begin(START + 14_001);
    expect(pace.nextMs - START).toBeCloseTo(18_000, 6);
  });

  test('three times as high for an hour makes three times as much', () => {
    const pace = paceOf(20);
    const loop = new Loop(pace).until(START + HOUR_MS, 30);
    const before = loop.rows;
    pace.turn(3, loop.nowMs);
    loop.until(START + 2 * HOUR_MS, 30);
    expect((loop.rows - before) / before).toBeWithin(2.97, 3.03);
  });
});

describe('a clock that jumps', () => {
  test('forward: one second is made up for, and the rest is counted as missed', () => {
    const loop = new Loop(paceOf(100)).until(START + 60_000);
    const pace = paceOf(100);
    const stalled = new Loop(pace).until(START + 50_000);
    stalled.nowMs += 10_000;
    expect(stalled.wake()).toBeWithin(100, 111);
    expect(pace.missedRows).toBeWithin(890, 901); // of 1,000 due in that time
    stalled.until(START + 60_001);
    expect(Math.abs(stalled.rows + pace.missedRows - loop.rows)).toBeLessThan(11);
    expect(stalled.carts.at(-1)?.timeMs).toBeGreaterThan(START + 59_800);
    const times = stalled.carts.map(({ timeMs }) => timeMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('a stall of less than a second costs nothing', () => {
    const pace = paceOf(100);
    const loop = new Loop(pace).until(START + 50_000);
    loop.nowMs += 900;
    loop.until(START + 60_000);
    expect(pace.missedRows).toBe(0);
    expect(loop.rows).toBeWithin(6_000, 6_011);
  });

  test('forward, at the natural pace: two carts at once at most', () => {
    const pace = paceOf('natural');
    const loop = new Loop(pace).until(START + 50_000);
    const before = loop.carts.length;
    loop.nowMs += HOUR_MS;
    loop.wake();
    expect(loop.carts.length - before).toBeWithin(1, 3);
    expect(pace.missedRows).toBe(0);
  });

  for (const [name, backMs] of [
    ['back', 40_000],
    ['back beyond the start', 5 * HOUR_MS],
  ] as const) {
    test(`${name}: the wait is no longer than the last cart's`, () => {
      const pace = paceOf(1);
      const loop = new Loop(pace).until(START + 50_000);
      loop.nowMs -= backMs;
      pace.begin(loop.nowMs);
      const rows = loop.carts.at(-1)?.rows ?? 0;
      expect(pace.nextMs - loop.nowMs).toBeLessThanOrEqual(rows * 1_000 + 1e-3);
      const before = loop.rows;
      loop.until(loop.nowMs + 600_000);
      expect(loop.rows - before).toBeWithin(585, 611);
    });
  }
});

test('as fast as can be: always due, now', () => {
  const pace = paceOf('max');
  for (let cart = 0; cart < 1_000; cart++) {
    const nowMs = START + cart / 7;
    pace.begin(nowMs);
    expect(pace.nextMs).toBe(nowMs);
    pace.took(10);
    expect(pace.nextMs).toBe(nowMs);
  }
  expect(pace.missedRows).toBe(0);
});

describe('what is asked for', () => {
  test('is natural, max or rows a second', () => {
    const good: [string, Rate][] = [
      ['natural', 'natural'],
      ['max', 'max'],
      ['0.5', 0.5],
      ['2000', 2_000],
      ['1e4', 10_000],
      ['10000000', 10_000_000],
    ];
    for (const [text, rate] of good) expect(parseRate(text)).toBe(rate);
    for (const text of ['', ' ', '0', '0.49', '-1', 'fast', 'NaN', 'Infinity', '10000001', '5/s']) {
      expect(() => parseRate(text)).toThrow(PipelineError);
      expect(() => parseRate(text)).toThrow(
        `rate '${text}': give orders a second, 0.5 to 10000000`,
      );
    }
  });

  test('a ramp is up to a day, and needs an end', () => {
    for (const rampSeconds of [-1, 86_401, Number.NaN]) {
      expect(() => paceOf(1, { rampSeconds })).toThrow('give seconds, 0 to 86400');
    }
    expect(() => paceOf('max', { rampSeconds: 1 })).toThrow('a ramp needs a rate');
    expect(() => paceOf(1, { rampSeconds: 86_400 })).not.toThrow();
  });
});
