import { PipelineError } from '../base/errors.ts';
import { readCustomers, VECTOR_FIELDS, type CustomerTable } from '../recommend/customers.ts';
import type { Model } from '../recommend/model.ts';
import { SILHOUETTE_ROWS } from '../recommend/quality.ts';
import { query, transaction, type Client } from '../store/client.ts';
import {
  countHeld,
  countMoves,
  countRecommended,
  describedClusters,
  publishedBefore,
  type Counted,
  type Described,
  type Held,
  type Move,
} from '../store/quality-counts.ts';
import {
  countDrawn,
  drawSample,
  purchasesOfDrawn,
  readDrawn,
  type Drawn,
  type PurchaseLine,
} from '../store/quality-sample.ts';
import { ingestedAgain, noteOf, publishedModel, type ModelOptions } from './published-model.ts';

/** Customers drawn of a month: what is known of each, in order of their codes. */
export type Sample = {
  table: CustomerTable;
  drawn: readonly Drawn[];
  evenly: number; // those whose chance is below were drawn from all alike
};

/** All that the report asks the database, of one moment. Its size does not grow with the customers. */
export type Facts = {
  model: Model;
  includeOwned: boolean;
  sizes: Int32Array; // [k] customers of each segment
  counted: Counted[];
  held: Held[];
  described: Described[];
  sample: Sample;
  purchases: PurchaseLine[][]; // of those drawn evenly
  earlier: { month: string; model: string; moves: Move[]; sample: Sample } | null;
};

export type FactsOptions = ModelOptions & { seed: number; sample: number };

/** Drawn of each cluster, so that chance leaves the silhouette as many as it wants. */
const STRATUM_ROWS = SILHOUETTE_ROWS * 1.2;

const GATHERING = ['counts', 'earlier month', 'sample', 'purchases'] as const;
export type Gathering = (typeof GATHERING)[number];

/** Reads the facts in one transaction, so that a month published meanwhile does not mix in. */
export async function gatherFacts(
  client: Client,
  options: FactsOptions,
  begin: (phase: Gathering) => void,
): Promise<Facts> {
  return await transaction(client, 'reading the month', async () => {
    await query(client, 'beginning', 'set transaction isolation level repeatable read');
    await query(client, 'setting memory', `set local work_mem = '256MB'`);
    const { model, note } = await publishedModel(client, options);
    if (!note) throw nothingPublished(options.month);
    const first = `${options.month}-01`;
    begin('counts');
    const counted = await countRecommended(client, first);
    const held = await countHeld(client, first);
    const described = await describedClusters(client, first);
    const sizes = sizesOf(counted, model.centres.length);
    begin('earlier month');
    const before = await publishedBefore(client, first);
    const moves = before === null ? [] : await countMoves(client, before, first);
    begin('sample');
    const sample = await readSample(client, first, [...sizes], options);
    const earlier =
      before === null ? null : await readEarlier(client, before.slice(0, 7), moves, options);
    begin('purchases');
    const purchases = await purchasesOfDrawn(client, first, sample.evenly);
    const { includeOwned } = note;
    return { model, includeOwned, sizes, counted, held, described, sample, purchases, earlier };
  });
}

async function readEarlier(
  client: Client,
  month: string,
  moves: readonly Move[],
  options: FactsOptions,
): Promise<Facts['earlier']> {
  const note = await noteOf(client, month);
  if (!note) throw nothingPublished(month);
  const sizes: number[] = [];
  for (const { before, customers } of moves)
    if (before !== null) sizes[before] = (sizes[before] ?? 0) + customers;
  const sample = await readSample(client, `${month}-01`, sizes, options, 0);
  return { month, model: note.model, moves: [...moves], sample };
}

async function readSample(
  client: Client,
  first: string,
  sizes: readonly number[],
  { sample, seed }: FactsOptions,
  stratum = STRATUM_ROWS,
): Promise<Sample> {
  const customers = sizes.reduce((sum, size) => sum + size, 0);
  const evenly = Math.min(1, sample / customers);
  const parts = [...sizes.entries()].map(([cluster, size]) => ({
    cluster,
    below: Math.max(evenly, Math.min(1, stratum / size)),
  }));
  const drawn = await drawSample(client, first, seed, parts);
  const count = await countDrawn(client, first);
  if (count !== drawn.length || count === 0) throw ingestedAgain(first.slice(0, 7));
  const table = await readCustomers(readDrawn(client, first, VECTOR_FIELDS), count);
  return { table, drawn, evenly };
}

function sizesOf(counted: readonly Counted[], clusters: number): Int32Array {
  const sizes = new Int32Array(clusters);
  for (const { kind, cluster, customers } of counted)
    if (kind === 'cluster' && cluster !== null) sizes[cluster] = customers;
  return sizes;
}

const nothingPublished = (month: string): PipelineError =>
  new PipelineError(
    'RUN_CONFLICT',
    `nothing was recommended for ${month}; do so with \`millrace recommend run\``,
  );
