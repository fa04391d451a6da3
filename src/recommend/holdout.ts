import type { Items } from './customers.ts';
import type { Coded } from './dictionary.ts';
import type { History } from './purchases.ts';
import { countUsage, pickTop, TOP, type Usage } from './usage.ts';

/**
 * Would the recommendations have come true? Everything is counted from purchases before the last
 * month; three products are chosen for each customer and held against what he bought in that month.
 */
export type HoldOut = {
  customers: number;
  evaluated: number; // bought something in the last month
  itemsKnown: number; // bought by somebody before it
  undated: number; // lines left out
  variants: Variant[];
};

export type Variant = {
  owned: boolean; // whether what a customer bought before may be recommended
  segment: Score; // the most bought of the customer's segment, as the recommender does it
  trade: Score; // the most bought of the customer's 업태: what a rule without any training reaches
  popularity: Score; // the most bought of all customers
  chance: Score; // three different items of those that may be recommended, by lot: exact, not drawn
  best: Score; // what nobody can surpass
  difference: { mean: number; error: number }; // segment less popularity, and its standard error
};

export type Score = {
  precision: number; // hits / 3, the mean over customers
  hitRate: number; // customers with at least one hit
};

/** Which group each customer is in; he is recommended what it holds most. */
export type Grouping = { labels: Uint8Array; groups: number };

/** Precision@3 in the last month, with and without what a customer had already. */
export function holdOut(history: History, segments: Grouping, trades: Grouping): HoldOut {
  const { before, during, undated } = history;
  const customers = segments.labels.length;
  const counted = {
    segment: count(before, segments),
    trade: count(before, trades),
    everybody: count(before, { labels: new Uint8Array(customers), groups: 1 }),
  };
  const rows = [...segments.labels.keys()].filter(
    (row) => during.starts[row] < during.starts[row + 1],
  );
  const variant = (owned: boolean): Variant =>
    summarize(
      owned,
      rows.map((row) => outcome(history, counted, row, owned)),
    );
  return {
    customers,
    evaluated: rows.length,
    itemsKnown: counted.everybody.usage.ranked[0].length,
    undated,
    variants: [variant(false), variant(true)],
  };
}

/** The trades of customers as groups: none is 0, those beyond what a byte holds share the last. */
export function tradesOf({ codes }: Coded, rows: readonly number[]): Grouping {
  const labels = Uint8Array.from(rows, (row) => Math.min(codes[row] + 1, GROUPS_MAX - 1));
  return { labels, groups: GROUPS_MAX };
}

const GROUPS_MAX = 256;

type Outcome = Record<'segment' | 'trade' | 'popularity' | 'pool' | 'relevant', number>;
type Counted = { usage: Usage; labels: Uint8Array };

const count = (before: Items, { labels, groups }: Grouping): Counted => ({
  usage: countUsage(before, labels, groups),
  labels,
});

/** Hits of one customer, and what chance has to do with: the pool, and the relevant in it. */
function outcome(
  { before, during }: History,
  { segment, trade, everybody }: Record<'segment' | 'trade' | 'everybody', Counted>,
  row: number,
  owned: boolean,
): Outcome {
  const bought = rowItems(during, row);
  const has = owned ? [] : rowItems(before, row);
  const hits = ({ usage, labels }: Counted): number => {
    const top = new Uint16Array(TOP);
    const found = pickTop(usage, labels[row], before, row, owned, top);
    return top.subarray(0, found).filter((item) => bought.includes(item)).length;
  };
  const { ranked, counts } = everybody.usage;
  return {
    segment: hits(segment),
    trade: hits(trade),
    popularity: hits(everybody),
    pool: ranked[0].length - has.length,
    relevant: bought.filter((item) => counts[0][item] > 0 && !has.includes(item)).length,
  };
}

const rowItems = ({ starts, codes }: Items, row: number): number[] =>
  Array.from(codes.subarray(starts[row], starts[row + 1]));

function summarize(owned: boolean, outcomes: readonly Outcome[]): Variant {
  const differences = outcomes.map(({ segment, popularity }) => (segment - popularity) / TOP);
  return {
    owned,
    segment: score(outcomes.map(({ segment }) => certain(segment))),
    trade: score(outcomes.map(({ trade }) => certain(trade))),
    popularity: score(outcomes.map(({ popularity }) => certain(popularity))),
    chance: score(outcomes.map(byLot)),
    best: score(outcomes.map(({ relevant }) => certain(Math.min(TOP, relevant)))),
    difference: { mean: mean(differences), error: standardError(differences) },
  };
}

type Expected = { hits: number; anyHit: number };

const certain = (hits: number): Expected => ({ hits, anyHit: hits > 0 ? 1 : 0 });

/** Drawing without putting back: the hypergeometric distribution's mean, and its chance of no hit. */
function byLot({ pool, relevant }: Outcome): Expected {
  const draws = Math.min(TOP, pool);
  if (draws === 0) return { hits: 0, anyHit: 0 };
  let none = 1;
  for (let i = 0; i < draws; i++) none *= Math.max(0, pool - relevant - i) / (pool - i);
  return { hits: (draws * relevant) / pool, anyHit: 1 - none };
}

const score = (expected: readonly Expected[]): Score => ({
  precision: mean(expected.map(({ hits }) => hits / TOP)),
  hitRate: mean(expected.map(({ anyHit }) => anyHit)),
});

/** 0 for nobody. */
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

function standardError(values: readonly number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, values.length - 1) / Math.max(1, values.length));
}
