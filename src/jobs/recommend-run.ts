import { isInterruption, PipelineError } from '../base/errors.ts';
import { fingerprint } from '../recommend/fingerprint.ts';
import type { CustomerTable } from '../recommend/customers.ts';
import type { Filled, Prepared } from '../recommend/features.ts';
import { codeVersion, type Model } from '../recommend/model.ts';
import { describeClusters } from '../recommend/profile.ts';
import { UserRecommender, type Inference } from '../recommend/recommender.ts';
import { transaction } from '../store/client.ts';
import { CopyBuffer } from '../store/copy-buffer.ts';
import { serverError } from '../store/failure.ts';
import {
  beginMonth,
  beginningNote,
  fillingNote,
  publishMonth,
  PUBLISHED,
} from '../store/publish.ts';
import {
  beginRecommendRun,
  brokenRecommendRun,
  discardRecommendRun,
  finishRecommendRun,
  lastIngest,
  resumeRecommendRun,
  type LedgerChunk,
  type RecommendRun,
} from '../store/recommend-runs.ts';
import {
  inLedger,
  memoryPeakMiB,
  sumOf,
  type MonthOptions,
  type MonthWork,
} from './recommend-month.ts';
import { updateClusterInfo } from './recommend-profile.ts';
import { RecommendationRows } from './recommend-rows.ts';
import { RecommendationWriter } from './recommend-writer.ts';

export type RecommendOptions = MonthOptions & {
  includeOwned?: boolean; // recommend what a customer has, too
  model?: string; // file; default: the month's own
  modelsDir?: string;
  sizes?: RecommendSizes;
};

export type RecommendResult = {
  run: number;
  month: string;
  model: string;
  customers: number;
  clusters: number[];
  withoutNeighbour: number;
  filled: Filled;
  resumedChunks: number; // stored by an earlier start
  secondsByPhase: Record<string, number>;
  seconds: number;
  customersPerSecond: number;
  memoryMiB: number;
  checksum: string; // of the rows but their ids and times
};

/** No row depends on them; the checksum depends on the chunk. */
export type RecommendSizes = { chunk: number; group: number };

const SIZES: RecommendSizes = {
  chunk: 2_000, // customers, as in the original
  group: 50, // chunks stored in one transaction
};

type Made = { run: RecommendRun; model: Model; table: CustomerTable; inference: Inference };

/**
 * Recommends to a month's customers and publishes the rows with the profiles of their clusters. Rows
 * are stored group by group in a table that nobody reads yet, with their chunks in the ledger. A run
 * that was killed or failed is gone on with where it would make the very same rows: equal customers,
 * model, options and code; its maths is done again, in the end the month is equal.
 */
export async function recommendIn(
  work: MonthWork,
  { includeOwned = false, sizes = SIZES }: RecommendOptions,
  model: Model,
  prepared: Prepared | null,
): Promise<RecommendResult> {
  const table = await work.table();
  const run = await openRun(work, {
    model: model.hash,
    includeOwned,
    chunk: sizes.chunk,
    code: codeVersion(),
    customers: fingerprint(table),
  });
  return await inLedger(work, run.run, async () => {
    const inference = await infer(work, model, table, prepared);
    const made = { run, model, table, inference };
    const chunks = await storeRows(work, made, includeOwned, sizes);
    return await publish(work, made, includeOwned, chunks).catch(async (cause: unknown) => {
      throw await twiceStored(work, run.run, cause);
    });
  });
}

async function openRun({ client, first }: MonthWork, options: object): Promise<RecommendRun> {
  const broken = await brokenRecommendRun(client, 'run', first);
  const goesOn =
    broken !== null &&
    Bun.deepEquals(broken.options, options) &&
    (await beginningNote(client, first)) === fillingNote(broken.run);
  if (goesOn) {
    await resumeRecommendRun(client, broken.run);
    return broken;
  }
  return await transaction(client, 'beginning the run', async () => {
    const run = await beginRecommendRun(client, 'run', first, options);
    await beginMonth(client, first, 'analytics.user_recommendation', fillingNote(run));
    return { run, month: first, options, chunks: [] };
  });
}

