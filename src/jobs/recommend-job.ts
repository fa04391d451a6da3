import { availableParallelism } from 'node:os';

import type { Job } from './job.ts';
import { recommendTimetable, type RecommendSettings } from './recommend-settings.ts';
import { analyzeCurrentUser } from './recommend.ts';

const SEED = 42; // the default of `recommend train`

/** `recommend all` as a job: seed 004's flow "Analyze Current Users". */
export function recommendJob(
  databaseUrl: string,
  { cron, rodbUrl, bidbUrl, modelsDir }: RecommendSettings,
): Job {
  return {
    name: 'recommend',
    does: 'ingest, train, run: the whole month of the recommender',
    timetable: recommendTimetable(cron),
    work: async (month, { signal, onProgress }) => {
      const { run } = await analyzeCurrentUser(databaseUrl, {
        month,
        threads: availableParallelism(),
        seed: SEED,
        rodbUrl,
        bidbUrl,
        modelsDir,
        signal,
        onProgress,
      });
      return { rows: run.customers };
    },
  };
}
