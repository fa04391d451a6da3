import type { CustomerTable } from '../recommend/customers.ts';
import type { Filled, Prepared } from '../recommend/features.ts';
import {
  loadModel,
  modelPath,
  MODELS_DIR,
  previousModel,
  saveModel,
  type Model,
} from '../recommend/model.ts';
import { UserRecommender, type Inference } from '../recommend/recommender.ts';
import { train } from '../recommend/train.ts';
import { PipelineError } from '../base/errors.ts';
import { enterProfiles, profileClusters, type ClusterProfile } from '../store/cluster-profile.ts';
import { COPY_HEADER, COPY_TRAILER, CopyBuffer } from '../store/copy-buffer.ts';
import { startCopy, type Copy } from '../store/copy.ts';
import {
  failRecommendRun,
  monthTable,
  publishedNote,
  publishMonth,
  PUBLISHED,
  rollbackMonth,
} from '../store/publish.ts';
import {
  beginRecommendRun,
  enterChunks,
  finishRecommendRun,
  type LedgerChunk,
  type Phase,
} from '../store/recommend-runs.ts';
import { ingest, type IngestOptions, type IngestResult } from './ingest.ts';
import { memoryPeakMiB, MonthWork, type MonthOptions } from './recommend-month.ts';
import { RECOMMENDATION_COLUMNS, RecommendationRows } from './recommend-rows.ts';

export type TrainOptions = MonthOptions & {
  seed: number;
  sample?: number; // customers that K-Means sees; default: all
  modelsDir?: string;
};

export type TrainResult = {
  run: number;
  month: string;
  model: string; // hash
  path: string;
  customers: number;
  clusters: number[]; // customers of each
  inertia: number;
  iterations: number;
  matchedTo: string | null; // the model before whose cluster ids were kept
  filled: Filled;
  secondsByPhase: Record<string, number>;
  seconds: number;
  memoryMiB: number;
};

export type RecommendOptions = MonthOptions & {
  includeOwned?: boolean; // recommend what a customer has, too
  model?: string; // file; default: the month's own
  modelsDir?: string;
};

export type RecommendResult = {
  run: number;
  month: string;
  model: string;
  customers: number;
  clusters: number[];
  withoutNeighbour: number;
  filled: Filled;
  secondsByPhase: Record<string, number>;
  seconds: number;
  customersPerSecond: number;
  memoryMiB: number;
  checksum: string; // of the rows but their ids and times
};

/** Customers in a chunk, as in the original; no row depends on it, the checksum does. */
const CHUNK = 2_000;

/** Trains on a month and writes the model. */
export async function trainMonth(databaseUrl: string, options: TrainOptions): Promise<TrainResult> {
  return await MonthWork.with(databaseUrl, options, async (work) => {
    const { result } = await trainIn(work, options);
    return result;
  });
}

/**
 * Recommends to a month's customers and publishes the rows with the profiles of their clusters. It
 * takes minutes at five million customers, so it is one transaction: killed at any point it leaves
 * the month as it was, and the next start begins anew, with an equal result.
 */
export async function recommendMonth(
  databaseUrl: string,
  options: RecommendOptions,
): Promise<RecommendResult> {
  const { month, modelsDir = MODELS_DIR } = options;
  return await MonthWork.with(databaseUrl, options, async (work) => {
    const model = loadModel(options.model ?? modelPath(month, modelsDir));
    return await recommendIn(work, options, model, null);
  });
}

export type ProfileResult = { run: number; month: string; clusters: number; seconds: number };

