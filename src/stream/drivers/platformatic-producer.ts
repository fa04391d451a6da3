import { initProducerIdV4, ProduceAcks, produceV9, Writer, type Connection } from './protocol.ts';

import { wallClock } from '../../base/clock.ts';
import { PipelineError } from '../../base/errors.ts';
import { kafkaFailure } from '../failure.ts';
import type {
  ConnectionSettings,
  OutgoingRecord,
  Producer,
  ProducerOptions,
  SendOutcome,
} from '../port.ts';
import { Room } from '../room.ts';
import { brokerCode, Cluster } from './cluster.ts';
import { partitionOf } from './murmur2.ts';
import { encodeBatch, recordSizeMax, type BatchIdentity } from './record-batch.ts';

const BATCH_BYTES_MAX = 900 * 1_024; // below what a broker takes by default, headers included
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1_000;
const PRODUCE_KEY = 0;
const SEQUENCE_MASK = 0x7fffffff; // sequences go on from 0 after 2^31 - 1

/** Answers by which a broker says that the batch is not in its log, and may be sent again. */
const NOT_APPENDED = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'NOT_ENOUGH_REPLICAS',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'COORDINATOR_LOAD_IN_PROGRESS',
]);
/** Answers after which the batch may be in the log. */
const MAYBE_APPENDED = new Set(['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND']);
/** Answers by which a broker says that it does not know the producer as it describes itself. */
const STRANGER = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);

export async function platformaticProducer(
  settings: ConnectionSettings,
  options: ProducerOptions,
): Promise<Producer> {
  return new LaneProducer(await Cluster.connect(settings), options);
}

/**
 * One lane a partition, with one batch on its way in each, so that order within a key holds whatever
 * is repeated. Every lane is a producer of its own to the brokers: the client's Producer shares one
 * identity among partitions, sends what belongs to several leaders in one request, and neither
 * settles nor keeps order when a broker dies at the wrong moment.
 */
class LaneProducer implements Producer {
  #cluster: Cluster;
  #options: ProducerOptions;
  #topics = new Map<string, Lane[]>();
  #roundRobin = 0; // for records without a key
  #room: Room;
  #closing: Promise<void> | undefined;

  constructor(cluster: Cluster, options: ProducerOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#room = new Room(options.inFlightMax);
  }

