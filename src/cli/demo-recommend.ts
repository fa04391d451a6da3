import { join } from 'node:path';
import { availableParallelism } from 'node:os';

import { monotonicMs, secondsSince } from '../base/clock.ts';
import { STATE_DIR } from '../base/config.ts';
import { startProgress } from '../base/progress.ts';
import { count, duration } from '../base/terminal.ts';

/** What the recommending part of the demo came to. */
export type RecommendDemo = {
  customers: number; // in the sources
  recommendedTo: number; // of them active
  seconds: { sources: number; ingest: number; train: number; run: number; all: number };
  checksum: string;
  text: string;
};

const CUSTOMERS = 123_000; // four in five are active
const MONTH = '2025-12';
const SEED = 42;
/** Of its own: the demo must not replace the models of the month that somebody works with. */
const MODELS = join(STATE_DIR, 'demo-models');

/** Makes the recommender's sources and recommends to a month's customers, with what it took. */
export async function recommendDemo(
  databaseUrl: string,
  signal: AbortSignal,
): Promise<RecommendDemo> {
  const { fillCustomers } = await import('../jobs/customers.ts');
  const { analyzeCurrentUser } = await import('../jobs/recommend.ts');
  const started = monotonicMs();
  const progress = startProgress('customers');
  try {
    const filled = await fillCustomers(databaseUrl, {
      count: CUSTOMERS,
      seed: SEED,
      existing: 'refuse',
      signal,
      onProgress: (done) => progress.update(done, CUSTOMERS, 'customers'),
    });
    const made = await analyzeCurrentUser(databaseUrl, {
      month: MONTH,
      threads: availableParallelism(),
      seed: SEED,
      modelsDir: MODELS,
      signal,
      onProgress: progress.update.bind(progress),
    });
    const seconds = {
      sources: filled.seconds,
      ingest: made.ingest.seconds,
      train: made.train.seconds,
      run: made.run.seconds,
      all: secondsSince(started),
    };
    const { customers, checksum } = made.run;
    const whole = { customers: CUSTOMERS, recommendedTo: customers, seconds, checksum };
    return { ...whole, text: textOf(whole) };
  } finally {
    progress.stop(); // it clears its line, so before the result
  }
}

function textOf({ customers, recommendedTo, seconds }: Omit<RecommendDemo, 'text'>): string {
  return (
    `recommended contracts and products to ${count(recommendedTo)} customers, the active ones of ` +
    `${count(customers)}, in ${duration(seconds.all)}: sources made ${duration(seconds.sources)}, ` +
    `ingest ${duration(seconds.ingest)}, train ${duration(seconds.train)}, run ${duration(seconds.run)}`
  );
}
