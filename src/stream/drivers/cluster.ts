import { isIP } from 'node:net';
import {
  Connection,
  findCoordinatorV4,
  FindCoordinatorKeyTypes,
  metadataV12,
  ResponseError,
} from './protocol.ts';

import { PipelineError } from '../../base/errors.ts';
import { brokersOf, kafkaFailure, missingTopic } from '../failure.ts';
import type { ConnectionSettings } from '../port.ts';

const CONNECT_MS_MAX = 4_000;
const REQUEST_MS_MAX = 10_000; // a half-open link is found out by then
const REQUESTS_MAX = 100; // on the way on one connection
const METADATA_MS_MAX = 5_000; // age
const TOPIC_WAIT_MS = 2_000; // a topic just made is not known to every broker at once

/** A broker that there ought to be. */
export type BrokerState = { id: number; address: string | null; up: boolean };

type MetadataResponse = ReturnType<typeof metadataV12.parseResponse>;

/** Whom to ask for what: the brokers, the leaders of partitions, the coordinators of groups. */
export class Cluster {
  #settings: ConnectionSettings;
  #brokers = new Map<number, string>(); // address by node id
  #topics = new Map<string, { id: string; leaders: number[]; atMs: number }>();
  #shared = new Map<string, Promise<Connection>>();
  #closed = false;

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  /** A cluster that has answered, and that has the topic where one is named. */
  static async connect(settings: ConnectionSettings, topic?: string): Promise<Cluster> {
    const cluster = new Cluster(settings);
    try {
      await cluster.check(topic);
    } catch (cause) {
      await cluster.close();
      throw kafkaFailure(cause, `asking Kafka at ${brokersOf(settings)}`);
    }
    return cluster;
  }

