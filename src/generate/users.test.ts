import { describe, expect, test } from 'bun:test';
import { Random } from '../base/random.ts';
import { share } from '../model/growth.ts';
import { REGIONS } from '../model/region.ts';
import { DEFAULT_SETTINGS, parseSettings } from '../model/settings.ts';
import { romanise } from './names.ts';
import { user, type UserOptions, userRows } from './users.ts';

const OPTIONS: UserOptions = {
  seed: 42,
  count: 20_000,
  firstNumber: 1,
  fromMs: Date.UTC(2024, 0, 1, -9),
  toMs: Date.UTC(2026, 0, 1, -9),
};
const USERS = userRows(OPTIONS);

describe('users', () => {
  test('are the same for a seed, in whatever order they are made', () => {
    const options = { ...OPTIONS, count: 1000 };
    const random = new Random(42, 'user');
    const backwards = Array.from({ length: 1000 }, (_, at) =>
      user(random, 999 - at, 1000 - at, options),
    );
    expect(hash(backwards.toReversed())).toBe(hash(userRows(options)));
    expect(hash([...userRows(options, 0, 311), ...userRows(options, 311)])).toBe(
      hash(userRows(options)),
    );
    expect(hash(userRows({ ...options, seed: 43 }))).not.toBe(hash(userRows(options)));
  });

  test('have ids and e-mails of their own', () => {
    expect(new Set(USERS.map((row) => row.userId)).size).toBe(USERS.length);
    expect(new Set(USERS.map((row) => row.email)).size).toBe(USERS.length);
    expect(USERS[0].userId).toBe('U_00000001');
    const mail = /^[a-z]+([._][a-z]+)?\d+@(naver|gmail|daum|kakao|icloud)\.(com|net)$/;
    expect(USERS.filter((row) => !mail.test(row.email))).toEqual([]);
  });

  test('live in the 17 regions by weight', () => {
    expect(REGIONS.length).toBe(17);
    for (const { name, weight } of REGIONS) {
      expectShare((row) => row.addressDistrict === name, weight / 100);
    }
    expect(USERS.filter((row) => !row.address.startsWith(`${row.addressDistrict} `))).toEqual([]);
    expect(USERS.filter((row) => !/ [가-힣]+(\d+번길)? \d+$/.test(row.address))).toEqual([]);
  });

  test('live where the settings say, each shop by its own', () => {
    const settings = parseSettings({ users: { regions: { 경기도: 0, 제주특별자치도: 227 } } });
    const rows = userRows({ ...OPTIONS, settings: settings.users });
    const found = rows.filter((row) => row.addressDistrict === '제주특별자치도').length;
    const expected = 227 / 300;
    const sigma = Math.sqrt((expected * (1 - expected)) / rows.length);
    expect(Math.abs(found / rows.length - expected)).toBeLessThan(4 * sigma);
    expect(rows.filter((row) => row.addressDistrict === '경기도')).toEqual([]);
    expect(hash(userRows(OPTIONS))).toBe(hash(USERS)); // the default again, after another
  });

  test('have ages by band, evenly inside, and the year of birth that goes with it', () => {
    for (const [low, high, weight] of DEFAULT_SETTINGS.users.ages) {
      expectShare((row) => row.age >= low && row.age <= high, weight / 100);
      for (let age = low; age <= high; age++) {
        expectShare((row) => row.age === age, weight / 100 / (high - low + 1));
      }
    }
    expect(USERS.filter((row) => row.birthYear + row.age !== 2026)).toEqual([]);
  });

  test('split by gender, consent and status as set', () => {
    expectShare((row) => row.gender === 'F', 0.5);
    expectShare((row) => row.marketingAgree, 0.5);
    expectShare((row) => row.status === 'DORMANT', 0.2);
    expectShare((row) => row.randomSeed < 0.25, 0.25);
    const settings = { ...DEFAULT_SETTINGS.users, femaleShare: 1, dormantShare: 0 };
    const others = userRows({ ...OPTIONS, count: 100, settings });
    expect(others.every((row) => row.gender === 'F' && row.status === 'ACTIVE')).toBe(true);
  });

  test('start as bronze customers who never bought', () => {
    expect(USERS.every((row) => row.grade === 'BRONZE' && row.lastOrderedAtMs === null)).toBe(true);
  });

  test('sign up in order of their numbers, along the S-curve, inside the window', () => {
    const { fromMs, toMs } = OPTIONS;
    let before = fromMs;
    for (const row of USERS) {
      expect(row.createdAtMs).toBeGreaterThanOrEqual(before);
      before = row.createdAtMs;
    }
    expect(before).toBeLessThan(toMs);
    for (const part of [0.1, 0.25, 0.5, 0.75, 0.9]) {
      const timeMs = fromMs + part * (toMs - fromMs);
      const made = USERS.filter((row) => row.createdAtMs < timeMs).length;
      // Strata: at most the one user whose slice the moment falls into is on the wrong side.
      expect(Math.abs(made - USERS.length * share(timeMs, fromMs, toMs))).toBeLessThan(1.01);
    }
  });

  test('log in at sign-up if dormant, later if active; times are whole milliseconds', () => {
    for (const row of USERS) {
      expect(Number.isInteger(row.createdAtMs) && Number.isInteger(row.lastLoginAtMs)).toBe(true);
      expect(row.lastLoginAtMs).toBeLessThan(OPTIONS.toMs);
      expect(row.lastLoginAtMs).toBeGreaterThanOrEqual(row.createdAtMs);
      if (row.status === 'DORMANT') expect(row.lastLoginAtMs).toBe(row.createdAtMs);
    }
  });

  test('sign up now when the window has no length', () => {
    const now = OPTIONS.toMs;
    const [row] = userRows({ ...OPTIONS, count: 1, firstNumber: 7, fromMs: now, toMs: now });
    expect([row.userId, row.createdAtMs, row.lastLoginAtMs]).toEqual(['U_00000007', now, now]);
  });

  test('have Korean names that vary, the commonest family about one in five', () => {
    expect(USERS.filter((row) => !/^[가-힣]{2,4}$/.test(row.name))).toEqual([]);
    expect(new Set(USERS.map((row) => row.name)).size).toBeGreaterThan(USERS.length * 0.4);
    expectShare((row) => row.name.startsWith('김'), 0.215);
  });
});

test('hangul is romanised syllable by syllable', () => {
  expect(['서연', '도윤', '하늘', '빛', '의', '꽃잎'].map(romanise)).toEqual([
    'seoyeon',
    'doyun',
    'haneul',
    'bit',
    'ui',
    'kkotip',
  ]);
  expect(romanise('A1 가')).toBe('ga');
});

/** Within four standard deviations of what chance gives. */
function expectShare(has: (row: (typeof USERS)[number]) => boolean, expected: number): void {
  const found = USERS.filter(has).length / USERS.length;
  const sigma = Math.sqrt((expected * (1 - expected)) / USERS.length);
  expect(Math.abs(found - expected)).toBeLessThan(4 * sigma);
}

function hash(rows: unknown): string {
  return Bun.hash(JSON.stringify(rows)).toString(16);
}
