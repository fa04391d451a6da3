import { expect, test } from 'bun:test';

import { CacheMonitor, monitorLine, type CacheSample } from './monitor.ts';

const AT = Date.UTC(2026, 10, 21, 7, 0, 50);
const sample: CacheSample = {
  atMs: AT,
  usedBytes: 2_516_582,
  opsPerSecond: 1_234,
  hits: 100,
  misses: 10,
  users: 1_000,
  products: 1_000,
  generation: { number: 7, readAtMs: AT - 20_500 },
};

test('a line has the time, the turn as a bar, memory, work, hits, sizes and swaps', () => {
  expect(monitorLine(sample, 0.987, 3)).toBe(
    '16:00:50 │ ████████░░░░░░░░░░░░  20/50 s │ 2.4 MiB │ 1,234 ops/s │ hits 98.7 % │ users 1,000 │ products 1,000 │ swaps 3',
  );
});

test('the bar is empty right after a refresh, full at its turn, and stays full when it is late', () => {
  const bar = (ms: number): string | undefined => {
    const generation = { number: 1, readAtMs: AT - ms };
    return monitorLine({ ...sample, generation }, 1, 0).match(/[█░]+ +\S+/)?.[0];
  };
  expect(bar(0)).toBe(`${'░'.repeat(20)}   0/50`);
  expect(bar(2_999)).toBe(`${'░'.repeat(20)}   2/50`);
  expect(bar(3_000)).toBe(`█${'░'.repeat(19)}   3/50`);
  expect(bar(50_000)).toBe(`${'█'.repeat(20)}  50/50`);
  expect(bar(93_000)).toBe(`${'█'.repeat(20)}  93/50`);
});

test('without pools it says so', () => {
  expect(monitorLine({ ...sample, generation: null, users: 0 }, null, 0)).toContain(
    '░ no pools │ 2.4 MiB │ 1,234 ops/s │ hits - │ users 0',
  );
});

/** The parts of the line that depend on the one before. */
function run(...samples: Partial<CacheSample>[]): string[] {
  const monitor = new CacheMonitor();
  return samples.map((part) => {
    const line = monitor.line({ ...sample, ...part });
    return `${line.match(/hits [^│]+?(?= │)/)?.[0]}, ${line.match(/swaps \d+/)?.[0]}`;
  });
}

test("hits are those since the last line, without the monitor's own three look-ups", () => {
  // Of 13 hits and 1 miss, 3 hits were the monitor's.
  expect(run({}, { hits: 113, misses: 11 })).toEqual(['hits -, swaps 0', 'hits 90.9 %, swaps 0']);
  expect(run({}, { hits: 103, misses: 10 })[1]).toStartWith('hits -');
  const empty = { users: 0, products: 0, generation: null };
  expect(run(empty, { ...empty, hits: 101, misses: 13 })[1]).toStartWith('hits 100.0 %');
  expect(run({}, { hits: 2, misses: 0 })[1]).toStartWith('hits -'); // Redis was restarted
});

test('swaps are counted from what is there, also those between two looks', () => {
  const at = (number: number, readAtMs = number): Partial<CacheSample> => ({
    generation: { number, readAtMs },
  });
  const swaps = run(at(7), at(7), at(8), at(11), { generation: null }, at(1), at(1, 99), at(1, 99));
  expect(swaps.map((text) => Number(text.split('swaps ')[1]))).toEqual([0, 0, 1, 4, 4, 5, 6, 6]);
});
