import { isInterruption, PipelineError } from '../base/errors.ts';
import { errorFields, type Log } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import { retry } from '../base/retry.ts';
import { untilAborted } from '../base/shutdown.ts';
import { Wakeup, type Time } from '../base/time.ts';
import type { Batch, EventOf, Sink, Stored, StreamRecord, Topic } from '../model/event.ts';
import { BATCH_LIMITS, Batcher, type BatchLimits } from './batcher.ts';
import { otherKafka } from './failure.ts';
import type { Consumer, ConsumerOptions } from './port.ts';
import { Positions, type Hole } from './positions.ts';
import { Refusal } from './refusal.ts';
import { decode } from './wire-decode.ts';

type OnAssignment = NonNullable<ConsumerOptions['onAssignment']>;

export type ConsumeOptions<T extends Topic> = {
  topic: T;
  group: string;
  /** Connects to Kafka; tried again for as long as it is away. */
  open: (onAssignment: OnAssignment) => Promise<Consumer>;
  /** Is closed by whoever made it, once `consume` has ended. */
  sink: Sink<EventOf[T]>;
  /** Where the topic's partitions end in Kafka; a stored offset beyond that ends it with KAFKA_FAILED. */
  ends?: () => Promise<ReadonlyMap<number, number>>;
  time: Time;
  signal: AbortSignal;
  log: Log;
  limits?: Partial<BatchLimits>;
  /** Still going around; comes every few seconds whatever happens. */
  heartbeat?: () => void;
  /** A batch is stored. */
  progress?: () => void;
  /** Says that Kafka or the database is as it should be (null), or why not. */
  check?: (name: 'kafka' | 'database', failure: string | null, degrades?: boolean) => void;
};

const RECEIVE_MAX = 4_000; // records decoded in one go: some 8 ms of this thread
const RECEIVE_MS = 100;
const BEHIND_MS = 1_000; // an event that old when it comes is not fresh
const SILENCE_MS = 30_000;
const KEEP_ALIVE_MS = 5_000;
const KEEP_ALIVE_FACTOR_MAX = 2; // of a batch's rows and bytes
const HINT_MS = 1_000;
const VERIFY_MS = 5_000;
const ENDS_MS = 5_000; // between looks at where Kafka ends, while it sends what came before
const DURABLE_MS = 1_000; // PostgreSQL has a commit on disk within three rounds of its writer, 0.6 s
const STOP_MS_MAX = 1_500; // for the batch in hand once aborted
const READ_MS_MAX = 500; // for a question to brokers that may be mute
const LAST_HINT_MS_MAX = 500;
const OPEN_MS_MAX = 1_500; // for a connection that is being made once aborted
const AGES_MAX = 64; // observed of one batch, evenly spread over it

/**
 * Moves a topic's events into a sink until aborted, each once. Two loops share the work, so that
 * records are decoded while PostgreSQL writes:
 *
 *   reading   alone talks to Kafka: receives, leaves out what came before, decodes, collects the next
 *             batch, one ahead and no more. While there is no room, one record every few seconds is
 *             still taken, since a member that does not poll holds up the group's rebalances.
 *   storing   alone talks to the sink: writes batches, for as long as it takes, and looks up positions.
 *
 * PostgreSQL has the truth; Kafka's committed offsets are a hint, and a failed commit is only counted.
 * A partition that comes, or one in doubt, is placed: its waiting records are dropped, and reading
 * goes on where the sink stands. So ends a batch that another consumer was faster with (OFFSET_TAKEN)
 * and one with records missing in front of it (OFFSET_GAP: a crash of the server took its last
 * commits along). In case such a crash finds the stream idle, what was stored is verified later on.
 * A Kafka that ends before what is stored is not the one it came from, and is refused: when placing,
 * and when records come that should have come before.
 * Once aborted, the batch in hand is finished or given up, and what waits is left in Kafka.
 */