  async send(records: readonly OutgoingRecord[]): Promise<SendOutcome> {
    if (this.#closing) throw new PipelineError('KAFKA_FAILED', 'this producer has been closed');
    const outcome = new Outcome(records.length);
    if (records.length === 0) return await outcome.settled;
    await this.#room.enter(records.length, () => this.#hand(records, outcome));
    const settled = await outcome.settled;
    this.#room.leave(records.length);
    return settled;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#room.settled();
    await Promise.all([...this.#topics.values()].flat().map((lane) => lane.drained()));
    await this.#cluster.close();
  }

  async #hand(records: readonly OutgoingRecord[], outcome: Outcome): Promise<void> {
    const parts = new Map<Lane, OutgoingRecord[]>();
    for (const record of records) {
      try {
        const lanes = this.#topics.get(record.topic) ?? (await this.#openLanes(record.topic));
        const lane = lanes[this.#partition(record, lanes.length)];
        const part = parts.get(lane);
        if (part) part.push(record);
        else parts.set(lane, [record]);
      } catch (cause) {
        outcome.add('failed', 1, kafkaFailure(cause, `sending to ${record.topic}`));
      }
    }
    for (const [lane, part] of parts) lane.push(part, outcome);
  }

  #partition({ key }: OutgoingRecord, partitions: number): number {
    return key === null ? this.#roundRobin++ % partitions : partitionOf(key, partitions);
  }

  async #openLanes(topic: string): Promise<Lane[]> {
    const partitions = await this.#cluster.partitions(topic);
    const lanes = Array.from(
      { length: partitions },
      (_, partition) => new Lane(this.#cluster, topic, partition, this.#options),
    );
    this.#topics.set(topic, lanes);
    return lanes;
  }
}

/** Counts what becomes of the records of one `send`. */
class Outcome {
  readonly settled: Promise<SendOutcome>;
  #sum: SendOutcome = { acked: 0, failed: 0, unknown: 0 };
  #left: number;
  #resolve: (outcome: SendOutcome) => void;

  constructor(records: number) {
    const { promise, resolve } = Promise.withResolvers<SendOutcome>();
    this.settled = promise;
    this.#resolve = resolve;
    this.#left = records;
    if (records === 0) resolve(this.#sum);
  }

  add(kind: 'acked' | 'failed' | 'unknown', records: number, error?: Error): void {
    this.#sum[kind] += records;
    this.#left -= records;
    if (error) this.#sum.error ??= error;
    if (this.#left === 0) this.#resolve(this.#sum);
  }
}

/** Records of one `send` that wait in a lane. */
type Part = { records: OutgoingRecord[]; at: number; outcome: Outcome };

/** What goes into a batch, and whom to tell. */
type Load = { records: OutgoingRecord[]; told: { records: number; outcome: Outcome }[] };

class Lane {
  #cluster: Cluster;
  #topic: string;
  #partition: number;
  #options: ProducerOptions;
  #waiting: Part[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;
  #full: (() => void) | undefined; // ends the wait for company
  #identity: BatchIdentity | undefined;

  constructor(cluster: Cluster, topic: string, partition: number, options: ProducerOptions) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#partition = partition;
    this.#options = options;
  }

  push(records: OutgoingRecord[], outcome: Outcome): void {
    this.#waiting.push({ records, at: 0, outcome });
    for (const record of records) this.#waitingBytes += recordSizeMax(record);
    if (this.#waitingBytes >= BATCH_BYTES_MAX) this.#full?.();
    this.#running ??= this.#run();
  }

  async drained(): Promise<void> {
    while (this.#running) {
      this.#full?.();
      await this.#running;
    }
  }

  async #run(): Promise<void> {
    await this.#linger();
    while (this.#waiting.length > 0) await this.#deliver(this.#load());
    this.#running = undefined;
  }

  async #linger(): Promise<void> {
    if (this.#options.lingerMs <= 0 || this.#waitingBytes >= BATCH_BYTES_MAX) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#options.lingerMs);
      this.#full = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#full = undefined;
  }

  /** As many waiting records as a batch takes, at least one. */
  #load(): Load {
    const load: Load = { records: [], told: [] };
    let bytes = 0;
    while (this.#waiting.length > 0) {
      const [part] = this.#waiting;
      const from = part.at;
      for (; part.at < part.records.length; part.at++) {
        const record = part.records[part.at];
        const size = recordSizeMax(record);
        if (bytes > 0 && bytes + size > BATCH_BYTES_MAX) break;
        bytes += size;
        load.records.push(record);
      }
      if (part.at > from) load.told.push({ records: part.at - from, outcome: part.outcome });
      if (part.at < part.records.length) break;
      this.#waiting.shift();
    }
    this.#waitingBytes -= bytes;
    return load;
  }

  async #deliver(load: Load): Promise<void> {
    try {
      const verdict = await this.#attempt(load.records);
      if (verdict.kind === 'split') {
        for (const half of halves(load)) await this.#deliver(half);
        return;
      }
      // Nobody knows which sequence the brokers expect next; a new identity starts from 0.
      if (verdict.kind === 'unknown') this.#identity = undefined;
      for (const { records, outcome } of load.told) {
        outcome.add(verdict.kind, records, verdict.error);
      }
    } catch (cause) {
      const error = kafkaFailure(cause, `sending to ${this.#topic} ${this.#partition}`);
      this.#identity = undefined;
      for (const { records, outcome } of load.told) outcome.add('unknown', records, error);
    }
  }

  /** Sends a batch until it is known to be in or out, or the time is up. */
  async #attempt(records: OutgoingRecord[]): Promise<Verdict> {
    const doing = `sending to ${this.#topic} ${this.#partition}`;
    const deadlineMs = performance.now() + this.#options.deliveryMsMax;
    let maybeAppended = false;
    let waitMs = RETRY_MS_MIN;
    let batch: Buffer | undefined;
    for (;;) {
      let error: PipelineError;
      let sent = false;
      try {
        const identity = (this.#identity ??= await this.#introduce());
        batch ??= encodeBatch(records, identity, wallClock(), this.#options.compression);
        const connection = await this.#cluster.to(
          await this.#cluster.leader(this.#topic, this.#partition),
        );
        sent = true;
        await produce(connection, this.#topic, this.#partition, batch, deadlineMs);
        identity.sequence = (identity.sequence + records.length) & SEQUENCE_MASK;
        return { kind: 'acked' };
      } catch (cause) {
        error = kafkaFailure(cause, doing);
        const code = brokerCode(cause);
        if (code === 'DUPLICATE_SEQUENCE_NUMBER' && this.#identity) {
          this.#identity.sequence = (this.#identity.sequence + records.length) & SEQUENCE_MASK;
          return { kind: 'acked' };
        }
        if (code === 'MESSAGE_TOO_LARGE' && records.length > 1) return { kind: 'split' };
        if (code !== undefined && STRANGER.has(code)) {
          if (maybeAppended) return { kind: 'unknown', error };
          this.#identity = undefined;
          batch = undefined;
        } else if (code === undefined || MAYBE_APPENDED.has(code)) {
          maybeAppended ||= sent;
        } else if (!NOT_APPENDED.has(code)) {
          return { kind: maybeAppended ? 'unknown' : 'failed', error };
        }
        this.#cluster.forget(this.#topic);
        // A missing topic, a wrong password: another try would not help.
        if (error.code !== 'KAFKA_UNREACHABLE' && !sent && code === undefined) {
          return { kind: maybeAppended ? 'unknown' : 'failed', error };
        }
      }
      if (performance.now() + waitMs > deadlineMs) {
        return { kind: maybeAppended ? 'unknown' : 'failed', error };
      }
      await Bun.sleep(waitMs);
      waitMs = Math.min(RETRY_MS_MAX, waitMs * 2);
    }
  }

  async #introduce(): Promise<BatchIdentity> {
    const { producerId, producerEpoch } = await initProducerIdV4.api.async(
      await this.#cluster.any(),
      null,
      this.#options.deliveryMsMax,
      -1n,
      -1,
    );
    return { producerId, epoch: producerEpoch, sequence: 0 };
  }
}

type Verdict = { kind: 'acked' | 'failed' | 'unknown'; error?: Error } | { kind: 'split' };

/** A batch that is too large for the topic, as two. */
function halves({ records, told }: Load): Load[] {
  const middle = records.length >> 1;
  const first: Load['told'] = [];
  const second: Load['told'] = [];
  let at = 0;
  for (const { records: count, outcome } of told) {
    const before = Math.max(0, Math.min(count, middle - at));
    if (before > 0) first.push({ records: before, outcome });
    if (count > before) second.push({ records: count - before, outcome });
    at += count;
  }
  return [
    { records: records.slice(0, middle), told: first },
    { records: records.slice(middle), told: second },
  ];
}

/** One produce request with one batch; throws what the broker or the connection says against it. */
async function produce(
  connection: Connection,
  topic: string,
  partition: number,
  batch: Buffer,
  deadlineMs: number,
): Promise<void> {
  const timeoutMs = Math.max(1, Math.min(REPLICAS_MS_MAX, deadlineMs - performance.now()));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  connection.send(
    PRODUCE_KEY,
    produceV9.api.version,
    () =>
      Writer.create()
        .appendString(null) // no transaction
        .appendInt16(ProduceAcks.ALL)
        .appendInt32(Math.ceil(timeoutMs))
        .appendArray([topic], (topics) =>
          topics.appendString(topic).appendArray([partition], (partitions) =>
            partitions
              .appendInt32(partition)
              .appendUnsignedVarInt(batch.length + 1)
              .append(batch),
          ),
        )
        .appendTaggedFields(),
    produceV9.parseResponse,
    true,
    true,
    (error) => (error ? reject(error) : resolve()),
  );
  await promise;
}

const REPLICAS_MS_MAX = 8_000; // that a leader waits for its followers; below the request's own limit
