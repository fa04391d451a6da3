import type {
  KafkaClient,
  KafkaConsumer,
  KafkaProducer,
  Message,
  MessageProducer,
  RecordMetadata,
  SendFailureError,
} from 'kafka-crab-js';

import { monotonicMs } from '../../base/clock.ts';
import { PipelineError } from '../../base/errors.ts';
import type { StreamRecord } from '../../model/event.ts';
import { kafkaFailure, missingTopic } from '../failure.ts';
import type {
  ConnectionSettings,
  Consumer,
  ConsumerOptions,
  OutgoingRecord,
  Producer,
  ProducerOptions,
  SendOutcome,
  StreamDriver,
} from '../port.ts';
import { Room } from '../room.ts';

/**
 * `kafka-crab-js`: librdkafka through N-API, fast natively and small in memory. What it cannot do:
 * headers are a map, so of a name that repeats the last value counts, and a null value is lost; a
 * producer tells of its acknowledgements every 100 ms; a static member that closes leaves its group;
 * errors of librdkafka are lines on stdout, whatever the log level (native-output.ts sends them to stderr).
 */
export const librdkafka: StreamDriver = { name: 'librdkafka', producer, consumer };

const SLICE_MS = 10; // a native receive returns full or at its end, so it is asked for short ones
const SLICE_RECORDS_MAX = 10_000;
const POLL_MS_MAX = 900_000; // PostgreSQL may be away for long, and nothing is received meanwhile
const PROBE_MS = 4_000;
const PROBE_TOPIC = 'millrace-probe'; // need not exist: any answer shows that a broker is there
const RECORD_BYTES_MAX = 2 * 1_048_576;
const QUEUE_MARGIN_MS = 5_000;
const LEAVE_MS_MAX = 2_000;
const SEEK_MS_MAX = 3_000;

async function producer(settings: ConnectionSettings, options: ProducerOptions): Promise<Producer> {
  const client = await connect(settings);
  await probe(client, settings);
  return new NativeProducer(
    client.createProducer({
      // A send that gives up before librdkafka does would leave its records on their way.
      queueTimeout: options.deliveryMsMax + QUEUE_MARGIN_MS,
      configuration: {
        'enable.idempotence': true,
        acks: 'all',
        partitioner: 'murmur2_random',
        'linger.ms': options.lingerMs,
        'compression.type': options.compression,
        'message.timeout.ms': options.deliveryMsMax,
        'message.max.bytes': RECORD_BYTES_MAX,
        'batch.size': 900 * 1_024,
        'batch.num.messages': 100_000,
        'queue.buffering.max.messages': Math.max(1_000, options.inFlightMax * 2),
        'queue.buffering.max.kbytes': 262_144,
        'topic.metadata.propagation.max.ms': 3_000,
      },
    }),
    options,
  );
}

async function consumer(settings: ConnectionSettings, options: ConsumerOptions): Promise<Consumer> {
  const client = await connect(settings);
  await probe(client, settings, options.topic);
  const { topic, group, instanceId, sessionMsMax, fetchBytesMax } = options;
  const native = client.createConsumer({
    groupId: group,
    enableAutoCommit: false,
    configuration: {
      'enable.auto.offset.store': false,
      'auto.offset.reset': 'earliest',
      'group.protocol': 'classic', // of the newer one, librdkafka before 2.15 stalls now and then
      'partition.assignment.strategy': 'range',
      ...(instanceId !== undefined && { 'group.instance.id': instanceId }),
      'session.timeout.ms': sessionMsMax,
      'heartbeat.interval.ms': Math.min(3_000, Math.floor(sessionMsMax / 3)),
      'max.poll.interval.ms': POLL_MS_MAX,
      'check.crcs': true,
      'queued.max.messages.kbytes': Math.ceil(fetchBytesMax / 1_024),
      'queued.min.messages': 2_000,
      'fetch.max.bytes': Math.max(1_048_576, Math.floor(fetchBytesMax / 2)),
      'max.partition.fetch.bytes': Math.min(1_048_576, Math.ceil(fetchBytesMax / 8)),
      'fetch.queue.backoff.ms': 20,
    },
  });
  await native.subscribe(topic);
  return new NativeConsumer(native, options);
}

