import type { Command } from 'commander';

import { count, duration } from '../base/terminal.ts';
import { REPORT_SAMPLE, type QualityReport } from '../recommend/quality-report.ts';
import { databaseOf, result, wholeNumber } from './common.ts';
import { threaded, withProgress, type WorkOptions } from './recommend-options.ts';

type ReportOptions = WorkOptions & { seed: number; sample: number; model?: string; out?: string };

const SAMPLE_MAX = 1_000_000;

export function reportCommand(): Command {
  return threaded('report', 'is the month any good? a page with pictures beside the model')
    .option('--out <file>', 'write the page there, too')
    .option('--model <file>', "a model's file (default: the one published)")
    .option('--seed <number>', 'draws the samples', wholeNumber(0, 2 ** 48), 42)
    .option(
      '--sample <customers>',
      'customers drawn for inertia, hold-out and drift; counts are of all',
      wholeNumber(1_000, SAMPLE_MAX),
      REPORT_SAMPLE,
    )
    .action(async (options: ReportOptions) => {
      const { month, threads, seed, sample, model, out } = options;
      // Drawing takes a quarter of a second to load, which other commands need not wait for.
      const { reportMonth } = await import('../jobs/quality-report.ts');
      const made = await withProgress(
        async (onProgress, signal) =>
          reportMonth(await databaseOf(options), {
            month,
            threads,
            seed,
            sample,
            model,
            out,
            command: `millrace recommend report --month ${month} --seed ${seed} --sample ${sample}`,
            onProgress,
            signal,
          }),
        'steps',
      );
      result(options, { ...made.report, paths: made.paths }, () => text(made.report, made.paths));
    });
}

function text(report: QualityReport, paths: readonly string[]): string {
  const { customers, segments, silhouette, seconds, earlier, holdOut } = report;
  const [leftOut] = holdOut.variants;
  return [
    `${report.month}: ${count(customers)} customers in ${segments.length} segments, silhouette ${silhouette.silhouette.toFixed(3)}`,
    `precision@3 ${percent(leftOut.segment.precision)} by segment, ` +
      `${percent(leftOut.popularity.precision)} by popularity, ${percent(leftOut.chance.precision)} by chance`,
    earlier === null
      ? 'no earlier month is published to compare with'
      : `since ${earlier.month} ${percent(earlier.changed / Math.max(1, earlier.both))} of ${count(earlier.both)} customers changed segment`,
    `the page, made in ${duration(seconds)}: ${paths.join(', ')}`,
  ].join('\n');
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
