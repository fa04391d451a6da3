import { metrics } from '../../base/metrics.ts';
import { monotonicMs } from '../../base/clock.ts';
import { pause } from '../../base/shutdown.ts';
import { Outage } from '../../base/outage.ts';
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
  const outage = new Outage(log, 'applying order effects');
  const folder = new EffectsFolder();
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  const folding = (async () => {
    let restedMs = 0; // when it may fold again, busy or not
    while (!ended.aborted) {
      await outage.survive(async () => {
        if (!(await isDue(database, monotonicMs() >= restedMs))) return;
        const started = monotonicMs();
        await foldAll(database, folder, ended);
        restedMs = monotonicMs() + foldPauseMs(monotonicMs() - started);
      });
      await pause(LOOK_MS, ended);
    }
  })();
  try {
    await work();
  } finally {
    over.abort();
    const closed = folding.then(() => database.close());
    await Promise.race([closed, Bun.sleep(END_MS_MAX)]);
  }
}

async function isDue(database: Database, rested: boolean): Promise<boolean> {
  const { oldestSeconds, newestSeconds } = await database.use(effectsAges);
  return newestSeconds >= QUIET_SECONDS || (rested && oldestSeconds >= DUE_SECONDS);
}

async function foldAll(
  database: Database,
  folder: EffectsFolder,
  signal: AbortSignal,
): Promise<void> {
  for (let goOn = true; goOn && !signal.aborted;) {
    const { batches, users, products, more } = await database.use((client) => folder.fold(client));
    if (batches > 0) {
      metrics.jobRows.inc({ job: JOB }, users + products);
      metrics.jobLastSuccess.setToCurrentTime({ job: JOB });
    }
    goOn = more;
  }
}
