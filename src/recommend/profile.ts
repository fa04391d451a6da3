import type { ClusterProfile } from '../model/cluster-profile.ts';
import type { CustomerTable, Items } from './customers.ts';
import { compareCodePoints } from './encoder.ts';
import { countItems, type Usage } from './usage.ts';

const TOP = 5;

/**
 * Describes each cluster that has customers: entries of contracts and purchases as they were
 * ingested, each counted, 업태 as registered. The most frequent first, equals by name.
 * `contracts` and `products` are the usage of the table's own lists.
 */
export function describeClusters(
  table: CustomerTable,
  labels: Uint8Array,
  { contracts, products }: { contracts: Usage; products: Usage },
): ClusterProfile[] {
  const { sizes } = contracts;
  const clusters = sizes.length;
  const moreContracts = countItems(table.moreContracts, labels, clusters);
  const moreProducts = countItems(table.moreProducts, labels, clusters);
  const types = countTypes(table, labels, clusters);
  const first = countFirst(table, labels, clusters);
  const contractLengths = countLengths(table.contracts, table.moreContracts, labels, clusters);
  const productLengths = countLengths(table.products, table.moreProducts, labels, clusters);
  const words = { contracts: table.contracts.words, more: table.moreContracts.words };
  const describe = (cluster: number): ClusterProfile => ({
    cluster_id: cluster,
    cluster_size: sizes[cluster],
    avg_contracts_num: mean(contractLengths[cluster], sizes[cluster]),
    avg_purchase_num: mean(productLengths[cluster], sizes[cluster]),
    top_contracts: top([
      [words.contracts, contracts.counts[cluster]],
      [words.more, moreContracts[cluster]],
    ]),
    top_purchases: top([
      [table.products.words, products.counts[cluster]],
      [table.moreProducts.words, moreProducts[cluster]],
    ]),
    top_business_type: top([[table.registeredType.words, types[cluster]]]),
    top_first_contract_code: top([
      [words.contracts, first.held[cluster]],
      [words.more, first.more[cluster]],
    ]),
    contracts_distribution: distribution(contractLengths[cluster]),
    purchase_distribution: distribution(productLengths[cluster]),
  });
  return [...sizes.keys()].filter((cluster) => sizes[cluster] > 0).map(describe);
}

type Counts = Uint32Array[]; // [k][words]

const noCounts = (clusters: number, words: readonly string[]): Counts =>
  Array.from({ length: clusters }, () => new Uint32Array(words.length));

function countTypes(
  { registeredType: { codes, words } }: CustomerTable,
  labels: Uint8Array,
  clusters: number,
): Counts {
  const counts = noCounts(clusters, words);
  for (let row = 0; row < labels.length; row++)
    if (codes[row] >= 0) counts[labels[row]][codes[row]]++;
  return counts;
}

/** What the first entries are on: an item that is held, or one of the others. */
function countFirst(
  { contracts, moreContracts, firstContract }: CustomerTable,
  labels: Uint8Array,
  clusters: number,
): { held: Counts; more: Counts } {
  const held = noCounts(clusters, contracts.words);
  const more = noCounts(clusters, moreContracts.words);
  for (let row = 0; row < labels.length; row++) {
    if (firstContract[row] === 0) continue;
    const at = contracts.starts[row] + firstContract[row] - 1;
    const beyond = at - contracts.starts[row + 1];
    if (beyond < 0) held[labels[row]][contracts.codes[at]]++;
    else more[labels[row]][moreContracts.codes[moreContracts.starts[row] + beyond]]++;
  }
  return { held, more };
}

/** Customers of each cluster by how many entries they have in both lists. */
function countLengths(
  items: Items,
  more: Items,
  labels: Uint8Array,
  clusters: number,
): Map<number, number>[] {
  const counts = Array.from({ length: clusters }, () => new Map<number, number>());
  for (let row = 0; row < labels.length; row++) {
    const length =
      items.starts[row + 1] - items.starts[row] + more.starts[row + 1] - more.starts[row];
    const own = counts[labels[row]];
    own.set(length, (own.get(length) ?? 0) + 1);
  }
  return counts;
}

function mean(lengths: ReadonlyMap<number, number>, size: number): number {
  let entries = 0;
  for (const [length, customers] of lengths) entries += length * customers;
  return entries / size;
}

const distribution = (lengths: ReadonlyMap<number, number>): Record<string, number> =>
  Object.fromEntries([...lengths].toSorted(([a], [b]) => a - b));

/** The most frequent words of several lists together; empty text is none. */
function top(
  lists: readonly (readonly [words: readonly string[], counts: Uint32Array])[],
): string[] {
  const sums = new Map<string, number>();
  for (const [words, counts] of lists)
    for (const [code, word] of words.entries())
      if (counts[code] > 0 && word !== '') sums.set(word, (sums.get(word) ?? 0) + counts[code]);
  return [...sums]
    .toSorted(([a, many], [b, others]) => others - many || compareCodePoints(a, b))
    .slice(0, TOP)
    .map(([word]) => word);
}
