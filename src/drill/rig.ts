import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { temporary, type Temporary } from '../stack/temporary.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { temporaryRedis, type TemporaryRedis } from '../stack/temporary-redis.ts';
import { withClient } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { connectAdmin, type StreamAdmin } from '../stream/admin.ts';

const RESTARTS_MAX = 20;
const RESTART_MS = 500;

/** The servers that drills strike: their own, thrown away at the end. */
export type Rig = {
  postgres: Temporary;
  redis: TemporaryRedis;
  kafka: TemporaryKafka;
  admin: StreamAdmin;
  folder: string; // logs of the processes, and the ledger
  ledger: string;
  /** What must be undone even if this process is ended at once; returns what takes that back. */
  atExit(undo: () => void): () => void;
  /** Ends all servers; what they held is gone, and the folder too unless `keepLogs`. */
  stop(keepLogs: boolean): Promise<void>;
};

/** PostgreSQL with the schema, Redis, and three brokers with the topics, on free ports. */
export async function startRig(): Promise<Rig> {
  mkdirSync(STATE_DIR, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(STATE_DIR, 'drill-'));
  const undoes = new Set<() => void>();
  const endAtOnce = (): void => {
    for (const undo of undoes) undo();
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', endAtOnce);
  const started = await Promise.allSettled([temporary(), temporaryRedis(), temporaryKafka()]);
  const [postgres, redis, kafka] = started;
  const stopServers = async (): Promise<void> => {
    const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    if (postgres.status === 'rejected') throw postgres.reason;
    if (redis.status === 'rejected') throw redis.reason;
    if (kafka.status === 'rejected') throw kafka.reason;
    const brokers = kafka.value.kafkaBrokers.split(',');
    await withClient(postgres.value.databaseUrl, migrate);
    const admin = await connectAdmin({ brokers, clientId: 'millrace drill' });
    await admin.ensureTopics();
    return {
      postgres: postgres.value,
      redis: redis.value,
      kafka: kafka.value,
      admin,
      folder,
      ledger: join(folder, 'ledger.ndjson'),
      atExit(undo) {
        undoes.add(undo);
        return () => void undoes.delete(undo);
      },
      async stop(keepLogs) {
        await admin.close();
        await stopServers();
        process.off('exit', endAtOnce);
        if (!keepLogs) endAtOnce();
      },
    };
  } catch (cause) {
    await stopServers();
    process.off('exit', endAtOnce);
    endAtOnce();
    throw cause;
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
