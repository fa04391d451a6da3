import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { monotonicMs } from '../base/clock.ts';
import { STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { guard, isGuarded, newHome, removeHome } from './homes.ts';
import {
  brokerAddresses,
  brokerLog,
  brokerPid,
  endBrokers,
  PortTaken,
  signal,
  startBrokers,
  type BrokerStart,
  type KafkaCluster,
} from './kafka-cluster.ts';
import { kafkaPackage, type KafkaPackage } from './kafka-package.ts';
import { newBrokers, uuid, type Broker } from './kafka-settings.ts';

const PORT_ATTEMPTS_MAX = 5;
const RESTART_MS_MAX = 15_000;
const RETRY_MS = 250;
const BROKERS_MAX = 3;

export type TemporaryKafkaOptions = {
  brokers?: 1 | 3; // 3 unless told
  settings?: Record<string, string | number>; // over those of src/stack/kafka-settings.ts
  heapMb?: number; // of each broker
  quick?: boolean; // false for benches: brokers that take longer to start, and run faster
  stateDir?: string; // where folders and locks are kept
};

/** One broker of a temporary cluster. */
export type TemporaryBroker = {
  readonly id: number;
  readonly address: string; // host:port, the same over restarts
  readonly log: string;
  /** Undefined while it does not run; changes with a restart. */
  readonly pid: number | undefined;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Ends it in order: it hands over what it leads first. */
  end(): Promise<void>;
  /** Makes it mute without ending it: connections stay open, and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it if it runs, starts it, and waits until the brokers that run see each other. */
  restart(): Promise<void>;
};

/** A cluster for tests, benches and drills. */
export type TemporaryKafka = {
  readonly kafkaBrokers: string; // host:port, separated by commas; the same over restarts
  readonly brokers: readonly TemporaryBroker[];
  /** Ends all brokers, and removes all they have left. */
  stop(): Promise<void>;
};

/**
 * Starts a cluster of its own, which ends with this thread even if that is killed (on Linux;
 * elsewhere the next call ends it). Folders of owners that were killed are swept first.
 */
export async function temporaryKafka(options: TemporaryKafkaOptions = {}): Promise<TemporaryKafka> {
  const stateDir = resolve(options.stateDir ?? STATE_DIR);
  const kafka = await kafkaPackage();
  const parent = join(stateDir, 'tmp-data');
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const { home } = await newHome(join(stateDir, 'tmp-kafka'), endLeft, async () => ({ parent }));
  let cluster = clusterIn(home.base, []);
  guard(home, () => signal(cluster, cluster.brokers, 'SIGKILL'));
  const stop = async (): Promise<void> => {
    if (!isGuarded(home)) return; // it is gone already
    await endBrokers(cluster, cluster.brokers, 'kill');
    removeHome(home);
  };
  const start: BrokerStart = {
    lifetime: 'process',
    heapMb: options.heapMb ?? 256,
    quick: options.quick ?? true,
    settings: options.settings ?? {},
  };
  try {
    for (let attempt = 1; ; attempt++) {
      cluster = clusterIn(home.base, newBrokers(options.brokers ?? BROKERS_MAX));
      if (await starts(kafka, cluster, cluster.brokers, start)) break;
      await endBrokers(cluster, cluster.brokers, 'kill');
      if (attempt === PORT_ATTEMPTS_MAX) throw portsTaken(cluster);
    }
  } catch (cause) {
    await stop();
    throw cause;
  }
  return {
    kafkaBrokers: brokerAddresses(cluster.brokers),
    brokers: cluster.brokers.map((broker) => handle(kafka, cluster, broker, start)),
    stop,
  };
}

function handle(
  kafka: KafkaPackage,
  cluster: KafkaCluster,
  broker: Broker,
  start: BrokerStart,
): TemporaryBroker {
  return {
    id: broker.id,
    address: brokerAddresses([broker]),
    log: brokerLog(cluster, broker),
    get pid() {
      return brokerPid(cluster, broker);
    },
    kill: () => endBrokers(cluster, [broker], 'kill'),
    end: () => endBrokers(cluster, [broker], 'ask'),
    pause: () => signal(cluster, [broker], 'SIGSTOP'),
    resume: () => signal(cluster, [broker], 'SIGCONT'),
    async restart() {
      await endBrokers(cluster, [broker], 'kill');
      const end = monotonicMs() + RESTART_MS_MAX;
      // A client's connection may have been given the port meanwhile, and let it go in a moment.
      while (!(await starts(kafka, cluster, [broker], start))) {
        if (monotonicMs() > end) throw portsTaken(cluster);
        await Bun.sleep(RETRY_MS);
      }
    },
  };
}

/** False if somebody else has a port of theirs. */
async function starts(
  kafka: KafkaPackage,
  cluster: KafkaCluster,
  brokers: readonly Broker[],
  start: BrokerStart,
): Promise<boolean> {
  try {
    await startBrokers(kafka, cluster, brokers, start);
    return true;
  } catch (cause) {
    if (cause instanceof PortTaken) return false;
    throw cause;
  }
}

async function endLeft(base: string): Promise<void> {
  const brokers = Array.from({ length: BROKERS_MAX }, (_, i) => ({
    id: i + 1,
    port: 0,
    controllerPort: 0,
  }));
  await endBrokers(clusterIn(base, brokers), brokers, 'kill');
}

function clusterIn(dir: string, brokers: Broker[]): KafkaCluster {
  return { dir, clusterId: uuid(), brokers };
}

function portsTaken({ dir }: KafkaCluster): PipelineError {
  return new PipelineError('STACK_FAILED', `the ports of the Kafka in ${dir} are in use`);
}
