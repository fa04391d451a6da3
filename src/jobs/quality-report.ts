import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { monotonicMs, seoulTime, wallClock, type Clock } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import type { Pool } from '../base/thread-pool.ts';
import { coverage, type Coverage } from '../recommend/coverage.ts';
import { checkMonth } from '../recommend/day.ts';
import { elbow } from '../recommend/elbow.ts';
import { prepareFeatures } from '../recommend/features.ts';
import { holdOut, tradesOf } from '../recommend/holdout.ts';
import { openPool } from '../recommend/kernels.ts';
import { centresOf, modelPath } from '../recommend/model.ts';
import { splitPurchases } from '../recommend/purchases.ts';
import { silhouettes, type Silhouettes } from '../recommend/quality.ts';
import {
  REPORT_SAMPLE,
  type QualityReport,
  type ReportedSegment,
} from '../recommend/quality-report.ts';
import { DIMS, sharedDoubles } from '../recommend/rows.ts';
import { renderQualityPage } from '../report/page.ts';
import { withClient } from '../store/client.ts';
import { compareMonths } from './quality-earlier.ts';
import { gatherFacts, type Facts, type FactsOptions, type Gathering } from './quality-facts.ts';
import { memoryPeakMiB } from './recommend-month.ts';

export type ReportOptions = Omit<FactsOptions, 'sample'> & {
  sample?: number; // customers that the maths and the hold-out see
  threads: number; // changes no figure
  command: string; // how the report was asked for, as the page repeats it
  out?: string; // file, besides the one next to the model
  clock?: Clock;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number, phase: string) => void;
};

const PHASES = ['counts', 'earlier month', 'sample', 'purchases', 'silhouette', 'elbow', 'rest'];

/** The page of a model, beside it. */
export const reportPath = (model: string): string =>
  join(dirname(model), `${basename(model, '.json')}.report.html`);

/** Reports on a published month and writes the page beside its model; says where. */
export async function reportMonth(
  databaseUrl: string,
  options: ReportOptions,
): Promise<{ report: QualityReport; paths: string[] }> {
  const { month, modelsDir, out } = options;
  checkMonth(month);
  const beside = options.model ?? modelPath(month, modelsDir);
  const paths = [reportPath(beside), ...(out === undefined ? [] : [out])];
  for (const path of paths) writing(path, () => mkdirSync(dirname(path), { recursive: true }));
  const report = await measureQuality(databaseUrl, options, dirname(beside));
  const page = await renderQualityPage(report);
  for (const path of paths) writing(path, () => writeWhole(path, page));
  return { report, paths };
}

async function measureQuality(
  databaseUrl: string,
  options: ReportOptions,
  modelsDir: string, // where the earlier month's may be
): Promise<QualityReport> {
  const { month, seed, sample = REPORT_SAMPLE, threads, command, clock = wallClock } = options;
  const phases = new Phases(options);
  const facts = await withClient(databaseUrl, (client) =>
    gatherFacts(client, { ...options, sample }, (phase) => phases.begin(phase)),
  );
  const { model } = facts;
  const pool = openPool(threads);
  try {
    const measured = await measure(pool, facts, { ...options, modelsDir }, phases);
    phases.end();
    return {
      month,
      generatedAt: `${seoulTime(clock())} Asia/Seoul`,
      command,
      model: model.hash,
      codeVersion: model.codeVersion,
      modelSeed: model.seed,
      seed,
      includeOwned: facts.includeOwned,
      customers: facts.sizes.reduce((sum, size) => sum + size, 0),
      sampled: facts.purchases.length,
      ...measured,
      contracts: coverageOf(facts, 'contract'),
      products: coverageOf(facts, 'product'),
      secondsByPhase: phases.seconds,
      seconds: phases.secondsSoFar(),
      memoryMiB: memoryPeakMiB(),
    };
  } finally {
    pool.close();
  }
}

type Measured = Pick<QualityReport, 'segments' | 'silhouette' | 'elbow' | 'holdOut' | 'earlier'>;

