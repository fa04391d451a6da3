import type { Connection } from './protocol.ts';

import { monotonicMs } from '../../base/clock.ts';
import { PipelineError } from '../../base/errors.ts';
import { pause } from '../../base/shutdown.ts';
import type { StreamRecord } from '../../model/event.ts';
import { kafkaFailure } from '../failure.ts';
import type { ConnectionSettings, Consumer, ConsumerOptions } from '../port.ts';
import { within } from '../wait.ts';
import { Cluster } from './cluster.ts';
import { edgeOffset, fetchRecords } from './fetch.ts';
import { Membership } from './membership.ts';
import type { RecordCursor } from './record-batch.ts';

const FETCH_WAIT_MS = 500; // a broker holds an answer back so long when it has nothing new
const FETCH_BYTES_MAX = 1_048_576; // of one answer; a single larger batch comes whole all the same
const CLOSE_MS_MAX = 500;
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1_000;

export async function platformaticConsumer(
  settings: ConnectionSettings,
  options: ConsumerOptions,
): Promise<Consumer> {
  const cluster = await Cluster.connect(settings, options.topic);
  try {
    return new FetchingConsumer(cluster, options, await cluster.topicId(options.topic));
  } catch (cause) {
    await cluster.close();
    throw kafkaFailure(cause, `asking Kafka for ${options.topic}`);
  }
}

/**
 * Reads each partition held on a connection of its own, ahead of the receiver by a bounded number of
 * bytes. The client's own stream cannot be told to read on elsewhere, and takes more memory.
 */
