import { checkMonth } from '../recommend/day.ts';
import type { Prepared, Filled } from '../recommend/features.ts';
import {
  loadModel,
  modelPath,
  MODELS_DIR,
  previousModel,
  saveModel,
  type Model,
} from '../recommend/model.ts';
import { train } from '../recommend/train.ts';
import { withClient } from '../store/client.ts';
import { noticeDeath, publishedNote, rollbackMonth } from '../store/publish.ts';
import { beginRecommendRun, claimMonths, finishRecommendRun } from '../store/recommend-runs.ts';
import { WRITER_NAME } from './ingest-writer.ts';
import { ingest, type IngestOptions, type IngestResult } from './ingest.ts';
import { inLedger, memoryPeakMiB, MonthWork, type MonthOptions } from './recommend-month.ts';
import { recommendIn, type RecommendOptions, type RecommendResult } from './recommend-run.ts';

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

/** Trains on a month and writes the model. */
export async function trainMonth(databaseUrl: string, options: TrainOptions): Promise<TrainResult> {
  return await MonthWork.with(databaseUrl, options, async (work) => {
    const { result } = await trainIn(work, options);
    return result;
  });
}

/**
 * Recommends to a month's customers and publishes the rows with the profiles of their clusters.
 * Killed at any point it leaves the month as it was, and the next start goes on with the rows that
 * are stored, to an equal result.
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

export type AnalyzeOptions = TrainOptions &
  Omit<RecommendOptions, 'model' | 'sizes'> &
  Omit<IngestOptions, 'onProgress' | 'sizes'>;
export type AnalyzeResult = { ingest: IngestResult; train: TrainResult; run: RecommendResult };

/**
 * The whole month: ingest, train, run with profiles; customers are read once for the last two. An
 * unfinished ingest is gone on with; behind a finished one the single commands go on, since the
 * sources may have changed and this is to read them.
 */
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
    work.goesOn = `\`millrace recommend train\`, then \`run\`, go on ${BEHIND_INGEST}`;
    const { result, model, prepared } = await trainIn(work, options);
    work.goesOn = `\`millrace recommend run\` goes on ${BEHIND_INGEST}`;
    work.restart();
    const run = await recommendIn(work, options, model, prepared);
    return { ingest: ingested, train: result, run };
  });
}

const BEHIND_INGEST = 'with the same options; `all` would ingest anew';

/** Puts the month's rows and profiles back that were read before, whatever its ingest is at. */
export async function rollbackPublished(databaseUrl: string, month: string): Promise<string> {
  checkMonth(month);
  const first = `${month}-01`;
  return await withClient(databaseUrl, async (client) => {
    await noticeDeath(client);
    await claimMonths(client, WRITER_NAME);
    await rollbackMonth(client, first);
    return (await publishedNote(client, first)) ?? '';
  });
}

async function trainIn(
  work: MonthWork,
  options: TrainOptions,
): Promise<{ result: TrainResult; model: Model; prepared: Prepared }> {
  const { seed, sample = null, modelsDir = MODELS_DIR, month } = options;
  const run = await beginRecommendRun(work.client, 'train', work.first, { seed, sample });
  return await inLedger(work, run, async () => {
    const table = await work.table();
    work.begin('train');
    const previous = previousModel(month, modelsDir);
    const { model, prepared } = await train(work.pool, table, { month, seed, sample }, previous);
    const path = saveModel(model, modelsDir);
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
