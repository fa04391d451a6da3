import type { StreamRecord } from '../model/event.ts';

/**
 * Kafka as Millrace needs it: a few verbs, which every driver in drivers/ provides and the
 * conformance suite holds them to. Errors are PipelineErrors of the KAFKA_ codes.
 */
export type StreamDriver = {
  readonly name: string;
  producer(settings: ConnectionSettings, options: ProducerOptions): Promise<Producer>;
  consumer(settings: ConnectionSettings, options: ConsumerOptions): Promise<Consumer>;
};

/** How to reach the brokers; the values of the KAFKA_ settings. */
export type ConnectionSettings = {
  brokers: readonly string[];
  clientId: string;
  tls?: { ca?: string; certificate?: string; key?: string; keyPassword?: string }; // PEM text
  sasl?: {
    mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    username: string;
    password: string;
  };
};

export type ProducerOptions = {
  lingerMs: number; // how long a record may wait for company
  compression: 'none' | 'lz4';
  inFlightMax: number; // records sent and not settled; `send` waits beyond it
  deliveryMsMax: number; // after this a record has failed for good
};

/** A record on its way out. Its partition follows from its key by murmur2, as Java clients have it. */
export type OutgoingRecord = {
  topic: string;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: readonly (readonly [name: string, value: Uint8Array | null])[]; // librdkafka sends null as empty
};

/**
 * What became of records handed to `send`, in total. `unknown` ones may or may not be in the topic
 * (the connection was lost at the wrong moment); `failed` ones are not.
 */
export type SendOutcome = { acked: number; failed: number; unknown: number; error?: Error };

export type Producer = {
  /** Settles once all of the records have an outcome; idempotent, acks from all in-sync replicas. */
  send(records: readonly OutgoingRecord[]): Promise<SendOutcome>;
  /** Waits for what is in flight, then closes. Never loses an acknowledged record. */
  close(): Promise<void>;
};

export type ConsumerOptions = {
  topic: string;
  group: string;
  instanceId?: string; // static membership: a restart under the same id causes no rebalance
  sessionMsMax: number; // a silent member loses its partitions after this
  fetchBytesMax: number; // of memory for records fetched ahead
  /**
   * A partition came or went. Told before records of a new one are received. `assigned` without any
   * tells that the group has dealt all of them to others.
   */
  onAssignment?: (kind: 'assigned' | 'revoked', partitions: readonly number[]) => void;
};

export type Consumer = {
  /**
   * Records of the partitions held, at most `max`, in the order of each partition; empty when none
   * came within `waitMs`. The first read of a partition starts at its committed offset, or at its
   * beginning. One call at a time.
   */
  receive(max: number, waitMs: number): Promise<StreamRecord[]>;
  /** Tells Kafka the next offsets to read: a hint, since PostgreSQL has the truth. */
  commit(positions: readonly { partition: number; next: number }[]): Promise<void>;
  /** Goes on reading a held partition at an offset. */
  seek(partition: number, offset: number): Promise<void>;
  /** Lets a pending `receive` end, leaves the group and closes. Safe at any moment, also twice. */
  close(): Promise<void>;
};
