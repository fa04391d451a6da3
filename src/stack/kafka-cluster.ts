import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { monotonicMs } from '../base/clock.ts';
import { childEnvironment } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { writeWhole } from './files.ts';
import { jvmOptions, type KafkaPackage } from './kafka-package.ts';
import { brokerSettings, settingsFile, uuid, type Broker } from './kafka-settings.ts';
import {
  becomes,
  boundTo,
  lastLines,
  processesOf,
  rotateLog,
  sendSignal,
  spawnServer,
  type Lifetime,
} from './processes.ts';

const READY_MS_MAX = 120_000; // a crashed broker reads its logs again first
const ANSWER_MS_MAX = 2_000;
const POLL_MS = 50;
const STOP_MS_MAX = 20_000;
const KILL_MS_MAX = 10_000;
const STOP_POLL_MS = 50;

/** A cluster on disk: a folder for each broker, `broker1` and so on. */
export type KafkaCluster = {
  dir: string; // absolute
  clusterId: string;
  brokers: Broker[];
};

export type BrokerStart = {
  lifetime: Lifetime;
  heapMb: number;
  quick: boolean; // compile little: a third less work at a start, and less speed afterwards
  settings?: Record<string, string | number>; // over those of brokerSettings
};

/** A port was taken by somebody else between the choice and the start. */
export class PortTaken extends Error {
  override name = 'PortTaken';
}

export function brokerAddresses(brokers: readonly Broker[]): string {
  return brokers.map(({ port }) => `127.0.0.1:${port}`).join(',');
}

export function brokerFolder({ dir }: KafkaCluster, { id }: Broker): string {
  return join(dir, `broker${id}`);
}

export function brokerLog(cluster: KafkaCluster, broker: Broker): string {
  return join(brokerFolder(cluster, broker), 'kafka.log');
}

/** The broker's process, whether it answers or not. */
export function brokerPid(cluster: KafkaCluster, broker: Broker): number | undefined {
  return processesOf('java', settingsPath(cluster, broker))[0];
}

/**
 * Starts those brokers and waits until each sees the whole cluster, `all` of it. Throws PortTaken
 * when a port is somebody else's; brokers that did start then go on.
 */
export async function startBrokers(
  kafka: KafkaPackage,
  cluster: KafkaCluster,
  brokers: readonly Broker[],
  options: BrokerStart,
): Promise<void> {
  const started = brokers.map((broker) => spawnBroker(kafka, cluster, broker, options));
  const end = monotonicMs() + READY_MS_MAX;
  for (const broker of cluster.brokers) {
    while ((await brokersSeenBy(broker, cluster.clusterId)) < cluster.brokers.length) {
      const failed = started.find(({ child }) => child.exitCode !== null || child.signalCode);
      if (failed) throw ended(brokerLog(cluster, failed.broker), failed.logStart);
      if (monotonicMs() > end) throw mute(cluster, broker);
      await Bun.sleep(POLL_MS);
    }
  }
}

/** How many brokers of that cluster one broker knows to be up; 0 if it does not answer. */
export async function brokersSeenBy(
  { port }: Broker,
  clusterId: string,
  msMax = ANSWER_MS_MAX,
): Promise<number> {
  // Loading it takes half a second, which commands without Kafka need not spend.
  const { Admin } = await import('@platformatic/kafka');
  const admin = new Admin({
    clientId: 'millrace-stack',
    bootstrapBrokers: [`127.0.0.1:${port}`],
    connectTimeout: msMax,
    timeout: msMax,
    requestTimeout: msMax,
    retries: 0,
  });
  try {
    const { id, brokers } = await admin.metadata({ topics: [] });
    return id === clusterId ? brokers.size : 0;
  } catch {
    return 0;
  } finally {
    await admin.close().catch(ignore);
  }
}

/**
 * Asks brokers to end and waits until they are gone. The last ones wait in vain for the others,
 * long after their data are safe on disk, so a broker is killed once it says that they are.
 */
