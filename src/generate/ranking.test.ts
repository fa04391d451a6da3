import { expect, test } from 'bun:test';
import { Random } from '../base/random.ts';
import { Ranking } from './ranking.ts';

test('keeps members in the order that sorting all of them gives', () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = new Random(seed, 'live').at(0);
    const size = 1 + random.below(60);
    const keys = new Float64Array(size);
    const ranking = new Ranking(keys);
    const members = new Set<number>();
    for (let round = 0; round < 60; round++) {
      const share = random.next();
      const moved = [...keys.keys()].filter(() => random.next() < share);
      for (const member of moved) {
        keys[member] = random.below(20) - 10; // few values, so that there are ties
        members.add(member);
      }
      ranking.move(Int32Array.from(moved));
      const sorted = [...members].toSorted((a, b) => keys[a] - keys[b] || a - b);
      expect([...ranking.first(size)]).toEqual(sorted);
      expect([...ranking.first(3)]).toEqual(sorted.slice(0, 3));
    }
  }
});

test('is empty until somebody comes', () => {
  const ranking = new Ranking(new Float64Array(3));
  expect(ranking.first(3)).toHaveLength(0);
  ranking.move(new Int32Array(0));
  expect(ranking.first(3)).toHaveLength(0);
});
