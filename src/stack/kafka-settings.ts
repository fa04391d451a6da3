import { randomBytes } from 'node:crypto';

import { freePorts } from './ports.ts';

/** One broker, which is a controller too. */
export type Broker = { id: number; port: number; controllerPort: number };

const DAYS_KEPT = 7;
const MB = 1024 * 1024;

/** Brokers 1 to `count`, on ports that were free a moment ago. */
export function newBrokers(count: number): Broker[] {
  const ports = freePorts(2 * count);
  return Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    port: ports[2 * i] ?? 0,
    controllerPort: ports[2 * i + 1] ?? 0,
  }));
}

/**
 * A broker of a small cluster on one machine. Its topics are as safe as the number of brokers
 * allows: with three, a record is acknowledged by two, and one broker may be away.
 */
export function brokerSettings(
  broker: Broker,
  all: readonly Broker[],
  data: string,
): Record<string, string | number> {
  const replicas = Math.min(3, all.length);
  const replicasMin = Math.min(2, replicas);
  const voters = all.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`);
  const plain = `PLAINTEXT://127.0.0.1:${broker.port}`;
  return {
    'process.roles': 'broker,controller',
    'node.id': broker.id,
    listeners: `${plain},CONTROLLER://127.0.0.1:${broker.controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': voters.join(','), // fixed, so ports may change between starts
    'log.dirs': data,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': replicasMin,
    'num.partitions': 3,
    'log.retention.hours': DAYS_KEPT * 24,
    'message.max.bytes': 2 * MB, // a value of 1 MiB, which is the wire's limit, and its frame
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': replicasMin,
    'transaction.state.log.num.partitions': 3,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': replicasMin,
    'share.coordinator.state.topic.num.partitions': 3,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    // A killed broker is missed, and may come back, after five seconds instead of nine.
    'broker.session.timeout.ms': 5_000,
    'broker.heartbeat.interval.ms': 1_000,
    'log.cleaner.dedupe.buffer.size': 4 * MB, // on the heap, and 128 MB by default
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
  };
}

/** A Java properties file. Values here need no escapes but that of the backslash. */
export function settingsFile(settings: Record<string, string | number>): string {
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name}=${String(value).replaceAll('\\', '\\\\')}\n`,
  );
  return `# Written at every start.\n${lines.join('')}`;
}

/** A UUID as Kafka writes it: 16 bytes in URL-safe base64, and not taken for an option. */
export function uuid(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f; // a first character other than '-' or '_'
  return bytes.toString('base64url');
}
