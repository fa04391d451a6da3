import { join } from 'node:path';

import { PROJECT_ROOT, setting } from '../base/config.ts';
import { logger, type Log } from '../base/log.ts';
import { registry } from '../base/metrics.ts';
import { MetricsBoard } from '../show/board.ts';
import { processMetrics } from '../show/process-metrics.ts';
import { healthApp, serve, type HttpServer } from '../show/server.ts';
import { zeroMetrics, zeroRestarts } from '../show/zero.ts';
import { DEFAULT_DRIVER } from '../stream/drivers.ts';
import { divertNativeOutput } from '../stream/drivers/native-output.ts';
import type { HttpAddress, SuiteConfig } from './config.ts';
import { Roster } from './roster.ts';
import { Supervisor, type PartSpec, type Running } from './supervisor.ts';
import { startThread } from './thread.ts';
import { StreamWatch, watchedFor } from './watch.ts';
import { STUCK_MS_MAX } from './watchdog-limits.ts';
import { Watchdog } from './watchdog.ts';

export type SuiteOptions = {
  specs: readonly PartSpec[];
  address: HttpAddress;
  folder?: string; // where the workers' files are
  log?: Log;
  stuckMsMax?: number;
};

/**
 * Many parts in one process: each a thread, all under one supervisor, behind one server of health and
 * metrics. The server is there from the start, so a port in use is found before anything is begun.
 */
export class Suite {
  readonly board: MetricsBoard;
  readonly roster: Roster;
  readonly server: HttpServer;
  readonly #options: Required<SuiteOptions>;
  #starting: string | null = 'starting';
  #watch: StreamWatch | null = null;

  constructor(options: SuiteOptions) {
    const { specs, address } = options;
    this.#options = {
      folder: join(PROJECT_ROOT, 'workers'),
      log: logger('suite'),
      stuckMsMax: STUCK_MS_MAX,
      ...options,
    };
    this.roster = new Roster(specs.map(({ name }) => name));
    zeroMetrics();
    zeroRestarts(this.roster.names);
    this.board = new MetricsBoard([registry, processMetrics()]);
    const app = healthApp({
      live: () => this.roster.live(),
      ready: () => [
        { name: 'suite', failure: this.#starting },
        ...this.roster.ready(),
        ...(this.#watch?.checks() ?? []),
      ],
      metrics: (openMetrics) => this.board.render(openMetrics),
    });
    this.server = serve(app, address);
  }

  /** Runs all parts until they have ended, by themselves or because of the signal. */
  async run(config: SuiteConfig, signal: AbortSignal): Promise<void> {
    const { specs, log } = this.#options;
    const { roster } = this;
    signal.addEventListener('abort', () => roster.drain(), { once: true });
    const watchdog = new Watchdog(roster, { stuckMsMax: this.#options.stuckMsMax });
    await loadAddon();
    this.#starting = null;
    const spawn = (spec: PartSpec): Running => this.#spawn(spec, config);
    const watched = watchedFor(specs.map(({ worker }) => worker));
    const watch = new StreamWatch(config, watched, log);
    this.#watch = watch;
    signal.addEventListener('abort', () => void watch.stop(), { once: true }); // waited for below
    try {
      await new Supervisor({ specs, spawn, roster, log }).run(signal);
    } finally {
      watchdog.stop();
      await watch.stop();
    }
  }

  async close(): Promise<void> {
    await this.server.stop();
  }

  #spawn(spec: PartSpec, config: SuiteConfig): Running {
    const { name } = spec;
    const { roster, board } = this;
    const file = join(this.#options.folder, `${spec.worker}.ts`);
    const setup = { name, slot: roster.slot(name), vitals: roster.vitals.buffer, config };
    const running = startThread(file, setup, {
      onCheck: (check) => roster.note(name, check),
      onMetrics: (snapshot) => board.update(name, snapshot),
    });
    const ended = running.ended.then(async (failure) => {
      await board.retire(name);
      return failure;
    });
    return { stop: () => running.stop(), ended };
  }
}

/** A native client that only threads have loaded is torn down with the last of them, in mid-flight. */
async function loadAddon(): Promise<void> {
  if ((setting('KAFKA_DRIVER') ?? DEFAULT_DRIVER) !== 'librdkafka') return;
  divertNativeOutput();
  await import('kafka-crab-js').catch(() => undefined); // who needs it says that it is missing
}