export async function consume<T extends Topic>(options: ConsumeOptions<T>): Promise<void> {
  const { signal } = options;
  const loop = new ConsumerLoop(options);
  const stop = (): void => loop.stop();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await loop.run();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

class ConsumerLoop<T extends Topic> {
  readonly #options: ConsumeOptions<T>;
  readonly #source: { topic: T; group: string };
  readonly #limits: BatchLimits;
  readonly #batcher: Batcher<EventOf[T]>;
  readonly #positions = new Positions((hole) => this.#missing(hole));
  readonly #hints = new Map<number, number>(); // next offsets that Kafka has not been told
  readonly #stored = new Map<number, number>(); // where the sink stands at least, by partition
  readonly #stop = new AbortController();
  readonly #forReader: Wakeup;
  readonly #forWriter: Wakeup;
  readonly #failing = new Map<string, string | null>(); // checks as they were told last
  #lookUp: 'none' | 'wanted' | ReadonlyMap<number, number> = 'none'; // of the sink's positions
  #receivedMs = -Infinity; // when records came last, or partitions were placed
  #hintedMs = -Infinity;
  #keptMs = -Infinity;
  #verifiedMs = -Infinity;
  #endsMs = -Infinity;
  #joined = false; // the group has dealt its partitions, some to us or none
  #suspicious = false; // records came that are stored by their offsets
  #unverified = false; // a crash of the server may still take back what is stored
  #failure: { cause: unknown } | undefined;

  constructor(options: ConsumeOptions<T>) {
    const { topic, group, time } = options;
    this.#options = options;
    this.#source = { topic, group };
    this.#limits = { ...BATCH_LIMITS, ...options.limits };
    this.#batcher = new Batcher(this.#source, this.#limits);
    this.#forReader = new Wakeup(time);
    this.#forWriter = new Wakeup(time);
  }

  stop(): void {
    this.#stop.abort();
    this.#forReader.call();
    this.#forWriter.call();
  }

  async run(): Promise<void> {
    const consumer = await this.#open();
    if (!consumer) return;
    try {
      const storing = this.#orStop(this.#store());
      const reading = this.#orStop(this.#read(consumer));
      await untilAborted(this.#stop.signal);
      const answers = await this.#within(READ_MS_MAX, reading);
      await this.#within(STOP_MS_MAX, storing);
      if (answers) await this.#within(LAST_HINT_MS_MAX, this.#orStop(this.#hint(consumer)));
    } finally {
      await consumer.close();
    }
    if (this.#failure) throw this.#failure.cause;
  }

  // Reading

  async #open(): Promise<Consumer | null> {
    this.#check('kafka', 'connecting');
    const opening = this.#persist('kafka', 'connecting', () =>
      this.#options.open((kind, partitions) => this.#assigned(kind, partitions)),
    );
    try {
      return await this.#opened(opening);
    } catch (cause) {
      if (isInterruption(cause)) return null;
      throw cause;
    }
  }

  /** Once aborted it is waited for a moment longer; what comes later is closed. */
  async #opened(opening: Promise<Consumer>): Promise<Consumer | null> {
    const done = new AbortController();
    const late = untilAborted(AbortSignal.any([this.#stop.signal, done.signal]))
      .then(() => this.#options.time.sleep(OPEN_MS_MAX, done.signal))
      .then(() => null);
    try {
      const consumer = await Promise.race([opening, late]);
      if (!consumer) void opening.then((opened) => opened.close()).catch(() => undefined);
      return consumer;
    } finally {
      done.abort();
    }
  }

  async #read(consumer: Consumer): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#options.heartbeat?.();
      if (this.#now - this.#hintedMs >= HINT_MS) await this.#hint(consumer);
      if (this.#suspicious) await this.#checkEnds(new Map(this.#stored));
      if (this.#positions.unplaced.size > 0) await this.#place(consumer);
      else if (this.#batcher.room > 0) await this.#receive(consumer, RECEIVE_MAX);
      else await this.#keepAlive(consumer);
    }
  }

  async #receive(consumer: Consumer, max: number): Promise<void> {
    const asked = Math.min(max, Math.max(1, this.#batcher.room));
    const records = await this.#persist('kafka', 'receiving', () =>
      consumer.receive(asked, RECEIVE_MS),
    );
    this.#checkHeld();
    if (records.length > 0) this.#take(records, records.length === RECEIVE_MAX);
    else if (this.#now - this.#receivedMs >= SILENCE_MS) this.#seekAgain();
  }

  /** A member too many is as it should be, ready to take over; one that has not joined is not. */
  #checkHeld(): void {
    if (this.#positions.count > 0) this.#check('kafka', null);
    else if (this.#joined) this.#check('kafka', 'a spare: others have all partitions', true);
    else this.#check('kafka', 'no partition is assigned');
  }

  /** A driver that fell silent, or lost the last record there is, begins anew where the sink stands. */
  #seekAgain(): void {
    if (this.#batcher.rows === 0) this.#positions.unplaceAll();
  }

  #take(records: readonly StreamRecord[], full: boolean): void {
    const { topic, time } = this.#options;
    const nowMs = this.#now;
    this.#receivedMs = nowMs;
    let before = 0;
    let eventMs = Infinity;
    for (const record of records) {
      const from = this.#positions.follow(record);
      if (from === 'unplaced') this.#batcher.drop(record.partition);
      else if (from === 'before') before++;
      else {
        const event = decode(topic, record);
        if (!(event instanceof Refusal)) eventMs = eventTimeMs(event);
        this.#batcher.add(record, event, from, nowMs);
      }
    }
    this.#batcher.behind = full || time.now() - eventMs > BEHIND_MS;
    metrics.consumed.inc(this.#source, records.length);
    if (before > 0) metrics.duplicates.inc(this.#source, before);
    if (before > 0 && nowMs - this.#endsMs >= ENDS_MS) this.#suspicious = true;
    this.#forWriter.call();
  }

  /** Waits for the other loop, and takes one record if that takes long. */
  async #keepAlive(consumer: Consumer): Promise<void> {
    const sinceMs = this.#now;
    await this.#forReader.wait(KEEP_ALIVE_MS);
    if (this.#stop.signal.aborted || this.#now - sinceMs < KEEP_ALIVE_MS) return;
    const { rowsMax, bytesMax } = this.#limits;
    if (this.#batcher.rows >= KEEP_ALIVE_FACTOR_MAX * rowsMax) return;
    if (this.#batcher.bytes >= KEEP_ALIVE_FACTOR_MAX * bytesMax) return;
    await this.#receive(consumer, 1);
  }

  /** Sends Kafka to where the sink stands, for each partition of which that is not known. */
  async #place(consumer: Consumer): Promise<void> {
    if (this.#lookUp === 'none') {
      this.#lookUp = 'wanted';
      this.#forWriter.call();
    }
    if (this.#lookUp === 'wanted') return await this.#keepAlive(consumer);
    const positions = this.#lookUp;
    await this.#checkEnds(positions);
    if (this.#lookUp !== positions) return; // partitions came or went meanwhile
    this.#lookUp = 'none';
    this.#receivedMs = this.#now;
    for (const partition of this.#positions.unplaced) {
      const next = positions.get(partition) ?? null; // nothing stored: from the beginning
      if (!(await this.#seek(consumer, partition, next ?? 0))) {
        this.#positions.missed(partition);
        continue;
      }
      if (!this.#positions.unplaced.has(partition)) continue; // it went meanwhile
      this.#positions.place(partition, next);
      if (next !== null) this.#keep(partition, next);
    }
    // A partition that cannot be sought has gone or is about to come: receiving tells.
    if (this.#positions.unplaced.size > 0) await this.#receive(consumer, 1);
  }

  /** Compares what is stored of the partitions held, read before, with where Kafka ends now. */
  async #checkEnds(stored: ReadonlyMap<number, number>): Promise<void> {
    this.#suspicious = false;
    const { ends } = this.#options;
    if (!ends) return;
    const found = await this.#persist('kafka', 'reading the ends', ends);
    this.#endsMs = this.#now;
    for (const [partition, next] of stored) {
      const end = found.get(partition) ?? 0;
      if (next > end) throw otherKafka({ ...this.#source, partition, next }, end);
    }
  }

  async #seek(consumer: Consumer, partition: number, offset: number): Promise<boolean> {
    try {
      await consumer.seek(partition, offset);
      return true;
    } catch (cause) {
      if (!(cause instanceof PipelineError) || !cause.retryable) throw cause;
      metrics.retries.inc({ what: 'seeking', code: cause.code });
      return false;
    }
  }

  #assigned(kind: 'assigned' | 'revoked', partitions: readonly number[]): void {
    const { group } = this.#source;
    this.#joined = kind === 'assigned';
    metrics.rebalances.inc({ group, kind });
    this.#options.log.info(kind, { partitions: partitions.join(', ') });
    for (const partition of partitions) {
      this.#batcher.drop(partition);
      this.#hints.delete(partition);
      this.#stored.delete(partition);
      if (kind === 'assigned') this.#positions.unplace(partition);
      else this.#positions.forget(partition);
    }
    this.#lookUp = 'none'; // what is being looked up may be from before
    this.#forReader.call();
  }

  async #hint(consumer: Consumer): Promise<void> {
    this.#hintedMs = this.#now;
    const positions = Array.from(this.#hints, ([partition, next]) => ({ partition, next }));
    this.#hints.clear();
    if (positions.length === 0) return;
    try {
      await consumer.commit(positions);
    } catch (cause) {
      if (!(cause instanceof PipelineError)) throw cause;
      metrics.commitFailures.inc({ group: this.#source.group });
    }
  }

  #missing({ partition, from, to }: Hole): void {
    metrics.missing.inc(this.#source, to - from);
    this.#options.log.error('Kafka no longer has these records; going on behind them', {
      partition,
      from,
      to,
    });
  }

  // Storing

  async #store(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const dueMs = this.#batcher.dueInMs(this.#now);
      const verifyMs = this.#verifyInMs();
      if (this.#lookUp === 'wanted' || verifyMs <= 0) await this.#look();
      else if (dueMs <= 0) await this.#write(this.#batcher.take());
      else await this.#forWriter.wait(Math.min(dueMs, verifyMs, KEEP_ALIVE_MS));
    }
  }

  async #write(batch: Batch<EventOf[T]>): Promise<void> {
    this.#forReader.call(); // there is room
    let stored: Stored;
    try {
      stored = await this.#persist('database', 'storing', () => this.#options.sink.write(batch));
    } catch (cause) {
      if (!isCode(cause, 'OFFSET_TAKEN') && !isCode(cause, 'OFFSET_GAP')) throw cause;
      this.#check('database', null); // which has answered
      this.#options.log.warn('reading on from the stored positions', errorFields(cause));
      this.#restart();
      return;
    }
    this.#check('database', null);
    for (const { partition, next } of batch.ranges) {
      this.#hints.set(partition, next);
      this.#keep(partition, next);
    }
    this.#count(batch, stored);
    this.#options.progress?.();
  }

  /** Looks the sink's positions up, for the reader if it wants them, and to verify what was stored. */
  async #look(): Promise<void> {
    const keptMs = this.#keptMs;
    const positions = await this.#persist('database', 'positions', () =>
      this.#options.sink.positions(),
    );
    this.#check('database', null);
    this.#verifiedMs = this.#now;
    if (this.#verifiedMs - keptMs >= DURABLE_MS) this.#unverified = false;
    if (this.#wentBack(positions)) this.#restart();
    else if (this.#lookUp === 'wanted') this.#lookUp = positions;
    this.#forReader.call();
  }

  /** Whether the server has less than was stored: only a crash of it does that. */
  #wentBack(positions: ReadonlyMap<number, number>): boolean {
    for (const [partition, next] of this.#stored) {
      const at = positions.get(partition) ?? 0;
      if (at >= next) continue;
      this.#options.log.warn('the database went back; reading again', { partition, next, at });
      return true;
    }
    return false;
  }

  #verifyInMs(): number {
    return this.#unverified ? this.#verifiedMs + VERIFY_MS - this.#now : Infinity;
  }

  /** What is known to be stored of a partition, by us or before us: to be verified. */
  #keep(partition: number, next: number): void {
    this.#keptMs = this.#now;
    this.#stored.set(partition, next);
    this.#unverified = true;
  }

  #restart(): void {
    this.#batcher.clear();
    this.#stored.clear();
    this.#hints.clear();
    this.#positions.unplaceAll();
    this.#lookUp = 'none';
    this.#forReader.call();
  }

  #count({ events, rejected }: Batch<EventOf[T]>, stored: Stored): void {
    const { topic } = this.#source;
    const rows = events.length + rejected.length;
    metrics.batchRows.observe({ table: topic }, rows);
    for (const phase of ['copy', 'merge', 'commit'] as const) {
      const seconds = stored.seconds[phase];
      if (seconds > 0) metrics.batchSeconds.observe({ table: topic, phase }, seconds);
    }
    metrics.duplicates.inc(this.#source, stored.skipped + stored.duplicates);
    for (const { reason } of rejected) metrics.rejected.inc({ ...this.#source, reason });
    const byDatabase = stored.rejected - rejected.length;
    if (byDatabase > 0) metrics.rejected.inc({ ...this.#source, reason: 'database' }, byDatabase);
    if (stored.inserted === 0) return;
    const nowMs = this.#options.time.now();
    const step = Math.ceil(events.length / AGES_MAX);
    for (let i = 0; i < events.length; i += step) {
      const age = nowMs - eventTimeMs(events[i]);
      metrics.eventAge.observe({ topic }, Math.max(0, age) / 1_000);
    }
  }

  // Both

  get #now(): number {
    return this.#options.time.monotonicMs();
  }

  /** Repeats what may come right by itself, and says meanwhile what is wrong. */
  async #persist<Result>(
    name: 'kafka' | 'database',
    what: string,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { time, log, heartbeat } = this.#options;
    return await retry(
      {
        what,
        time,
        signal: this.#stop.signal,
        onRetry: (error, attempt) => {
          heartbeat?.();
          this.#check(name, error.message);
          if (attempt === 1) log.warn(`trying again: ${what}`, errorFields(error));
        },
      },
      work,
    );
  }

  #check(name: 'kafka' | 'database', failure: string | null, degrades = false): void {
    if (this.#failing.get(name) === failure) return;
    this.#failing.set(name, failure);
    this.#options.check?.(name, failure, degrades);
  }

  /** A loop that fails stops the other one; what was interrupted by stopping has not failed. */
  async #orStop(loop: Promise<void>): Promise<void> {
    try {
      await loop;
    } catch (cause) {
      if (!isInterruption(cause)) this.#failure ??= { cause };
      this.stop();
    }
  }

  /** Whether `work` is done within `ms`. What is given up so leaves nothing half-done. */
  async #within(ms: number, work: Promise<void>): Promise<boolean> {
    const done = new AbortController();
    const late = this.#options.time.sleep(ms, done.signal).then(() => false);
    const inTime = await Promise.race([work.then(() => true), late]);
    done.abort();
    return inTime;
  }
}

function eventTimeMs(event: EventOf[Topic]): number {
  return 'eventTimeMs' in event ? event.eventTimeMs : event.createdAtMs;
}

function isCode(cause: unknown, code: PipelineError['code']): boolean {
  return cause instanceof PipelineError && cause.code === code;
}