async function connect({ brokers, clientId, tls, sasl }: ConnectionSettings): Promise<KafkaClient> {
  const { KafkaClient: Client } = await import('kafka-crab-js').catch((cause: unknown) => {
    throw new PipelineError(
      'KAFKA_FAILED',
      'the native part of kafka-crab-js is not installed; run `bun install` (npm skips it on Node before 24), or set KAFKA_DRIVER=platformatic',
      { cause },
    );
  });
  return new Client({
    brokers: brokers.join(','),
    clientId,
    diagnostics: false,
    brokerAddressFamily: 'any',
    securityProtocol: sasl ? (tls ? 'SaslSsl' : 'SaslPlaintext') : tls ? 'Ssl' : 'Plaintext',
    configuration: {
      'socket.keepalive.enable': true,
      'socket.timeout.ms': 10_000,
      'reconnect.backoff.ms': 100,
      'reconnect.backoff.max.ms': 1_000,
      ...(tls?.ca !== undefined && { 'ssl.ca.pem': tls.ca }),
      ...(tls?.certificate !== undefined && { 'ssl.certificate.pem': tls.certificate }),
      ...(tls?.key !== undefined && { 'ssl.key.pem': tls.key }),
      ...(tls?.keyPassword !== undefined && { 'ssl.key.password': tls.keyPassword }),
      ...(sasl && {
        'sasl.mechanism': sasl.mechanism,
        'sasl.username': sasl.username,
        'sasl.password': sasl.password,
      }),
    },
  });
}

/** Finds out within 10 s whether brokers answer, let us in, and have the topic. */
async function probe(
  client: KafkaClient,
  settings: ConnectionSettings,
  topic?: string,
): Promise<void> {
  const native = client.createConsumer({
    groupId: `${settings.clientId}-probe`,
    enableAutoCommit: false,
    fetchMetadataTimeout: PROBE_MS,
  });
  const doing = `connecting to Kafka at ${settings.brokers.join(', ')}`;
  try {
    await native.subscribe([
      { topic: topic ?? PROBE_TOPIC, allOffsets: { position: 'End' } }, // asks for the metadata
    ]);
  } catch (cause) {
    const answered = /UnknownTopic|TopicAuthorization/.test(String(cause));
    if (answered && topic !== undefined) throw missingTopic(topic, cause);
    // The first receive tells why there was no answer: a wrong password looks like an absence.
    if (!answered) {
      await native.recvBatch(1, SLICE_MS).catch((why: unknown) => {
        throw kafkaFailure(why, doing);
      });
      throw kafkaFailure(cause, doing);
    }
  } finally {
    await native.disconnect();
  }
}

/** What `send` was given of one topic, and where its outcome goes. */
type Waiting = { messages: MessageProducer[]; outcome: SendOutcome; settle: () => void };

/**
 * Native sends that overlap do not keep their order, so a topic has one on its way, and what comes
 * meanwhile goes with the next.
 */
