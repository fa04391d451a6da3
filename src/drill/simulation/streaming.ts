import type { OrderEvent, Sink } from '../../model/event.ts';
import { GROUPS } from '../../model/event.ts';
import type { SinkStore } from '../../store/sink-transaction.ts';
import { ExactlyOnceSink } from '../../store/sink.ts';
import { consume } from '../../stream/consume.ts';
import type { Producer, SendOutcome } from '../../stream/port.ts';
import { EventSender } from '../../stream/produce.ts';
import type { SimulatedDatabase } from './database.ts';
import type { SimulatedConsumer } from './kafka-consumer.ts';
import type { SimulatedKafka } from './kafka.ts';
import { ORDERS } from './orders.ts';
import type { SimulatedProcess } from './process.ts';
import { SILENT, type Running } from './running.ts';
import { SimulatedStore } from './sink-store.ts';

/** Parts that a test may replace by wrong ones, to see that they are found out. */
export type Plant = {
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
export type Progress = { sent: number; count: number };

/** Sends carts until all orders are sent; one that was under way when it died is not sent again. */
export async function produceOrders(
  { process, signal }: Running,
  kafka: SimulatedKafka,
  progress: Progress,
): Promise<void> {
  const { random } = process.ground;
  const sender = new EventSender({
    producer: new SimulatedProducer(kafka, process),
    topic: 'orders',
    run: 1,
    seed: 1,
    time: process,
    signal,
    log: SILENT,
  });
  while (progress.sent < progress.count && !signal.aborted) {
    const from = progress.sent;
    const size = Math.min(1 + random.below(CART_MAX), progress.count - from);
    progress.sent += size;
    await sender.send(size, () => ORDERS.slice(from, from + size).map(({ record }) => record));
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
  async send(records: Parameters<Producer['send']>[0]): Promise<SendOutcome> {
    let appended = 0;
    try {
      return await this.#process.call(
        'kafka send',
        () => {
          if (this.#kafka.away) throw new Error('away');
          for (const record of records) {
            this.#kafka.append(this.#kafka.partitionOf(record), record);
            appended++;
          }
          return { acked: records.length, failed: 0, unknown: 0 };
        },
        () => new Error('no answer'),
      );
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      const unknown = appended;
      return { acked: 0, failed: records.length - unknown, unknown, error };
    }
  }

  async close(): Promise<void> {
    // Nothing is held open.
  }
}