/** Makes the profiles of a published month anew. */
export async function profileMonth(
  databaseUrl: string,
  options: MonthOptions,
): Promise<ProfileResult> {
  return await MonthWork.with(databaseUrl, options, async (work) => {
    const note = await publishedNote(work.client, work.first);
    if (note === null) {
      throw new PipelineError(
        'RUN_CONFLICT',
        `nothing was recommended for ${work.month}; do so with \`millrace recommend run\``,
      );
    }
    return await inLedger(work, 'profile', {}, async (run) => {
      work.begin('profile');
      const parents = ['analytics.cluster_profile'] as const;
      const profiles = await publishMonth(work.client, work.first, parents, {
        fill: () => updateClusterInfo(work, ''),
        note,
        keep: false, // the profiles of the recommendations before stay beside them
        publishing: () => work.begin('publish'),
        last: async (made) => {
          const end = { rows: made.length, checksum: sumOf([JSON.stringify(made)]), result: {} };
          await finishRecommendRun(work.client, run, end);
        },
      });
      work.end();
      const seconds = work.secondsSoFar();
      return { run, month: work.first, clusters: profiles.length, seconds };
    });
  });
}

export type AnalyzeOptions = TrainOptions &
  Omit<RecommendOptions, 'model'> &
  Omit<IngestOptions, 'onProgress'>;
export type AnalyzeResult = { ingest: IngestResult; train: TrainResult; run: RecommendResult };

/** The whole month: ingest, train, run with profiles; customers are read once for the last two. */
export async function analyzeCurrentUser(
  databaseUrl: string,
  options: AnalyzeOptions,
): Promise<AnalyzeResult> {
  const { onProgress } = options;
  const ingested = await ingest(databaseUrl, {
    ...options,
    onProgress: (done, total) => onProgress?.(done, total, 'ingest'),
  });
  return await MonthWork.with(databaseUrl, options, async (work) => {
    const { result, model, prepared } = await trainIn(work, options);
    work.restart();
    const run = await recommendIn(work, options, model, prepared);
    return { ingest: ingested, train: result, run };
  });
}

/** Puts the month's rows and profiles back that were read before. */
export async function rollbackPublished(databaseUrl: string, month: string): Promise<string> {
  return await MonthWork.with(databaseUrl, { month, threads: 1 }, async ({ client, first }) => {
    await rollbackMonth(client, first);
    return (await publishedNote(client, first)) ?? '';
  });
}

async function trainIn(
  work: MonthWork,
  options: TrainOptions,
): Promise<{ result: TrainResult; model: Model; prepared: Prepared }> {
  const { seed, sample = null, modelsDir = MODELS_DIR, month } = options;
  return await inLedger(work, 'train', { seed, sample }, async (run) => {
    const table = await work.table();
    work.begin('train');
    const previous = previousModel(month, modelsDir);
    const { model, prepared } = await train(work.pool, table, { month, seed, sample }, previous);
    const path = modelPath(month, modelsDir);
    saveModel(path, model);
    work.end();
    const result: TrainResult = {
      run,
      month: work.first,
      model: model.hash,
      path,
      customers: table.count,
      clusters: model.clusters.map(({ customers }) => customers),
      inertia: model.inertia,
      iterations: model.iterations,
      matchedTo: model.matchedTo,
      filled: prepared.filled,
      secondsByPhase: { ...work.seconds },
      seconds: work.secondsSoFar(),
      memoryMiB: memoryPeakMiB(),
    };
    const end = { rows: table.count, checksum: model.hash, result };
    await finishRecommendRun(work.client, run, end);
    return { result, model, prepared };
  });
}

async function recommendIn(
  work: MonthWork,
  { includeOwned = false }: RecommendOptions,
  model: Model,
  prepared: Prepared | null,
): Promise<RecommendResult> {
  const options = { model: model.hash, includeOwned };
  return await inLedger(work, 'run', options, async (run) => {
    const table = await work.table();
    const recommender = new UserRecommender(work.pool, model);
    const inference = await recommender.runInference(table, prepared, (step, done) => {
      if (done === 0) work.begin(step);
      else work.progress(done);
    });
    const { month, first } = work;
    const note = JSON.stringify({ run, month, ...options });
    let result: RecommendResult | null = null;
    await publishMonth(work.client, first, PUBLISHED, {
      fill: async () => {
        const chunks = await storeRows(work, table, inference, includeOwned);
        work.begin('profile');
        await updateClusterInfo(work, '_new');
        return chunks;
      },
      note,
      keep: true,
      publishing: () => work.begin('publish'),
      last: async (chunks) => {
        await enterChunks(work.client, run, chunks);
        work.end();
        const checksum = sumOf(chunks.map((chunk) => chunk.checksum));
        result = resultOf(work, { run, model, table, inference, checksum });
        await finishRecommendRun(work.client, run, { rows: table.count, checksum, result });
      },
    });
    if (!result) throw new Error('published without a result');
    return result;
  });
}

