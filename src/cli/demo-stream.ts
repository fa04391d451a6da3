import { duration, say } from '../base/terminal.ts';
import { isNotAvailable } from '../stack/stack.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { temporaryRedis, type TemporaryRedis } from '../stack/temporary-redis.ts';
import type { Audit } from '../analyse/audit.ts';
import type { SuiteStatus } from '../suite/status.ts';

/** What the live part of the demo came to; `skipped` says why it did not run. */
export type StreamDemo =
  | { skipped: string }
  | { skipped: null; status: SuiteStatus; audit: Audit; text: string };

const SECONDS = 20;
const ORDERS_A_SECOND = 500;

/**
 * The whole suite on three brokers and a Redis of the demo's own, for twenty seconds, then the audit.
 * What cannot run on this machine is said in one line, and the rest of the demo stands.
 */
export async function streamDemo(databaseUrl: string, signal: AbortSignal): Promise<StreamDemo> {
  let kafka: TemporaryKafka | undefined;
  let redis: TemporaryRedis | undefined;
  try {
    say(`\nstarting Redis and three Kafka brokers, to stream for ${SECONDS} s`);
    redis = await temporaryRedis();
    kafka = await temporaryKafka();
    return await stream(databaseUrl, kafka.kafkaBrokers, redis.redisUrl, signal);
  } catch (cause) {
    if (!isNotAvailable(cause)) throw cause;
    return { skipped: `no streaming here: ${cause.message}` };
  } finally {
    await Promise.all([kafka?.stop(), redis?.stop()]);
  }
}

/** Imported when it is needed: the Kafka client takes its time. */
async function stream(
  databaseUrl: string,
  brokers: string,
  redisUrl: string,
  signal: AbortSignal,
): Promise<StreamDemo> {
  const { audit } = await import('../analyse/audit.ts');
  const { renderAudit } = await import('../analyse/audit-text.ts');
  const { withRedis } = await import('../cache/client.ts');
  const { withClient } = await import('../store/client.ts');
  const { connectAdmin } = await import('../stream/admin.ts');
  const { connectionSettings } = await import('../stream/connection.ts');
  const { chooseParts } = await import('../suite/catalogue.ts');
  const { configFromEnvironment } = await import('../suite/config.ts');
  const { statusLine } = await import('../suite/status.ts');
  const { Suite } = await import('../suite/suite.ts');
  const { runSuite } = await import('./workers.ts');

  const kafka = { ...connectionSettings('millrace demo', brokers), brokers: brokers.split(',') };
  const admin = await connectAdmin(kafka);
  const suite = new Suite({ specs: chooseParts([]), address: { host: '127.0.0.1', port: 0 } });
  try {
    await admin.ensureTopics();
    const known = { databaseUrl, redisUrl, kafka, rate: ORDERS_A_SECOND, memberId: null };
    const config = configFromEnvironment(known);
    const status = await runSuite(suite, config, { signal, seconds: SECONDS });
    const found = await withClient(databaseUrl, (client) =>
      withRedis(redisUrl, (redis) => audit(client, admin, { redis })),
    );
    const text = `streamed for ${duration(status.seconds)}: ${statusLine(status, null)}\n\n${renderAudit(found)}`;
    return { skipped: null, status, audit: found, text };
  } finally {
    await suite.close();
    await admin.close();
  }
}