async function infer(
  work: MonthWork,
  model: Model,
  table: CustomerTable,
  prepared: Prepared | null,
): Promise<Inference> {
  const recommender = new UserRecommender(work.pool, model);
  return await recommender.runInference(table, prepared, (step, done) => {
    if (done === 0) work.begin(step);
    else work.progress(done);
  });
}

/** Stores the rows that are not stored yet; one chunk is made while others are sent. */
async function storeRows(
  work: MonthWork,
  { run, table, inference }: Made,
  includeOwned: boolean,
  { chunk, group }: RecommendSizes,
): Promise<LedgerChunk[]> {
  work.begin('store');
  const rows = new RecommendationRows(table, inference, { monthMs: work.firstMs, includeOwned });
  const writer = await RecommendationWriter.open(work.databaseUrl, {
    run: run.run,
    month: work.first,
    group,
  });
  const buffer = new CopyBuffer(chunk * 1_024);
  const chunks = [...run.chunks];
  try {
    for (let from = chunks.length * chunk; from < table.count; from += chunk) {
      const until = Math.min(table.count, from + chunk);
      const made = recommendUsersForChunk(rows, buffer, from, until);
      const entry = { ...made.entry, chunk: chunks.length };
      await writer.push(made.bytes, entry);
      chunks.push(entry);
      work.progress(until);
    }
    await writer.finish();
  } catch (cause) {
    // Asked to stop, it stores what is made: a moment's work.
    if (isInterruption(cause)) await writer.finish();
    throw cause;
  } finally {
    await writer.close();
  }
  return chunks;
}

/** The rows of the customers from one up to another, and what the ledger says of them. */
export function recommendUsersForChunk(
  rows: RecommendationRows,
  buffer: CopyBuffer,
  from: number,
  until: number,
): { bytes: Uint8Array; entry: Omit<LedgerChunk, 'chunk'> } {
  rows.write(buffer, from, until);
  const bytes = buffer.take();
  const checksum = Bun.hash.xxHash64(bytes).toString(16).padStart(16, '0');
  const [firstCode, lastCode] = [rows.code(from), rows.code(until - 1)];
  return { bytes, entry: { firstCode, lastCode, rows: until - from, checksum, detail: {} } };
}

async function publish(
  work: MonthWork,
  made: Made,
  includeOwned: boolean,
  chunks: readonly LedgerChunk[],
): Promise<RecommendResult> {
  const { run, model, table, inference } = made;
  const { client, first, month } = work;
  work.begin('profile');
  const profiles = describeClusters(table, inference.labels, inference);
  const checksum = sumOf(chunks.map((chunk) => chunk.checksum));
  const ingest = (await lastIngest(client, first))?.run ?? null;
  return await publishMonth(client, first, PUBLISHED, {
    fill: () => updateClusterInfo(work, profiles),
    note: JSON.stringify({ run: run.run, ingest, month, model: model.hash, includeOwned }),
    keep: true,
    publishing: () => work.begin('publish'),
    last: async () => {
      work.end();
      const result = resultOf(work, made, checksum);
      await finishRecommendRun(client, run.run, { rows: table.count, checksum, result });
      return result;
    },
  });
}

/** Rows that are there twice would be there at every start that went on with them. */
async function twiceStored(
  { client, month }: MonthWork,
  run: number,
  cause: unknown,
): Promise<unknown> {
  if (serverError(cause)?.code !== '23505') return cause;
  await discardRecommendRun(client, run);
  return new PipelineError(
    'CHECK_FAILED',
    `customers of ${month} were stored twice; nothing was published, and the same command stores all anew`,
    { cause },
  );
}

function resultOf(
  work: MonthWork,
  { run, model, table, inference }: Made,
  checksum: string,
): RecommendResult {
  const seconds = work.secondsSoFar();
  let withoutNeighbour = 0;
  for (const other of inference.nearest) if (other < 0) withoutNeighbour++;
  return {
    run: run.run,
    month: work.first,
    model: model.hash,
    customers: table.count,
    clusters: [...inference.contracts.sizes],
    withoutNeighbour,
    filled: inference.prepared.filled,
    resumedChunks: run.chunks.length,
    secondsByPhase: { ...work.seconds },
    seconds,
    customersPerSecond: Math.round(table.count / Math.max(seconds, 0.001)),
    memoryMiB: memoryPeakMiB(),
    checksum,
  };
}
