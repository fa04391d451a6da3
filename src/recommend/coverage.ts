import { TOP } from './usage.ts';

/** Customers who were recommended the same items; a place without one is null. */
export type Recommended = { items: readonly (string | null)[]; customers: number };

/** How many customers hold an item, and to how many it was recommended. */
export type ItemReach = { name: string; holders: number; recommended: number };

export type Coverage = {
  customersByCount: number[]; // by how many items they were recommended: 0 to 3
  itemsKnown: number; // held by somebody
  itemsRecommended: number; // to somebody
  gini: number; // of recommendations over the items known
  items: ItemReach[]; // most recommended first, then by name
};

/** Who got how many items, and how evenly the items were recommended. */
export function coverage(
  recommended: readonly Recommended[],
  holders: ReadonlyMap<string, number>,
): Coverage {
  const customersByCount = Array.from({ length: TOP + 1 }, () => 0);
  const times = new Map([...holders.keys()].map((name) => [name, 0]));
  for (const { items, customers } of recommended) {
    const names = items.filter((name) => name !== null);
    customersByCount[names.length] += customers;
    for (const name of names) times.set(name, (times.get(name) ?? 0) + customers);
  }
  const items = [...times]
    .map(([name, count]) => ({ name, holders: holders.get(name) ?? 0, recommended: count }))
    .toSorted((a, b) => b.recommended - a.recommended || (a.name < b.name ? -1 : 1));
  return {
    customersByCount,
    itemsKnown: items.length,
    itemsRecommended: items.filter((item) => item.recommended > 0).length,
    gini: gini(items.map((item) => item.recommended)),
    items,
  };
}

/** Gini's coefficient: 0 where all counts are equal, towards 1 where one has everything. */
export function gini(counts: readonly number[]): number {
  const sum = counts.reduce((total, count) => total + count, 0);
  if (sum === 0) return 0;
  const weighted = counts
    .toSorted((a, b) => a - b)
    .reduce((total, count, i) => total + (i + 1) * count, 0);
  return (2 * weighted) / (counts.length * sum) - (counts.length + 1) / counts.length;
}