  /** A connection of the caller's own, who closes it. */
  async open(address: string, requestMsMax = REQUEST_MS_MAX): Promise<Connection> {
    const { clientId, tls, sasl } = this.#settings;
    const split = address.lastIndexOf(':');
    const host = address.slice(0, split).replaceAll(/[[\]]/g, '');
    const connection = new Connection(clientId, {
      connectTimeout: CONNECT_MS_MAX,
      requestTimeout: requestMsMax,
      maxInflights: REQUESTS_MAX,
      ...(tls && {
        tls: { ca: tls.ca, cert: tls.certificate, key: tls.key, passphrase: tls.keyPassword },
        ...(isIP(host) === 0 && { tlsServerName: host }),
      }),
      ...(sasl && { sasl }),
    });
    // What went wrong is told to whoever waits for a reply; unheard it would end the process.
    connection.on('error', () => undefined);
    try {
      await connection.connect(host, Number(address.slice(split + 1)));
    } catch (cause) {
      void connection.close(); // nothing waits for it: it never opened
      throw kafkaFailure(cause, `connecting to Kafka at ${address}`);
    }
    if (!this.#closed) return connection;
    await connection.close();
    throw closedFailure();
  }

  /** A connection to a broker that everyone may use for requests that are answered at once. */
  async to(address: string): Promise<Connection> {
    const known = this.#shared.get(address);
    if (known !== undefined) {
      const connection = await known;
      if (connection.isConnected()) return connection;
      if (this.#shared.get(address) === known) this.#shared.delete(address);
      return await this.to(address);
    }
    if (this.#closed) throw closedFailure();
    const opening = this.open(address);
    this.#shared.set(address, opening);
    try {
      return await opening;
    } catch (cause) {
      this.#shared.delete(address);
      throw cause;
    }
  }

  /** Any broker that answers. */
  async any(): Promise<Connection> {
    const failures: PipelineError[] = [];
    for (const address of new Set([...this.#brokers.values(), ...this.#settings.brokers])) {
      try {
        return await this.to(address);
      } catch (cause) {
        failures.push(kafkaFailure(cause, `connecting to Kafka at ${address}`));
      }
    }
    const denied = failures.find(({ code }) => code === 'KAFKA_DENIED');
    if (denied !== undefined) throw denied;
    throw kafkaFailure(failures[0], `connecting to Kafka at ${brokersOf(this.#settings)}`);
  }

  /** How many partitions a topic has. */
  async partitions(topic: string): Promise<number> {
    return (await this.#topic(topic)).leaders.length;
  }

  /** The id that Kafka gave the topic when it was made, as it was described last. */
  async topicId(topic: string): Promise<string> {
    return (await this.#topic(topic)).id;
  }

  /** The address of the broker that leads a partition. */
  async leader(topic: string, partition: number): Promise<string> {
    const leader = (await this.#topic(topic)).leaders[partition] ?? -1;
    const address = this.#brokers.get(leader);
    if (address !== undefined) return address;
    this.forget(topic);
    throw new PipelineError('KAFKA_UNREACHABLE', `${topic} ${partition} has no leader just now`, {
      retryable: true,
    });
  }

  /** Which of these topics there are. */
  async existing(topics: readonly string[]): Promise<Set<string>> {
    const connection = await this.any();
    const asked = topics.map((topic) =>
      metadataV12.api.async(connection, [topic], false, false).then(
        () => topic,
        (cause: unknown) => {
          if (brokerCode(cause) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw cause;
          return undefined;
        },
      ),
    );
    const found = await Promise.all(asked);
    return new Set(found.filter((topic) => topic !== undefined));
  }

  /** The addresses of all brokers, by node id. */
  async brokers(): Promise<Map<number, string>> {
    await this.#describe([]);
    return this.#brokers;
  }

  /**
   * The brokers that are up, and those that keep replicas of these topics and are not. The first of
   * them that answers is believed: a mute one is passed over.
   */
  async brokerStates(topics: readonly string[]): Promise<BrokerState[]> {
    const { brokers, topics: described } = await this.#describeByAny(topics);
    this.#brokers = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
    const partitions = described.flatMap((topic) => topic.partitions);
    const replicas = partitions.flatMap(({ replicaNodes }) => replicaNodes);
    const ids = [...new Set([...this.#brokers.keys(), ...replicas])].toSorted((a, b) => a - b);
    return ids.map((id) => {
      const address = this.#brokers.get(id) ?? null;
      return { id, address, up: address !== null };
    });
  }

  /** What was known of a topic has proved wrong. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /** The address of the broker that keeps a group. */
  async coordinator(group: string): Promise<string> {
    const { coordinators } = await findCoordinatorV4.api.async(
      await this.any(),
      FindCoordinatorKeyTypes.GROUP,
      [group],
    );
    const [found] = coordinators;
    if (found !== undefined) return `${found.host}:${found.port}`;
    throw new PipelineError('KAFKA_UNREACHABLE', `group ${group} has no coordinator just now`, {
      retryable: true,
    });
  }

  /** Throws KAFKA_UNREACHABLE or KAFKA_DENIED within 10 s, and KAFKA_FAILED for a missing topic. */
  async check(topic?: string): Promise<void> {
    if (topic === undefined) await this.any();
    else await this.#topic(topic);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opening = [...this.#shared.values()];
    this.#shared.clear();
    // One that never opened needs no closing.
    await Promise.allSettled(opening.map(async (connection) => (await connection).close()));
  }

  async #topic(topic: string): Promise<{ id: string; leaders: number[] }> {
    const startedMs = performance.now();
    for (;;) {
      const known = this.#topics.get(topic);
      if (known !== undefined && performance.now() - known.atMs < METADATA_MS_MAX) {
        return known;
      }
      try {
        await this.#describe([topic]);
      } catch (cause) {
        if (brokerCode(cause) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw cause;
        if (performance.now() - startedMs > TOPIC_WAIT_MS) throw missingTopic(topic, cause);
        await Bun.sleep(100);
      }
    }
  }

  async #describeByAny(topics: readonly string[]): Promise<MetadataResponse> {
    let failure: unknown;
    for (const address of new Set([...this.#brokers.values(), ...this.#settings.brokers])) {
      try {
        const connection = await this.to(address);
        return await metadataV12.api.async(connection, [...topics], false, false).catch(responseOf);
      } catch (cause) {
        failure ??= cause;
        const mute = this.#shared.get(address);
        this.#shared.delete(address);
        void mute?.then((connection) => connection.close()).catch(() => undefined); // it may be gone
      }
    }
    throw kafkaFailure(failure, `asking Kafka at ${brokersOf(this.#settings)} for its brokers`);
  }

  async #describe(topics: string[]): Promise<void> {
    const response = await metadataV12.api
      .async(await this.any(), topics, false, false)
      .catch(describedAnyway)
      .catch(withoutCode);
    this.#brokers = new Map(
      response.brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]),
    );
    for (const { name, topicId, partitions } of response.topics) {
      const leaders: number[] = [];
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
      if (name) this.#topics.set(name, { id: topicId, leaders, atMs: performance.now() });
    }
  }
}

/** A partition without a leader is an error to the client; what is known of the others counts. */
function describedAnyway(cause: unknown): MetadataResponse {
  if (brokerCode(cause) !== 'LEADER_NOT_AVAILABLE') throw cause;
  return responseOf(cause);
}

/** What the broker has not answered with a code of its own is the connection's fault. */
function withoutCode(cause: unknown): never {
  throw brokerCode(cause) === undefined
    ? kafkaFailure(cause, 'asking Kafka for its topics')
    : cause;
}

/** What was answered of the topics and brokers that nothing is wrong with. */
function responseOf(cause: unknown): MetadataResponse {
  const response: unknown = cause instanceof ResponseError && Reflect.get(cause, 'response');
  if (isMetadata(response)) return response;
  throw cause;
}

const isMetadata = (value: unknown): value is MetadataResponse =>
  value instanceof Object && 'topics' in value && 'brokers' in value;

/** The broker's own name for an error, such as NOT_LEADER_OR_FOLLOWER. */
export function brokerCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  if ('apiId' in cause && typeof cause.apiId === 'string') return cause.apiId;
  if (!(cause instanceof AggregateError)) return undefined;
  for (const error of cause.errors) {
    const code = brokerCode(error);
    if (code !== undefined) return code;
  }
  return undefined;
}

function closedFailure(): PipelineError {
  return new PipelineError('KAFKA_FAILED', 'this connection to Kafka has been closed');
}