async function measure(
  pool: Pool,
  facts: Facts,
  { month, seed }: ReportOptions,
  phases: Phases,
): Promise<Measured> {
  const { model, sample, sizes } = facts;
  const clusters = sizes.length;
  phases.begin('silhouette');
  const { rows } = await prepareFeatures(pool, sample.table, model);
  const labels = Uint8Array.from(sample.drawn, ({ cluster }) => cluster);
  const drawnSizes = Int32Array.from(sizes, () => 0);
  for (const label of labels) drawnSizes[label]++;
  const found = await silhouettes(pool, rows, labels, drawnSizes, { seed, standFor: sizes });
  phases.begin('elbow');
  const places = [...labels.keys()].filter((row) => sample.drawn[row].chance < sample.evenly);
  const even = rowsAt(places, rows);
  const curve = await elbow(pool, even, centresOf(model), { seed });
  phases.begin('rest');
  const firstDay = Number(`${month.replace('-', '')}01`);
  return {
    segments: describe(facts, found),
    silhouette: {
      silhouette: found.silhouette,
      error: found.error,
      sampled: found.clusters.reduce((sum, { sampled }) => sum + sampled, 0),
    },
    elbow: { ...curve, chosen: clusters },
    holdOut: {
      firstDay: `${month}-01`,
      ...holdOut(
        splitPurchases(facts.purchases, firstDay),
        { labels: Uint8Array.from(places, (row) => labels[row]), groups: clusters },
        tradesOf(sample.table.businessType, places),
      ),
    },
    earlier: await compareMonths(pool, facts, even),
  };
}

function rowsAt(places: readonly number[], rows: Float64Array): Float64Array {
  const some = sharedDoubles(places.length * DIMS);
  for (const [to, row] of places.entries())
    some.set(rows.subarray(row * DIMS, (row + 1) * DIMS), to * DIMS);
  return some;
}

function describe({ described }: Facts, { clusters }: Silhouettes): ReportedSegment[] {
  const profiles = new Map(described.map((profile) => [profile.cluster, profile]));
  return clusters.map(({ rows, sampled, silhouette, error }, cluster) => {
    const profile = profiles.get(cluster);
    return {
      cluster,
      customers: rows,
      sampled,
      silhouette,
      silhouetteError: error,
      contracts: profile?.contracts ?? 0,
      purchases: profile?.purchases ?? 0,
      topContracts: profile?.topContracts ?? [],
      topPurchases: profile?.topPurchases ?? [],
      topBusinessTypes: profile?.topBusinessTypes ?? [],
    };
  });
}

function coverageOf({ counted, held }: Facts, wanted: 'contract' | 'product'): Coverage {
  const recommended = counted
    .filter(({ kind }) => kind === wanted)
    .map(({ items, customers }) => ({ items: items ?? [], customers }));
  const holders = new Map(
    held.filter(({ kind }) => kind === wanted).map((item) => [item.name, item.holders]),
  );
  return coverage(recommended, holders);
}

function writeWhole(path: string, page: string): void {
  writeFileSync(`${path}.part`, page);
  renameSync(`${path}.part`, path);
}

function writing(path: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PipelineError('USAGE', `the report cannot be written to ${path}: ${why}`, { cause });
  }
}

/** What the report is at, and how long each part took. */
class Phases {
  readonly seconds: Record<string, number> = {};
  readonly #options: ReportOptions;
  readonly #started = monotonicMs();
  #phase = '';
  #phaseStarted = 0;

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  begin(phase: Gathering | 'silhouette' | 'elbow' | 'rest'): void {
    this.end();
    if (this.#options.signal?.aborted)
      throw new PipelineError('INTERRUPTED', 'stopped; no report was written');
    this.#phase = phase;
    this.#phaseStarted = monotonicMs();
    this.#options.onProgress?.(PHASES.indexOf(phase), PHASES.length, phase);
  }

  end(): void {
    if (this.#phase !== '')
      this.seconds[this.#phase] = (monotonicMs() - this.#phaseStarted) / 1_000;
    this.#phase = '';
  }

  secondsSoFar(): number {
    return (monotonicMs() - this.#started) / 1_000;
  }
}
