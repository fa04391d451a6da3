import { expect, test } from 'bun:test';

import { Random } from '../base/random.ts';
import { holdOut, tradesOf } from './holdout.ts';
import { splitPurchases } from './purchases.ts';

const ITEMS = ['가', '나', '다', '라', '마', '바', '사'];
const CLUSTERS = 3;

type Shopper = { cluster: number; trade: number; before: string[]; during: string[] };

const some = (random: Random, chance: (item: number) => number): string[] =>
  ITEMS.filter((_, item) => random.next() < chance(item));

const shoppers: Shopper[] = Array.from({ length: 60 }, (_, row) => {
  const random = new Random(7, 'sample').at(row);
  const cluster = row % CLUSTERS;
  const likes = (item: number): number => (item % CLUSTERS === cluster ? 0.5 : 0.1);
  // Nobody has 사 before, so it cannot be recommended.
  const before = some(random, likes).filter((item) => item !== '사');
  return { cluster, trade: (row % 4) - 1, before, during: some(random, likes) };
});

const found = holdOut(
  splitPurchases(
    shoppers.map(({ before, during }) => [
      ...before.map((item) => ({ date: '2025-11-05', item })),
      ...during.map((item) => ({ date: '2025-12-05', item })),
    ]),
    20_251_201,
  ),
  { labels: Uint8Array.from(shoppers, ({ cluster }) => cluster), groups: CLUSTERS },
  tradesOf({ codes: Int32Array.from(shoppers, ({ trade }) => trade), words: [] }, [
    ...shoppers.keys(),
  ]),
);

/** The first three that are most held among some, ties by name. */
function topOf(among: readonly Shopper[], without: readonly string[]): string[] {
  const held = (item: string): number => among.filter((one) => one.before.includes(item)).length;
  return ITEMS.filter((item) => held(item) > 0 && !without.includes(item))
    .toSorted((a, b) => held(b) - held(a) || (a < b ? -1 : 1))
    .slice(0, 3);
}

/** All ways to draw three. */
function threes(pool: readonly string[]): string[][] {
  return pool.flatMap((a, i) =>
    pool.slice(i + 1).flatMap((b, j) => pool.slice(i + j + 2).map((c) => [a, b, c])),
  );
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

for (const owned of [false, true])
  test(`precision is that of a count by definition, what is owned ${owned ? 'may come' : 'left out'}`, () => {
    const buyers = shoppers.filter(({ during }) => during.length > 0);
    const known = ITEMS.filter((item) => shoppers.some(({ before }) => before.includes(item)));
    const scores = buyers.map((one) => {
      const without = owned ? [] : one.before;
      const hits = (items: readonly string[]): number =>
        items.filter((item) => one.during.includes(item)).length;
      const draws = threes(known.filter((item) => !without.includes(item))).map(hits);
      return {
        segment: hits(
          topOf(
            shoppers.filter(({ cluster }) => cluster === one.cluster),
            without,
          ),
        ),
        trade: hits(
          topOf(
            shoppers.filter(({ trade }) => trade === one.trade),
            without,
          ),
        ),
        popularity: hits(topOf(shoppers, without)),
        chance: draws,
        best: Math.max(...draws),
      };
    });
    const variant = found.variants.find((each) => each.owned === owned);
    for (const kind of ['segment', 'trade', 'popularity', 'best'] as const) {
      expect(variant?.[kind].precision).toBeCloseTo(mean(scores.map((s) => s[kind] / 3)), 12);
      expect(variant?.[kind].hitRate).toBeCloseTo(
        mean(scores.map((s) => (s[kind] > 0 ? 1 : 0))),
        12,
      );
    }
    expect(variant?.chance.precision).toBeCloseTo(mean(scores.map((s) => mean(s.chance) / 3)), 12);
    expect(variant?.chance.hitRate).toBeCloseTo(
      mean(scores.map((s) => mean(s.chance.map((hits) => (hits > 0 ? 1 : 0))))),
      12,
    );
    const apart = scores.map((s) => (s.segment - s.popularity) / 3);
    const variance =
      apart.reduce((sum, value) => sum + (value - mean(apart)) ** 2, 0) / (apart.length - 1);
    expect(variant?.difference.mean).toBeCloseTo(mean(apart), 12);
    expect(variant?.difference.error).toBeCloseTo(Math.sqrt(variance / apart.length), 12);
  });

test('who bought nothing in the month is not counted, and what nobody had is not known', () => {
  expect(found).toMatchObject({
    customers: 60,
    evaluated: shoppers.filter(({ during }) => during.length > 0).length,
    itemsKnown: 6,
    undated: 0,
  });
});

test('a month without purchases has no precision', () => {
  const one = { labels: Uint8Array.of(0, 1), groups: 2 };
  const none = holdOut(splitPurchases([[], []], 20_251_201), one, one);
  expect(none).toMatchObject({ customers: 2, evaluated: 0, itemsKnown: 0 });
  expect(none.variants[0].segment).toEqual({ precision: 0, hitRate: 0 });
});