export async function endBrokers(
  cluster: KafkaCluster,
  brokers: readonly Broker[],
  how: 'ask' | 'kill',
): Promise<void> {
  const running = (): Broker[] => brokers.filter((broker) => brokerPid(cluster, broker));
  if (how === 'ask') {
    signal(cluster, running(), 'SIGTERM');
    const end = monotonicMs() + STOP_MS_MAX;
    while (running().length > 0 && monotonicMs() < end) {
      const safe = running().filter((broker) => existsSync(cleanMark(cluster, broker)));
      if (safe.length === running().length) break;
      await Bun.sleep(STOP_POLL_MS);
    }
  }
  signal(cluster, running(), 'SIGKILL');
  if (await becomes(() => running().length === 0, KILL_MS_MAX)) return;
  const names = running().map((broker) => `${broker.id} (process ${brokerPid(cluster, broker)})`);
  throw new PipelineError('STACK_FAILED', `Kafka's broker ${names.join(', ')} does not stop`);
}

export function signal(
  cluster: KafkaCluster,
  brokers: readonly Broker[],
  name: NodeJS.Signals,
): void {
  for (const broker of brokers) {
    const pid = brokerPid(cluster, broker);
    if (pid !== undefined) sendSignal(pid, name);
  }
}

/** Starts one broker, which must not run, without waiting for it. */
function spawnBroker(
  kafka: KafkaPackage,
  cluster: KafkaCluster,
  broker: Broker,
  options: BrokerStart,
): { broker: Broker; child: Bun.Subprocess; logStart: number } {
  const folder = brokerFolder(cluster, broker);
  const data = join(folder, 'data');
  const temporary = join(folder, 'tmp');
  rmSync(temporary, { recursive: true, force: true }); // libraries that a killed broker unpacked
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  if (!existsSync(data)) format(kafka, cluster, broker, data);
  const settings = { ...brokerSettings(broker, cluster.brokers, data), ...options.settings };
  writeWhole(settingsPath(cluster, broker), settingsFile(settings));
  const logStart = rotateLog(brokerLog(cluster, broker));
  const argv = [
    kafka.java.path,
    ...jvmOptions(temporary, options.heapMb),
    ...(options.quick ? ['-XX:TieredStopAtLevel=1'] : []),
    ...(kafka.archive === undefined ? [] : [`-XX:SharedArchiveFile=${kafka.archive}`]),
    'kafka.Kafka',
    settingsPath(cluster, broker),
  ];
  const child = spawnServer({
    argv: boundTo(options.lifetime, 'KILL', argv),
    cwd: folder,
    log: brokerLog(cluster, broker),
    env: childEnvironment({ CLASSPATH: kafka.classpath }),
  });
  return { broker, child, logStart };
}

/**
 * Makes a broker's log folder as Kafka's own tool does, from a copy of what that has once made:
 * only the ids differ. It grows under another name, so it is never half-made.
 */
function format(kafka: KafkaPackage, cluster: KafkaCluster, broker: Broker, data: string): void {
  const half = `${data}.new`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true, mode: 0o700 });
  copyFileSync(kafka.bootstrap, join(half, 'bootstrap.checkpoint'));
  const ids = { version: 1, 'cluster.id': cluster.clusterId, 'node.id': broker.id };
  writeFileSync(join(half, 'meta.properties'), settingsFile({ ...ids, 'directory.id': uuid() }));
  renameSync(half, data);
}

function ended(log: string, logStart: number): Error {
  const said = readFileSync(log).subarray(logStart).toString();
  if (said.includes('Address already in use')) return new PortTaken(lastLines(said));
  const message = `Kafka did not start. The end of ${log}:\n${lastLines(said)}`;
  return new PipelineError('STACK_FAILED', message);
}

function mute(cluster: KafkaCluster, broker: Broker): PipelineError {
  return new PipelineError(
    'STACK_FAILED',
    `Kafka's broker ${broker.id} does not join the others; its log is ${brokerLog(cluster, broker)}`,
  );
}

/** The file that tells Kafka's next start that this one ended in order. */
function cleanMark(cluster: KafkaCluster, broker: Broker): string {
  return join(brokerFolder(cluster, broker), 'data', '.kafka_cleanshutdown');
}

function settingsPath(cluster: KafkaCluster, broker: Broker): string {
  return join(brokerFolder(cluster, broker), 'server.properties');
}

function ignore(): void {}