class NativeProducer implements Producer {
  #native: KafkaProducer;
  #room: Room;
  #waiting = new Map<string, Waiting[]>(); // by topic; there while its sends run
  #running = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(native: KafkaProducer, { inFlightMax }: ProducerOptions) {
    this.#native = native;
    this.#room = new Room(inFlightMax);
  }

  async send(records: readonly OutgoingRecord[]): Promise<SendOutcome> {
    if (this.#closing) throw new PipelineError('KAFKA_FAILED', 'this producer has been closed');
    const outcome: SendOutcome = { acked: 0, failed: 0, unknown: 0 };
    const byTopic = new Map<string, MessageProducer[]>();
    for (const record of records) {
      const problem = refusal(record);
      if (problem) {
        // librdkafka would refuse it, and with it all that is behind it in the call.
        outcome.failed++;
        outcome.error ??= problem;
        continue;
      }
      const messages = byTopic.get(record.topic);
      if (messages) messages.push(messageOf(record));
      else byTopic.set(record.topic, [messageOf(record)]);
    }
    const settled = await this.#room.enter(records.length, async () =>
      [...byTopic].map(([topic, messages]) => this.#hand(topic, messages, outcome)),
    );
    for (const done of settled) await done;
    this.#room.leave(records.length);
    return outcome;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#room.settled();
    await Promise.all(this.#running);
  }

  #hand(topic: string, messages: MessageProducer[], outcome: SendOutcome): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(topic);
    const entry = { messages, outcome, settle: resolve };
    if (waiting) waiting.push(entry);
    else {
      this.#waiting.set(topic, [entry]);
      const running = this.#run(topic);
      this.#running.add(running);
      void running.finally(() => this.#running.delete(running));
    }
    return promise;
  }

  async #run(topic: string): Promise<void> {
    for (;;) {
      const waiting = this.#waiting.get(topic) ?? [];
      if (waiting.length === 0) break;
      this.#waiting.set(topic, []);
      await this.#sendTopic(topic, waiting);
      for (const { settle } of waiting) settle();
    }
    this.#waiting.delete(topic);
  }

  async #sendTopic(topic: string, waiting: readonly Waiting[]): Promise<void> {
    const messages =
      waiting.length === 1 ? waiting[0].messages : waiting.flatMap((w) => w.messages);
    let reports: RecordMetadata[]; // in the order of the messages
    let queued = messages.length;
    let error: PipelineError | undefined;
    try {
      reports = await this.#native.send({ topic, messages });
    } catch (cause) {
      const failure: Partial<SendFailureError> = cause instanceof Error ? cause : {};
      reports = failure.confirmedMessages ?? [];
      queued = failure.enqueuedCount ?? messages.length;
      error = String(cause).includes('UnknownTopic')
        ? missingTopic(topic, cause)
        : kafkaFailure(cause, `sending to ${topic}`);
    }
    // Fewer reports than records: which are missing is not told, so nobody's fate is sure.
    const sure = reports.length === queued;
    let at = 0;
    for (const { messages: own, outcome } of waiting) {
      for (const end = at + own.length; at < end; at++) {
        const kind = at >= queued ? 'failed' : sure ? fateOf(reports[at]) : 'unknown';
        outcome[kind]++;
        if (kind !== 'acked' && error) outcome.error ??= error;
      }
    }
  }
}

/** Broker answers and local checks that leave no doubt that a record is not in the topic. */
const NOT_STORED = /TooLarge|UnknownTopic|UnknownPartition|Authorization|InvalidRecord|QueueFull/;

function fateOf({ error }: RecordMetadata): 'acked' | 'failed' | 'unknown' {
  if (!error) return 'acked';
  return NOT_STORED.test(error.message) ? 'failed' : 'unknown';
}

/** Why a record cannot be handed to the addon. */
function refusal({ topic, key, value, headers }: OutgoingRecord): PipelineError | undefined {
  let size = 64 + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, bytes] of headers) {
    size += name.length * 3 + (bytes?.length ?? 0);
    if (name === '__proto__') {
      return new PipelineError('KAFKA_FAILED', `a record of ${topic} has a header '__proto__'`);
    }
  }
  if (size <= RECORD_BYTES_MAX) return undefined;
  return new PipelineError('KAFKA_FAILED', `a record of ${topic} is too large`);
}

function messageOf({ key, value, headers }: OutgoingRecord): MessageProducer {
  const message: MessageProducer = {};
  if (value !== null) message.payload = bufferOf(value);
  if (key !== null) message.key = bufferOf(key);
  if (headers.length > 0) {
    message.headers = {};
    for (const [name, bytes] of headers) message.headers[name] = bufferOf(bytes ?? EMPTY);
  }
  return message;
}

const EMPTY = new Uint8Array(0);

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * A process whose Worker ends while a native call of it is pending is aborted by the addon. So calls
 * are short, run one after another, and `close` waits for the last of them.
 */
