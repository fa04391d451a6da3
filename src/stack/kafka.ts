import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import * as v from 'valibot';

import { setting, STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { composeKafkaUp, composeWorks } from './compose.ts';
import { readIfThere, writeWhole } from './files.ts';
import {
  brokerAddresses,
  brokerFolder,
  brokerPid,
  brokersSeenBy,
  endBrokers,
  PortTaken,
  startBrokers,
  type BrokerStart,
  type KafkaCluster,
} from './kafka-cluster.ts';
import { kafkaPackage, type KafkaPackage } from './kafka-package.ts';
import { newBrokers, uuid, type Broker } from './kafka-settings.ts';
import { withLock } from './lock.ts';
import { canListen } from './ports.ts';
import { portOpens, STATUS_MS_MAX } from './slow.ts';

const DEFAULT_DIR = join(STATE_DIR, 'kafka');
const LOCK_MS_MAX = 960_000; // longer than fetching Kafka may take
const BROKERS = 3;
const PORT_ATTEMPTS_MAX = 3;
const START: BrokerStart = { lifetime: 'daemon', heapMb: 384, quick: false };

/** A Kafka to work with, and how it came to run. */
export type RunningKafka = {
  kafkaBrokers: string; // host:port, separated by commas
  how: 'environment' | 'compose' | 'embedded';
  startedHere: boolean; // no broker ran before
  revived: number[]; // brokers started beside others that ran
};

export type BrokerStatus = {
  id: number;
  port: number;
  accepting: boolean;
  slow: boolean; // it listens, and has not answered in time
  pid?: number;
};

export type KafkaStatus = {
  running: boolean; // any broker
  accepting: boolean; // all of them, and each sees the others
  slow: boolean; // all run, and some have not answered in time
  dir: string;
  brokers: BrokerStatus[];
  kafkaBrokers?: string;
};

/** What is remembered between starts. */
const Memory = v.object({
  clusterId: v.string(),
  brokers: v.array(v.object({ id: v.number(), port: v.number(), controllerPort: v.number() })),
});

/** The Kafka the environment names; else docker compose's; else three brokers started here. */
export async function kafkaUp(): Promise<RunningKafka> {
  const named = setting('KAFKA_BROKERS');
  if (named) {
    return { kafkaBrokers: named, how: 'environment', startedHere: false, revived: [] };
  }
  if (composeWorks('kafka1')) return { ...composeKafkaUp(), how: 'compose', revived: [] };
  return embeddedKafkaUp();
}

/** Finds or starts the brokers of a state folder. They go on when this process ends. */
export async function embeddedKafkaUp(dir: string = DEFAULT_DIR): Promise<RunningKafka> {
  const folder = resolve(dir);
  const kafka = await kafkaPackage();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return withLock(join(folder, 'lock'), LOCK_MS_MAX, async () => {
    const known = recall(folder) ?? newCluster(folder);
    const missing = known.brokers.filter((broker) => brokerPid(known, broker) === undefined);
    const startedHere = missing.length === known.brokers.length;
    const cluster = await start(kafka, known, missing);
    return {
      kafkaBrokers: brokerAddresses(cluster.brokers),
      how: 'embedded',
      startedHere,
      revived: startedHere ? [] : missing.map(({ id }) => id),
    };
  });
}

/** Looks, changes nothing, and waits for an answer no longer than STATUS_MS_MAX. */
export async function kafkaStatus(dir: string = DEFAULT_DIR): Promise<KafkaStatus> {
  const folder = resolve(dir);
  const cluster = recall(folder);
  if (!cluster) return { running: false, accepting: false, slow: false, dir: folder, brokers: [] };
  const brokers = await Promise.all(
    cluster.brokers.map(async (broker) => {
      const pid = brokerPid(cluster, broker);
      const { id, port } = broker;
      const seen =
        pid === undefined ? 0 : await brokersSeenBy(broker, cluster.clusterId, STATUS_MS_MAX);
      const slow = pid !== undefined && seen === 0 && (await portOpens(port));
      const state: BrokerStatus = { id, port, accepting: seen > 0, slow };
      if (pid !== undefined) state.pid = pid;
      return { seen, state };
    }),
  );
  const running = brokers.some(({ state }) => state.pid !== undefined);
  return {
    running,
    accepting: brokers.every(({ seen }) => seen === cluster.brokers.length),
    slow:
      brokers.some(({ state }) => state.slow) &&
      brokers.every(({ state }) => state.slow || state.accepting),
    dir: folder,
    brokers: brokers.map(({ state }) => state),
    ...(running && { kafkaBrokers: brokerAddresses(cluster.brokers) }),
  };
}

/** Stops the brokers of a state folder, and says whether any ran. */
export async function kafkaDown(dir: string = DEFAULT_DIR): Promise<{ wasRunning: boolean }> {
  const folder = resolve(dir);
  if (!existsSync(folder)) return { wasRunning: false };
  return withLock(join(folder, 'lock'), LOCK_MS_MAX, async () => {
    const cluster = recall(folder);
    const runs = cluster?.brokers.some((broker) => brokerPid(cluster, broker) !== undefined);
    if (!cluster || !runs) return { wasRunning: false };
    await endBrokers(cluster, cluster.brokers, 'ask');
    return { wasRunning: true };
  });
}

/**
 * Starts what is missing. When somebody else has a port by now, the whole cluster moves: its
 * controllers must know each other's.
 */
async function start(
  kafka: KafkaPackage,
  cluster: KafkaCluster,
  missing: readonly Broker[],
  attemptsLeft = PORT_ATTEMPTS_MAX,
): Promise<KafkaCluster> {
  try {
    if (!missing.every(portsAreFree)) throw new PortTaken('a port is in use');
    await startBrokers(kafka, cluster, missing, START);
    return cluster;
  } catch (cause) {
    if (!(cause instanceof PortTaken)) throw cause;
    if (attemptsLeft === 0) {
      throw new PipelineError('STACK_FAILED', `Kafka did not start: ${cause.message}`, { cause });
    }
  }
  await endBrokers(cluster, cluster.brokers, 'ask');
  const moved = { ...cluster, brokers: newBrokers(BROKERS) };
  remember(moved);
  return start(kafka, moved, moved.brokers, attemptsLeft - 1);
}

function portsAreFree({ port, controllerPort }: Broker): boolean {
  return canListen(port) && canListen(controllerPort);
}

function newCluster(dir: string): KafkaCluster {
  const cluster = { dir, clusterId: uuid(), brokers: newBrokers(BROKERS) };
  const [first] = cluster.brokers;
  if (first && existsSync(join(brokerFolder(cluster, first), 'data'))) {
    const advice = `remove ${dir} to start anew`;
    throw new PipelineError('STACK_FAILED', `${dir}/cluster.json is lost: ${advice}`);
  }
  remember(cluster);
  return cluster;
}

function recall(dir: string): KafkaCluster | undefined {
  const text = readIfThere(join(dir, 'cluster.json'));
  return text === undefined ? undefined : { dir, ...v.parse(Memory, JSON.parse(text)) };
}

function remember({ dir, clusterId, brokers }: KafkaCluster): void {
  writeWhole(join(dir, 'cluster.json'), `${JSON.stringify({ clusterId, brokers })}\n`);
}
