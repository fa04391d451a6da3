import { Command } from 'commander';

import { setting } from '../base/config.ts';
import { columns, count, duration } from '../base/terminal.ts';
import { explain, type Explanation } from '../jobs/explain.ts';
import { ingest, type IngestResult } from '../jobs/ingest.ts';
import { profileMonth } from '../jobs/recommend-profile.ts';
import type { RecommendResult } from '../jobs/recommend-run.ts';
import {
  analyzeCurrentUser,
  recommendMonth,
  rollbackPublished,
  trainMonth,
  type TrainResult,
} from '../jobs/recommend.ts';
import { MODELS_DIR } from '../recommend/model.ts';
import { databaseOf, result, wholeNumber } from './common.ts';
import {
  monthly,
  threaded,
  withProgress,
  type MonthOptions,
  type WorkOptions,
} from './recommend-options.ts';
import { reportCommand } from './recommend-report.ts';

type ModelsOptions = { models: string };
type TrainOptions = WorkOptions & ModelsOptions & { seed: number; sample?: number };
type RunOptions = WorkOptions & ModelsOptions & { includeOwned?: boolean; model?: string };
type IngestOptions = MonthOptions & { restart?: boolean };

const SAMPLE_MAX = 20_000_000;

const HELP = `
Examples:
  millrace recommend all --month 2025-12        ingest, train, run: the whole month
  millrace recommend run --month 2025-12        recommend again, by the month's model
  millrace recommend report --month 2025-12     is it any good? a page beside the model
  millrace recommend rollback --month 2025-12   back to what was read before the last run
  millrace recommend explain CUS00000001 --month 2025-12

ingest and run go on where they were stopped or killed, to an equal result. all goes on with an
unfinished ingest; behind a finished one it reads the sources anew, and run (before it train, if there
is no model of the ingest yet) goes on. Until its last moment a run changes nothing of what is read.`;

export function recommendCommand(): Command {
  // Options that all have belong to the parts; here they would be taken from them.
  return new Command('recommend')
    .description('contracts, products and a similar customer for each customer')
    .addHelpText('after', HELP)
    .addCommand(ingestCommand())
    .addCommand(trainCommand())
    .addCommand(runCommand())
    .addCommand(profileCommand())
    .addCommand(allCommand())
    .addCommand(reportCommand())
    .addCommand(rollbackCommand())
    .addCommand(explainCommand());
}

const withModels = (made: Command): Command =>
  made.option('--models <folder>', 'where models are kept', MODELS_DIR);

const training = (made: Command): Command =>
  made
    .option('--seed <number>', 'the same number makes the same model', wholeNumber(0, 2 ** 48), 42)
    .option(
      '--sample <customers>',
      'customers that K-Means sees (default: all)',
      wholeNumber(1, SAMPLE_MAX),
    );

const running = (made: Command): Command =>
  made.option('--include-owned', 'recommend what a customer already has, too');

const ingesting = (made: Command): Command =>
  made.option('--restart', 'throw an unfinished ingest of the month away instead of going on');

function ingestCommand(): Command {
  return ingesting(
    monthly('ingest', 'read the sources, RODB_URL and BIDB_URL, into the month'),
  ).action(async (options: IngestOptions) => {
    const made = await withProgress(async (onProgress, signal) =>
      ingest(await databaseOf(options), {
        month: options.month,
        restart: options.restart,
        ...sources(),
        signal,
        onProgress: (done, total) => onProgress(done, total, 'ingest'),
      }),
    );
    result(options, made, () => ingestText(made));
  });
}

function trainCommand(): Command {
  return training(withModels(threaded('train', 'make the model of the month'))).action(
    async (options: TrainOptions) => {
      const { month, threads, seed, sample, models: modelsDir } = options;
      const made = await withProgress(async (onProgress, signal) =>
        trainMonth(await databaseOf(options), {
          month,
          threads,
          seed,
          sample,
          modelsDir,
          onProgress,
          signal,
        }),
      );
      result(options, made, () => trainText(made));
    },
  );
}

function runCommand(): Command {
  return running(withModels(threaded('run', "recommend by the month's model, and publish")))
    .option('--model <file>', "a model's file (default: the month's own)")
    .action(async (options: RunOptions) => {
      const { month, threads, includeOwned, model, models: modelsDir } = options;
      const made = await withProgress(async (onProgress, signal) =>
        recommendMonth(await databaseOf(options), {
          month,
          threads,
          includeOwned,
          model,
          modelsDir,
          onProgress,
          signal,
        }),
      );
      result(options, made, () => runText(made));
    });
}

