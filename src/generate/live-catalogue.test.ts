import { describe, expect, test } from 'bun:test';
import { HOUR_MS, seoulMidnight } from '../base/clock.ts';
import { CATEGORY_NAMES } from '../model/category.ts';
import type { Product } from '../model/product.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import type { User } from '../model/user.ts';
import { LiveProducts, LiveUsers, type TakeNumbers } from './live-catalogue.ts';

const START = seoulMidnight(2026, 11, 27) + 14 * HOUR_MS;
const RUN = { seed: 42, run: 7, settings: DEFAULT_SETTINGS };

type Live<Row> = {
  waitMs(nowMs: number): number;
  make(nowMs: number, takeNumbers: TakeNumbers): Promise<Row[]>;
};
type Turn<Row> = { atMs: number; rows: Row[] };

/** A database that hands out numbers from 10,001 on. */
function counter(): TakeNumbers {
  let next = 10_001;
  return async (count) => {
    next += count;
    return next - count;
  };
}

async function run<Row>(live: Live<Row>, ms: number, numbers = counter()): Promise<Turn<Row>[]> {
  const turns: Turn<Row>[] = [];
  for (let nowMs = START; nowMs < START + ms; nowMs += live.waitMs(nowMs)) {
    turns.push({ atMs: nowMs, rows: await live.make(nowMs, numbers) });
  }
  return turns;
}

describe('users', () => {
  test('come ten in 10 s at first and ever more slowly, to one in 120 s', async () => {
    const turns = await run(new LiveUsers(RUN, START), 24 * HOUR_MS);
    let expectedMs = START;
    for (const { atMs, rows } of turns) {
      expect(atMs).toBeCloseTo(expectedMs, 3);
      const decay = Math.exp((-0.6 * (atMs - START)) / 3_600_000);
      expect(rows.length).toBe(Math.max(1, Math.floor(10 * decay)));
      expectedMs += (10 + 110 * (1 - decay)) * 1_000;
    }
    expect([turns[0].rows.length, turns[1].atMs - START]).toEqual([10, 10_000]);
    const afterHour = turns.find(({ atMs }) => atMs >= START + HOUR_MS);
    expect(afterHour?.rows).toHaveLength(5); // e^-0.6 = 0.549
    expect(turns.at(-1)?.rows).toHaveLength(1);
    expect((turns.at(-1)?.atMs ?? 0) - (turns.at(-2)?.atMs ?? 0)).toBeCloseTo(120_000, -2);
  });

  test('sign up now, active, with the numbers that the database gave', async () => {
    const turns = await run(new LiveUsers(RUN, START), 600_000);
    const users = turns.flatMap(({ rows }) => rows);
    expect(users.length).toBeGreaterThan(100);
    for (const { atMs, rows } of turns) {
      for (const row of rows) {
        expect([row.createdAtMs, row.lastLoginAtMs]).toEqual([Math.floor(atMs), Math.floor(atMs)]);
      }
    }
    for (const [at, row] of users.entries()) {
      expect(row.userId).toBe(`U_${String(10_001 + at).padStart(8, '0')}`);
      expect(row.email).toContain(String(10_001 + at));
      const { status, grade, lastOrderedAtMs, birthYear, age } = row;
      expect([status, grade, lastOrderedAtMs, birthYear + age]).toEqual([
        'ACTIVE',
        'BRONZE',
        null,
        2026,
      ]);
    }
    expect(new Set(users.map(({ randomSeed }) => randomSeed)).size).toBe(users.length);
  });

  test('are nobody before it is time', async () => {
    const live = new LiveUsers(RUN, START);
    const numbers = counter();
    expect(await live.make(START - 1, numbers)).toHaveLength(10); // the clock was set back
    expect(live.waitMs(START)).toBeCloseTo(9_999, 3);
    expect(await live.make(START + 9_998, numbers)).toEqual([]);
    expect(await live.make(START + 9_999, numbers)).toHaveLength(9); // 10 e^-0.0017
  });
});

describe('products', () => {
  test('come one by one, 6 to 8 s apart', async () => {
    const turns = await run(new LiveProducts(RUN, START), 4 * HOUR_MS);
    const waits = turns.slice(1).map(({ atMs }, at) => (atMs - turns[at].atMs) / 1_000);
    expect(Math.min(...waits)).toBeWithin(6, 6.01);
    expect(Math.max(...waits)).toBeWithin(7.99, 8);
    expect(waits.reduce((sum, wait) => sum + wait, 0) / waits.length).toBeCloseTo(7, 1);
    expect(waits.filter((wait) => wait < 6.5).length / waits.length).toBeCloseTo(0.25, 1);
    expect(turns.every(({ rows }) => rows.length === 1)).toBe(true);
  });

  test('are listed now, with the numbers that the database gave', async () => {
    const turns = await run(new LiveProducts(RUN, START), HOUR_MS);
    for (const [at, { atMs, rows }] of turns.entries()) {
      expect(rows[0].productId).toBe(`P${String(10_001 + at).padStart(8, '0')}`);
      expect([rows[0].createdAtMs, rows[0].orderCount]).toEqual([Math.floor(atMs), 0]);
    }
    const categories = new Set(turns.map(({ rows }) => rows[0].category));
    expect([...categories].toSorted()).toEqual([...CATEGORY_NAMES].toSorted());
  });
});

const kinds: [string, (run: typeof RUN) => Live<User | Product>][] = [
  ['users', (of) => new LiveUsers(of, START)],
  ['products', (of) => new LiveProducts(of, START)],
];
for (const [name, make] of kinds) {
  describe(name, () => {
    test('are the same for a seed and a run, and others for another', async () => {
      const turns = await run(make(RUN), HOUR_MS / 4);
      const names = (all: typeof turns) => all.flatMap(({ rows }) => rows.map((row) => row.name));
      expect(await run(make({ ...RUN }), HOUR_MS / 4)).toEqual(turns);
      for (const other of [
        { ...RUN, run: 8 },
        { ...RUN, seed: 1 },
      ]) {
        expect(names(await run(make(other), HOUR_MS / 4))).not.toEqual(names(turns));
      }
    });

    test('come later if the database has no numbers', async () => {
      const [live, undisturbed] = [make(RUN), make(RUN)];
      const away: TakeNumbers = () => Promise.reject(new Error('the database is away'));
      const failure = await live.make(START, away).catch((error: unknown) => error);
      expect(failure).toMatchObject({ message: 'the database is away' });
      expect(live.waitMs(START)).toBe(0);
      expect(await live.make(START, counter())).toEqual(await undisturbed.make(START, counter()));
    });

    test('wait no longer than planned if the clock goes back', async () => {
      const live = make(RUN);
      await live.make(START, counter());
      const waitMs = live.waitMs(START);
      expect(waitMs).toBeWithin(6_000, 10_001);
      expect(live.waitMs(START - HOUR_MS)).toBeCloseTo(waitMs, 3);
      expect(live.waitMs(START - HOUR_MS + waitMs)).toBeLessThan(1);
    });
  });
}
