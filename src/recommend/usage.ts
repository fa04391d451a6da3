import type { Items } from './customers.ts';

/** How many customers of a cluster hold an item, each counted once. */
export type Usage = {
  words: readonly string[];
  sizes: Int32Array; // [k] customers
  counts: readonly Uint32Array[]; // [k][words]
  ranked: readonly Uint16Array[]; // [k] items that somebody holds: most holders first, then by name
};

export function countUsage(items: Items, labels: Uint8Array, clusters: number): Usage {
  const sizes = new Int32Array(clusters);
  for (const label of labels) sizes[label]++;
  const counts = countItems(items, labels, clusters);
  return { words: items.words, sizes, counts, ranked: counts.map(rank) };
}

/** How often each item comes in each cluster: [k][words]. */
export function countItems(
  { starts, codes, words }: Items,
  labels: Uint8Array,
  clusters: number,
): Uint32Array[] {
  const counts = Array.from({ length: clusters }, () => new Uint32Array(words.length));
  for (let row = 0; row < labels.length; row++) {
    const own = counts[labels[row]];
    for (let i = starts[row]; i < starts[row + 1]; i++) own[codes[i]]++;
  }
  return counts;
}

function rank(counts: Uint32Array): Uint16Array {
  const held = [...counts.keys()].filter((item) => counts[item] > 0);
  return Uint16Array.from(held.toSorted((a, b) => counts[b] - counts[a] || a - b));
}

export const TOP = 3;

/** The first of a cluster's ranking that the row does not hold itself; returns how many there are. */
export function pickTop(
  { ranked }: Usage,
  cluster: number,
  { starts, codes }: Items,
  row: number,
  includeOwned: boolean,
  out: Uint16Array, // OUT [TOP]
): number {
  const ranking = ranked[cluster];
  const from = starts[row];
  const to = includeOwned ? from : starts[row + 1];
  let found = 0;
  for (let i = 0; i < ranking.length && found < TOP; i++) {
    let at = from;
    while (at < to && codes[at] !== ranking[i]) at++;
    if (at === to) out[found++] = ranking[i];
  }
  return found;
}

/** `72.5`: percent to a tenth, halves up, exactly. */
export function percent(holders: number, customers: number): string {
  const tenths = Math.floor((holders * 2_000 + customers) / (customers * 2));
  return `${Math.floor(tenths / 10)}.${tenths % 10}`;
}

export const contractReason = (usage: Usage, cluster: number, item: number): string =>
  `고객 세그먼트 내 ${percent(usage.counts[cluster][item], usage.sizes[cluster])}%가 이용중`;

export const productReason = (usage: Usage, cluster: number, item: number): string =>
  `고객 세그먼트 내 ${percent(usage.counts[cluster][item], usage.sizes[cluster])}%가 구매함`;