function profileCommand(): Command {
  return monthly('profile', 'describe the clusters of a published month anew').action(
    async (options: MonthOptions) => {
      const { month } = options;
      const made = await withProgress(async (onProgress, signal) =>
        profileMonth(await databaseOf(options), { month, threads: 1, onProgress, signal }),
      );
      result(options, made, () => `${made.clusters} clusters in ${duration(made.seconds)}`);
    },
  );
}

function allCommand(): Command {
  return ingesting(
    running(training(withModels(threaded('all', 'ingest, train, run: the whole month')))),
  ).action(async (options: TrainOptions & RunOptions & IngestOptions) => {
    const { month, threads, seed, sample, includeOwned, restart, models: modelsDir } = options;
    const made = await withProgress(async (onProgress, signal) =>
      analyzeCurrentUser(await databaseOf(options), {
        month,
        threads,
        seed,
        sample,
        includeOwned,
        restart,
        modelsDir,
        ...sources(),
        onProgress,
        signal,
      }),
    );
    result(options, made, () =>
      [ingestText(made.ingest), trainText(made.train), runText(made.run)].join('\n'),
    );
  });
}

function rollbackCommand(): Command {
  return monthly('rollback', 'read again what was published before the last run').action(
    async (options: MonthOptions) => {
      const note = await rollbackPublished(await databaseOf(options), options.month);
      const month = options.month;
      result(options, { month, note }, () => `${month} is again as published by ${note}`);
    },
  );
}

function explainCommand(): Command {
  return withModels(monthly('explain', 'where the recommendation of one customer comes from'))
    .argument('<ccod>', 'code of the customer')
    .option('--model <file>', "a model's file (default: the one published)")
    .action(async (ccod: string, options: MonthOptions & ModelsOptions & { model?: string }) => {
      const { month, model, models: modelsDir } = options;
      const found = await explain(await databaseOf(options), ccod, { month, model, modelsDir });
      result(options, found, () => explainText(found));
    });
}

const sources = (): { rodbUrl?: string; bidbUrl?: string } => ({
  rodbUrl: setting('RODB_URL'),
  bidbUrl: setting('BIDB_URL'),
});

function ingestText({ customers, active, strangers, seconds, checksum }: IngestResult): string {
  const passed = strangers === 0 ? '' : `; passed over ${count(strangers)} rows of nobody`;
  return `ingested ${count(customers)} customers, ${count(active)} of them active, in ${duration(seconds)}${passed}; checksum ${checksum}`;
}

const trainText = ({ customers, clusters, seconds, path, model }: TrainResult): string =>
  `trained on ${count(customers)} customers in ${duration(seconds)}: ${clusters.length} clusters, model ${model} in ${path}`;

function runText({ customers, secondsByPhase, seconds, memoryMiB, checksum }: RecommendResult) {
  const phases = Object.entries(secondsByPhase).map(
    ([name, spent]) => `${name} ${duration(spent)}`,
  );
  return (
    `recommended to ${count(customers)} customers in ${duration(seconds)} (${phases.join(', ')}), ` +
    `${count(memoryMiB)} MiB at most; checksum ${checksum}`
  );
}

function explainText(found: Explanation): string {
  const { similar } = found;
  const features = found.features.map(({ name, value, scaled, similar: other }) => [
    name,
    value.toFixed(4),
    scaled.toFixed(4),
    other === null ? '' : other.toFixed(4),
  ]);
  const suggested = [...found.recommendedContracts, ...found.recommendedProducts].map(
    ({ name, reason }) => `  ${name}: ${reason}`,
  );
  return [
    `${found.ccod} ${found.name ?? ''}, ${found.month}, model ${found.model}`,
    columns([['feature', 'value', 'scaled', 'similar'], ...features], [1, 2, 3]),
    `cluster ${found.cluster}, ${found.distance.toFixed(4)} from its centre, similarity ${found.similarity.toFixed(4)}`,
    similar === null
      ? 'nobody else is in the cluster'
      : `similar: ${similar.ccod} ${similar.name ?? ''}, ${similar.distance.toFixed(4)} away; ${[...similar.contracts, ...similar.products].join(', ')}`,
    `has: ${[...found.contracts, ...found.products].join(', ')}`,
    'recommended:',
    ...suggested,
  ].join('\n');
}