class NativeConsumer implements Consumer {
  #native: KafkaConsumer;
  #options: ConsumerOptions;
  #held = new Set<number>();
  #dealt = false; // an assignment has come that was not told
  #calls: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(native: KafkaConsumer, options: ConsumerOptions) {
    this.#native = native;
    this.#options = options;
    native.onEvents((_, { name, payload }) => {
      if (name === 'PostRebalance' && payload.action === 'assign') this.#dealt = true;
    });
  }

  async receive(max: number, waitMs: number): Promise<StreamRecord[]> {
    const untilMs = monotonicMs() + waitMs;
    for (;;) {
      const leftMs = untilMs - monotonicMs();
      const sliceMs = Math.max(1, Math.min(SLICE_MS, Math.floor(leftMs)));
      const messages = await this.#call(() => this.#slice(max, sliceMs));
      if (!messages) return [];
      if (messages.length > 0) return messages.map(recordOf);
      if (monotonicMs() >= untilMs) return [];
    }
  }

  async commit(positions: readonly { partition: number; next: number }[]): Promise<void> {
    const { topic, group } = this.#options;
    for (const { partition, next } of positions) {
      if (!this.#held.has(partition)) continue;
      await this.#call(async () => {
        try {
          await this.#native.commit(topic, partition, next, 'Sync');
        } catch (cause) {
          throw kafkaFailure(cause, `committing offsets of ${group}`);
        }
      });
    }
  }

  async seek(partition: number, offset: number): Promise<void> {
    const { topic } = this.#options;
    const untilMs = monotonicMs() + SEEK_MS_MAX;
    await this.#call(async () => {
      for (;;) {
        try {
          this.#native.seek(topic, partition, { offset });
          return;
        } catch (cause) {
          // Just assigned, a partition is not ready yet for a moment.
          if (monotonicMs() < untilMs && this.#held.has(partition)) await Bun.sleep(SLICE_MS);
          else throw seekFailure(topic, partition, offset, cause);
        }
      }
    });
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#calls;
    // Only a receive gives partitions back, and only then does librdkafka leave the group.
    this.#native.unsubscribe();
    const untilMs = monotonicMs() + LEAVE_MS_MAX;
    do {
      await this.#native.recvBatch(1, SLICE_MS).catch(() => undefined); // brokers may be away
    } while (this.#native.assignment().length > 0 && monotonicMs() < untilMs);
    await this.#native.disconnect();
    this.#tellHeld([]);
  }

  /** One native call at a time, and none once closed. */
  async #call<Result>(call: () => Promise<Result>): Promise<Result | undefined> {
    const previous = this.#calls;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#calls = promise;
    try {
      await previous;
      return this.#closing ? undefined : await call();
    } finally {
      resolve();
    }
  }

  async #slice(max: number, ms: number): Promise<Message[]> {
    let messages: Message[] = [];
    try {
      messages = await this.#native.recvBatch(Math.min(max, SLICE_RECORDS_MAX), ms);
    } catch (cause) {
      const failure = finalFailure(cause, this.#options);
      if (failure) throw failure;
      await Bun.sleep(ms); // brokers come and go; librdkafka looks for them by itself
    }
    const held = this.#native
      .assignment()
      .flatMap(({ topic, partitionOffset }) =>
        topic === this.#options.topic ? partitionOffset.map(({ partition }) => partition) : [],
      );
    this.#tellHeld(held);
    // What was taken away meanwhile is read by its next holder, from the committed offset on.
    return messages.filter(({ partition }) => this.#held.has(partition));
  }

  #tellHeld(partitions: readonly number[]): void {
    const now = new Set(partitions);
    const gone = [...this.#held].filter((partition) => !now.has(partition));
    const come = partitions.filter((partition) => !this.#held.has(partition));
    this.#held = now;
    if (gone.length > 0) this.#options.onAssignment?.('revoked', gone);
    if (come.length > 0 || (this.#dealt && now.size === 0)) {
      this.#options.onAssignment?.('assigned', come);
    }
    this.#dealt = false;
  }
}

function seekFailure(
  topic: string,
  partition: number,
  offset: number,
  cause: unknown,
): PipelineError {
  return new PipelineError('KAFKA_FAILED', `${topic} ${partition}: no seek to ${offset}`, {
    retryable: true,
    cause,
  });
}

const DENIED = /Authentication|AuthorizationFailed/;
const FENCED = /Fenced|Fatal|InconsistentGroupProtocol|InvalidSessionTimeout/;

/** What a receive was refused for, when waiting will not help. */
function finalFailure(
  cause: unknown,
  { topic, group }: ConsumerOptions,
): PipelineError | undefined {
  const message = String(cause);
  if (!DENIED.test(message) && !FENCED.test(message)) return undefined;
  return kafkaFailure(cause, `reading ${topic} in ${group}`);
}

function recordOf(message: Message): StreamRecord {
  const { topic, partition, offset, key, payload, headers, isTombstone } = message;
  return {
    topic,
    partition,
    offset,
    key: key ?? null,
    value: isTombstone ? null : payload,
    headers: headers ? Object.entries(headers) : [],
  };
}
