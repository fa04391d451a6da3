import { isInterruption } from '../../base/errors.ts';
import type { OrderEvent, Sink } from '../../model/event.ts';
import { GROUPS } from '../../model/event.ts';
import type { SinkStore } from '../../store/sink-transaction.ts';
import { ExactlyOnceSink } from '../../store/sink.ts';
import { consume } from '../../stream/consume.ts';
import type { OutgoingRecord, Producer, SendOutcome } from '../../stream/port.ts';
import { EventSender, type SenderOptions } from '../../stream/produce.ts';
import type { SimulatedDatabase } from './database.ts';
import type { SimulatedConsumer } from './kafka-consumer.ts';
import type { SimulatedKafka } from './kafka.ts';
import { ORDERS, type Order } from './orders.ts';
import type { SimulatedProcess } from './process.ts';
import { SILENT, type Running } from './running.ts';
import { SimulatedStore } from './sink-store.ts';

/** Parts that a test may replace by wrong ones, to see that they are found out. */
export type Plant = {
  sender?: (options: SenderOptions) => Pick<EventSender, 'send'>;
  store?: (database: SimulatedDatabase, process: SimulatedProcess) => SinkStore<OrderEvent>;
  sink?: (sink: Sink<OrderEvent>, process: SimulatedProcess) => Sink<OrderEvent>;
};

/** What a consumer says of itself. */
export type Vitals = {
  process: SimulatedProcess;
  member: SimulatedConsumer | null;
  failing: Map<string, string | null>;
  beatMs: number;
  silentMs: number; // the longest while between two heartbeats, standing still left out
};

export function vitalsOf(process: SimulatedProcess): Vitals {
  const beatMs = process.monotonicMs();
  return { process, member: null, failing: new Map(), beatMs, silentMs: 0 };
}

/** What a consumer says is wrong; one without partitions has nothing to receive. */
export function complaintOf({ process, member, failing }: Vitals): string | null {
  if (process.dead || process.over) return null;
  const kafka = member !== null && member.holds > 0 ? failing.get('kafka') : null;
  return kafka ?? failing.get('database') ?? null;
}

const ROWS_MAX = 12;
const LIMITS = { freshMsMax: 10, behindMsMax: 50 };

export async function consumeOrders(
  { process, signal }: Running,
  { kafka, database, plant }: { kafka: SimulatedKafka; database: SimulatedDatabase; plant: Plant },
  vitals: Vitals,
): Promise<void> {
  const store = plant.store?.(database, process) ?? new SimulatedStore(database, process);
  const exact = new ExactlyOnceSink(store, () => process.monotonicMs());
  const sink = plant.sink?.(exact, process) ?? exact;
  await consume({
    topic: 'orders',
    group: GROUPS.orders,
    open: async (onAssignment) => (vitals.member = await kafka.open(process, onAssignment)),
    sink,
    ends: () => kafka.ends(process),
    time: process,
    signal,
    log: SILENT,
    limits: { ...LIMITS, rowsMax: 1 + process.ground.random.below(ROWS_MAX) },
    check: (name, failure, degrades) => vitals.failing.set(name, degrades ? null : failure),
    heartbeat: () => beat(vitals, process),
  });
  await sink.close();
}

function beat(vitals: Vitals, process: SimulatedProcess): void {
  const nowMs = process.monotonicMs();
  const sinceMs = Math.max(vitals.beatMs, Math.min(process.frozenUntilMs, nowMs));
  vitals.silentMs = Math.max(vitals.silentMs, nowMs - sinceMs);
  vitals.beatMs = nowMs;
}

const CART_MAX = 4;
const GAP_MS_MAX = 200;

/** Where the producers of a world stand among its orders. */
export type Progress = {
  begun: number; // orders handed to a sender
  count: number;
  sent: Order[]; // of which a sender has said so
};

/** Sends carts until all were begun; one that was under way when it ended is not sent again. */
export async function produceOrders(
  { process, signal }: Running,
  { kafka, plant }: { kafka: SimulatedKafka; plant: Plant },
  progress: Progress,
): Promise<void> {
  const { random } = process.ground;
  const options: SenderOptions = {
    producer: new SimulatedProducer(kafka, process),
    topic: 'orders',
    run: 1,
    seed: 1,
    time: process,
    signal,
    log: SILENT,
  };
  const sender = plant.sender?.(options) ?? new EventSender(options);
  while (progress.begun < progress.count && !signal.aborted) {
    const from = progress.begun;
    const size = Math.min(1 + random.below(CART_MAX), progress.count - from);
    progress.begun += size;
    const cart = ORDERS.slice(from, from + size);
    try {
      await sender.send(size, () => cart.map(({ record }) => record));
    } catch (cause) {
      if (isInterruption(cause)) return;
      throw cause;
    }
    progress.sent.push(...cart);
    await process.sleep(random.next() * GAP_MS_MAX, signal);
  }
}

class SimulatedProducer implements Producer {
  readonly #kafka: SimulatedKafka;
  readonly #process: SimulatedProcess;

  constructor(kafka: SimulatedKafka, process: SimulatedProcess) {
    this.#kafka = kafka;
    this.#process = process;
  }

  /** Appended in part or whole, told or not: all that `send` may settle with. */
  async send(records: readonly OutgoingRecord[]): Promise<SendOutcome> {
    let appended = 0;
    try {
      return await this.#process.call(
        'kafka send',
        (fault) => {
          if (this.#kafka.away) throw new Error('away');
          if (fault === 'in part') return this.#sendInPart(records);
          for (const record of records) this.#append(record);
          appended = records.length;
          return { acked: appended, failed: 0, unknown: 0 };
        },
        () => new Error('no answer'),
      );
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      const unknown = appended;
      return { acked: 0, failed: records.length - unknown, unknown, error };
    }
  }

  /** Each record has an outcome of its own, as those of several partitions have. */
  #sendInPart(records: readonly OutgoingRecord[]): SendOutcome {
    const { random } = this.#process.ground;
    const outcome = { acked: 0, failed: 0, unknown: 0, error: new Error('not all were taken') };
    for (const record of records) {
      const fate = random.pick(['acked', 'failed', 'unknown'] as const);
      outcome[fate]++;
      if (fate === 'acked' || (fate === 'unknown' && random.next() < 0.5)) this.#append(record);
    }
    return outcome;
  }

  #append(record: OutgoingRecord): void {
    this.#kafka.append(this.#kafka.partitionOf(record), record);
  }

  async close(): Promise<void> {
    // Nothing is held open.
  }
}