function resultOf(
  work: MonthWork,
  made: {
    run: number;
    model: Model;
    table: CustomerTable;
    inference: Inference;
    checksum: string;
  },
): RecommendResult {
  const { run, model, table, inference, checksum } = made;
  const seconds = work.secondsSoFar();
  let withoutNeighbour = 0;
  for (const other of inference.nearest) if (other < 0) withoutNeighbour++;
  return {
    run,
    month: work.first,
    model: model.hash,
    customers: table.count,
    clusters: [...inference.contracts.sizes],
    withoutNeighbour,
    filled: inference.prepared.filled,
    secondsByPhase: { ...work.seconds },
    seconds,
    customersPerSecond: Math.round(table.count / Math.max(seconds, 0.001)),
    memoryMiB: memoryPeakMiB(),
    checksum,
  };
}

/** Stores all rows by one COPY into the table made for it; one chunk is made while one is sent. */
async function storeRows(
  work: MonthWork,
  table: CustomerTable,
  inference: Inference,
  includeOwned: boolean,
): Promise<LedgerChunk[]> {
  work.begin('store');
  const rows = new RecommendationRows(table, inference, {
    monthMs: work.firstMs,
    includeOwned,
  });
  const into = monthTable('analytics.user_recommendation', work.first, '_new');
  const copy = startCopy(work.client, into, RECOMMENDATION_COLUMNS, { freeze: true });
  const buffer = new CopyBuffer(CHUNK * 1_024);
  const chunks: LedgerChunk[] = [];
  let sent = copy.write(COPY_HEADER);
  try {
    for (let from = 0; from < table.count; from += CHUNK) {
      const until = Math.min(table.count, from + CHUNK);
      const made = recommendUsersForChunk(rows, buffer, from, until);
      await sent;
      sent = copy.write(made.bytes);
      sent.catch(() => undefined); // the next turn waits for it and hears of it
      chunks.push({ ...made.entry, chunk: chunks.length });
      work.progress(until);
    }
    await sent;
    await endCopy(copy, table.count);
  } catch (cause) {
    await copy.abort(); // a COPY left open would keep the rollback waiting for ever
    throw cause;
  }
  return chunks;
}

async function endCopy(copy: Copy, rows: number): Promise<void> {
  await copy.write(COPY_TRAILER);
  const taken = await copy.end();
  if (taken !== rows) throw new Error(`PostgreSQL took ${taken} of ${rows} rows`);
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

/** Describes the clusters of the recommendations that are read, or of those that are being made. */
export async function updateClusterInfo(
  { client, first }: MonthWork,
  kind: '' | '_new',
): Promise<ClusterProfile[]> {
  const profiles = await profileClusters(client, first, kind);
  await enterProfiles(client, first, profiles);
  return profiles;
}

function sumOf(parts: readonly string[]): string {
  let hash = 0n;
  for (const part of parts) hash = Bun.hash.xxHash64(part, hash);
  return hash.toString(16).padStart(16, '0');
}

/** Enters a run before the work, and what became of it if it fails. */
async function inLedger<Result>(
  { client, databaseUrl, first }: MonthWork,
  phase: Phase,
  options: object,
  work: (run: number) => Promise<Result>,
): Promise<Result> {
  const run = await beginRecommendRun(client, phase, first, options);
  try {
    return await work(run);
  } catch (cause) {
    await failRecommendRun(databaseUrl, run); // this connection may be in the middle of a COPY
    throw cause;
  }
}