class FetchingConsumer implements Consumer {
  #cluster: Cluster;
  #options: ConsumerOptions;
  #topicId: string;
  #membership: Membership;
  #held = new Map<number, Held>();
  #failure: PipelineError | undefined;
  #wake: (() => void) | undefined; // of a `receive` that waits
  #receiving: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(cluster: Cluster, options: ConsumerOptions, topicId: string) {
    this.#cluster = cluster;
    this.#options = options;
    this.#topicId = topicId;
    this.#membership = new Membership(cluster, options, {
      assigned: (positions) => this.#assign(positions),
      revoked: () => this.#revoke(),
      failed: (error) => {
        this.#failure = error;
        this.#wake?.();
      },
    });
  }

  async receive(max: number, waitMs: number): Promise<StreamRecord[]> {
    const received = this.#receive(max, waitMs);
    this.#receiving = received.catch(() => undefined);
    return await received;
  }

  async commit(positions: readonly { partition: number; next: number }[]): Promise<void> {
    // Whoever holds a partition now commits it; our older offset would take its group back.
    const ours = positions.filter(({ partition }) => this.#held.has(partition));
    if (ours.length > 0 && !this.#closing) await this.#membership.commit(ours);
  }

  async seek(partition: number, offset: number): Promise<void> {
    const held = this.#held.get(partition);
    if (!held) {
      throw new PipelineError(
        'KAFKA_FAILED',
        `${this.#options.topic} ${partition} is not held by this consumer; it cannot seek there`,
        { retryable: true },
      );
    }
    held.seek(offset);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    this.#wake?.();
    await this.#receiving;
    await this.#membership.close();
    this.#revoke();
    // A broker that fell mute while a connection was being made lets it wait for seconds.
    await within(this.#cluster.close(), CLOSE_MS_MAX).catch(() => undefined);
  }

  async #receive(max: number, waitMs: number): Promise<StreamRecord[]> {
    const untilMs = monotonicMs() + waitMs;
    for (;;) {
      if (this.#failure) throw this.#failure;
      if (this.#closing) return [];
      const records = this.#take(max);
      const leftMs = untilMs - monotonicMs();
      if (records.length > 0 || leftMs <= 0) return records;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, leftMs);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
      this.#wake = undefined;
    }
  }

  /** From every partition in turn, beginning with the one that has waited longest. */
  #take(max: number): StreamRecord[] {
    const records: StreamRecord[] = [];
    const served: [number, Held][] = [];
    for (const [partition, held] of this.#held) {
      if (records.length === max) break;
      if (held.take(max - records.length, records) > 0) served.push([partition, held]);
    }
    for (const [partition, held] of served) {
      this.#held.delete(partition);
      this.#held.set(partition, held);
    }
    return records;
  }

  #assign(positions: ReadonlyMap<number, number>): void {
    const bytesMax = Math.ceil(this.#options.fetchBytesMax / Math.max(1, positions.size));
    for (const [partition, position] of positions) {
      const topic = { name: this.#options.topic, id: this.#topicId };
      const held = new Held(this.#cluster, topic, partition, position, bytesMax);
      held.onRecords = () => this.#wake?.();
      held.onFailure = (error) => {
        this.#failure = error;
        this.#wake?.();
      };
      this.#held.set(partition, held);
    }
    this.#options.onAssignment?.('assigned', [...positions.keys()]);
  }

  #revoke(): void {
    const partitions = [...this.#held.keys()];
    for (const held of this.#held.values()) held.release();
    this.#held.clear();
    if (partitions.length > 0) this.#options.onAssignment?.('revoked', partitions);
  }
}

/** One partition held: what was fetched of it and not received, and where to fetch on. */
class Held {
  onRecords: (() => void) | undefined;
  onFailure: ((error: PipelineError) => void) | undefined;
  #cluster: Cluster;
  #topic: string;
  #topicId: string;
  #partition: number;
  #bytesMax: number;
  #next: number; // to fetch
  #fetched: RecordCursor[] = [];
  #bytes = 0;
  #seeks = 0; // an answer to a request from before a seek is not wanted
  #released = new AbortController();
  #room: (() => void) | undefined;
  #connection: Connection | undefined;

  constructor(
    cluster: Cluster,
    topic: { name: string; id: string },
    partition: number,
    position: number,
    bytesMax: number,
  ) {
    this.#cluster = cluster;
    this.#topic = topic.name;
    this.#topicId = topic.id;
    this.#partition = partition;
    this.#next = position;
    this.#bytesMax = bytesMax;
    void this.#run(); // ends with release(), and tells of its failures
  }

  take(max: number, records: StreamRecord[]): number {
    const before = records.length;
    while (this.#fetched.length > 0 && records.length - before < max) {
      const [cursor] = this.#fetched;
      if (cursor.read(max - (records.length - before), records)) break;
      this.#fetched.shift();
      this.#bytes -= cursor.bytes;
      this.#room?.();
    }
    return records.length - before;
  }

  seek(offset: number): void {
    this.#seeks++;
    this.#next = offset;
    this.#fetched = [];
    this.#bytes = 0;
    this.#room?.();
  }

  release(): void {
    this.#released.abort();
    this.#fetched = [];
    this.#room?.();
    void this.#connection?.close(); // an answer may be half a second away, and nobody waits for it
  }

  async #run(): Promise<void> {
    const { signal } = this.#released;
    let waitMs = RETRY_MS_MIN;
    while (!signal.aborted) {
      try {
        if (this.#bytes >= this.#bytesMax) await this.#roomMade();
        else await this.#fetch();
        waitMs = RETRY_MS_MIN;
      } catch (cause) {
        if (signal.aborted) break;
        if (isFinal(cause)) {
          this.onFailure?.(cause);
          break;
        }
        void this.#connection?.close(); // it failed, or leads to a broker that leads no more
        this.#connection = undefined;
        this.#cluster.forget(this.#topic);
        await pause(waitMs, signal);
        waitMs = Math.min(RETRY_MS_MAX, waitMs * 2);
      }
    }
    await this.#connection?.close();
  }

  /** Whoever deletes a topic breaks off its fetches, so a new one is met here and nowhere else. */
  async #connect(): Promise<Connection> {
    const leader = await this.#cluster.leader(this.#topic, this.#partition);
    const id = await this.#cluster.topicId(this.#topic);
    if (id !== this.#topicId) throw remadeTopic(this.#topic, this.#topicId, id);
    return await this.#cluster.open(leader);
  }

  async #roomMade(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = resolve;
    await promise;
    this.#room = undefined;
  }

  async #fetch(): Promise<void> {
    const seeks = this.#seeks;
    this.#connection ??= await this.#connect();
    if (this.#released.signal.aborted) return;
    const { code, cursor } = await fetchRecords(
      this.#connection,
      this.#topic,
      this.#partition,
      this.#next,
      { waitMs: FETCH_WAIT_MS, bytesMax: Math.min(FETCH_BYTES_MAX, this.#bytesMax) },
    );
    if (seeks !== this.#seeks || this.#released.signal.aborted) return;
    if (code === 'OFFSET_OUT_OF_RANGE') {
      // Records are gone that were not read: on with the oldest there is. In a topic that was made anew
      // these are known by their offsets, and consume.ts refuses it.
      this.#next = await edgeOffset(this.#connection, this.#topic, this.#partition, 'first');
      return;
    }
    if (code !== undefined) {
      throw kafkaFailure(new Error(`the broker answers ${code}`), `reading ${this.#topic}`);
    }
    if (cursor.bytes === 0) return;
    this.#next = cursor.next;
    this.#fetched.push(cursor);
    this.#bytes += cursor.bytes;
    this.onRecords?.();
  }
}

class TopicRemade extends PipelineError {}

function remadeTopic(topic: string, before: string, now: string): TopicRemade {
  return new TopicRemade(
    'KAFKA_FAILED',
    `the topic ${topic} was deleted and made anew while it was read (id ${before}, now ${now}); its ` +
      'records have the places of others: start again, and see what is said then',
  );
}

/** What waiting does not change. */
function isFinal(cause: unknown): cause is PipelineError {
  if (!(cause instanceof PipelineError)) return false;
  return cause instanceof TopicRemade || cause.code === 'KAFKA_DENIED';
}
