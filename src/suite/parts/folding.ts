import { metrics } from '../../base/metrics.ts';
import type { Log } from '../../base/log.ts';
import { Outage } from '../../base/outage.ts';
import { REAL_TIME, type Time } from '../../base/time.ts';
import type { Client } from '../../store/client.ts';
import { effectsAges, EffectsFolder, foldPauseMs } from '../../store/effects.ts';
import { databaseOf } from '../config.ts';
import { Database } from '../database.ts';
import type { PartContext } from '../part.ts';

const LOOK_MS = 250;
const DUE_SECONDS = 0.9; // three consumers offer themselves; what one has just folded is not due
const QUIET_SECONDS = 0.3; // nothing has come for so long: there is nothing to wait for
const END_MS_MAX = 1_000; // a fold that is left behind is undone, and done by another
const JOB = 'fold-effects';

/**
 * Applies what stored orders change in users and products, every second or so beside `work`, and at
 * once when orders cease to come, until that ends. Every order consumer offers itself, and the
 * database lets one at a time do it.
 */
export async function withFolding(
  { name, config, signal, log }: PartContext,
  work: () => Promise<void>,
): Promise<void> {
  const database = new Database(databaseOf(config), `${name} folding`);
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  const use: Use = (ask) => database.use(ask);
  const folding = keepFolding({ use, time: REAL_TIME, signal: ended, log });
  try {
    await work();
  } finally {
    over.abort();
    const closed = folding.then(() => database.close());
    await Promise.race([closed, Bun.sleep(END_MS_MAX)]);
  }
}

type Use = <Result>(ask: (client: Client) => Promise<Result>) => Promise<Result>;

export type FoldingOptions = {
  use: Use; // a connection, made anew after any failure
  time: Time;
  signal: AbortSignal;
  log: Log;
  lookMs?: number; // between looks at what waits
};

/** Applies what stored orders change until aborted, and goes on once PostgreSQL is back. */
export async function keepFolding(options: FoldingOptions): Promise<void> {
  const { use, time, signal, log, lookMs = LOOK_MS } = options;
  const outage = new Outage(log, 'applying order effects');
  const folder = new EffectsFolder();
  let restedMs = 0; // when it may fold again, busy or not
  while (!signal.aborted) {
    await outage.survive(async () => {
      if (!(await isDue(use, time.monotonicMs() >= restedMs))) return;
      const startedMs = time.monotonicMs();
      await foldAll(use, folder, signal);
      const endedMs = time.monotonicMs();
      restedMs = endedMs + foldPauseMs(endedMs - startedMs);
    });
    await time.sleep(lookMs, signal);
  }
}

async function isDue(use: Use, rested: boolean): Promise<boolean> {
  const { oldestSeconds, newestSeconds } = await use(effectsAges);
  return newestSeconds >= QUIET_SECONDS || (rested && oldestSeconds >= DUE_SECONDS);
}

async function foldAll(use: Use, folder: EffectsFolder, signal: AbortSignal): Promise<void> {
  for (let goOn = true; goOn && !signal.aborted;) {
    const { batches, users, products, more } = await use((client) => folder.fold(client));
    if (batches > 0) {
      metrics.jobRows.inc({ job: JOB }, users + products);
      metrics.jobLastSuccess.setToCurrentTime({ job: JOB });
    }
    goOn = more;
  }
}
