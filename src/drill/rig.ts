import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { STATE_DIR } from '../base/config.ts';
import { causeOf, PipelineError } from '../base/errors.ts';
import { temporary, type Temporary } from '../stack/temporary.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { temporaryRedis, type TemporaryRedis } from '../stack/temporary-redis.ts';
import { withClient } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { connectAdmin, type StreamAdmin } from '../stream/admin.ts';

const RESTARTS_MAX = 20;
const RESTART_MS = 500;
const CLOSE_MS_MAX = 5_000; // of a connection whose brokers may be away, or frozen

/** The servers that drills strike: their own, thrown away at the end. */
export type Rig = {
  postgres: Temporary;
  redis: TemporaryRedis;
  kafka: TemporaryKafka;
  admin: StreamAdmin;
  folder: string; // logs of the processes, and the ledger
  ledger: string;
  /**
   * Takes what must be undone whatever happens, even if this process is ended at once; it throws if it
   * cannot be. Returns what undoes it earlier; only what has failed then is tried again at the end.
   */
  atExit(undo: () => void): () => void;
  /** Ends all servers; what they held is gone, and the folder too unless `keepLogs`. */
  stop(keepLogs: boolean): Promise<void>;
};

/** PostgreSQL with the schema, Redis, and three brokers with the topics, on free ports. */
export async function startRig(say: (line: string) => void): Promise<Rig> {
  const traces = new Traces(say);
  const { folder } = traces;
  const started = await Promise.allSettled([temporary(), temporaryRedis(), temporaryKafka()]);
  const [postgres, redis, kafka] = started;
  let admin: StreamAdmin | null = null;
  const stop = async (keepLogs: boolean): Promise<void> => {
    // What the brokers have to say to that is of no interest: they end next.
    const closed = admin?.close().catch(() => undefined);
    await Promise.race([closed, Bun.sleep(CLOSE_MS_MAX)]);
    const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const stopped = await Promise.allSettled(servers.map((server) => server.stop()));
    traces.remove(keepLogs);
    const failed = stopped.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  };
  try {
    if (postgres.status === 'rejected') throw postgres.reason;
    if (redis.status === 'rejected') throw redis.reason;
    if (kafka.status === 'rejected') throw kafka.reason;
    const brokers = kafka.value.kafkaBrokers.split(',');
    await withClient(postgres.value.databaseUrl, migrate);
    admin = await connectAdmin({ brokers, clientId: 'millrace drill' });
    await admin.ensureTopics();
    return {
      postgres: postgres.value,
      redis: redis.value,
      kafka: kafka.value,
      admin,
      folder,
      ledger: join(folder, 'ledger.ndjson'),
      atExit: (undo) => traces.add(undo),
      stop,
    };
  } catch (cause) {
    await stop(false).catch((late) => say(causeOf(late).message));
    throw cause;
  }
}

/** What a rig leaves on this machine besides its servers: a folder, and what drills add. */
class Traces {
  readonly folder: string;
  readonly #say: (line: string) => void;
  readonly #undoes = new Set<() => void>();
  readonly #endAtOnce = (): void => this.remove(false);

  constructor(say: (line: string) => void) {
    this.#say = say;
    mkdirSync(STATE_DIR, { recursive: true, mode: 0o700 });
    this.folder = mkdtempSync(join(STATE_DIR, `drill-${process.pid}-`));
    process.on('exit', this.#endAtOnce);
  }

  add(undo: () => void): () => void {
    this.#undoes.add(undo);
    return () => {
      undo();
      this.#undoes.delete(undo);
    };
  }

  /** Never throws: what cannot be removed is said. */
  remove(keepFolder: boolean): void {
    process.off('exit', this.#endAtOnce);
    for (const undo of this.#undoes) this.#tried(undo);
    if (!keepFolder) this.#tried(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  #tried(undo: () => void): void {
    try {
      undo();
    } catch (cause) {
      this.#say(`the drill leaves something behind: ${causeOf(cause).message}`);
    }
  }
}

/**
 * Starts a server again that was ended. Somebody's connection may have been given its port meanwhile,
 * which it lets go of in a moment: then the server came up elsewhere, and is started once more.
 */
export async function startAgain(server: { restart(): Promise<void> }): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await server.restart();
      return;
    } catch (cause) {
      if (!(cause instanceof PipelineError) || attempt === RESTARTS_MAX) throw cause;
      await Bun.sleep(RESTART_MS);
    }
  }
}
