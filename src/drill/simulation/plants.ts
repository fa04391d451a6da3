import type { Batch, OffsetRange, OrderEvent, Sink, Stored } from '../../model/event.ts';
import type { Move } from '../../store/sink-transaction.ts';
import type { SimulatedProcess } from './process.ts';
import { added, SimulatedStore, SimulatedTransaction } from './sink-store.ts';
import type { Plant } from './streaming.ts';

/**
 * Mistakes that others have made, planted beside the real code: the simulation must find each of
 * them, or it finds nothing. No mistake can be switched on in the code itself.
 */
export const PLANTS = {
  'ack before commit': {
    sink: (sink, process) => new HastySink(sink, process),
  },
  'counters from messages': {
    store: (database, process) =>
      new SimulatedStore(database, process, (session) => new CountsMessages(session)),
  },
  'offset without compare-and-set': {
    store: (database, process) =>
      new SimulatedStore(database, process, (session) => new TrustsItself(session)),
  },
} as const satisfies Record<string, Plant>;

/** The lock on the offsets left out, which alone must do no harm: the compare-and-set is the fence. */
export const UNLOCKED: Plant = {
  store: (database, process) =>
    new SimulatedStore(database, process, (session) => new Unlocked(session)),
};

const PATIENCE_MS = 1;

/** Says that a batch is stored when it is about to be. */
class HastySink implements Sink<OrderEvent> {
  readonly #sink: Sink<OrderEvent>;
  readonly #process: SimulatedProcess;
  #behind: Promise<unknown> = Promise.resolve();

  constructor(sink: Sink<OrderEvent>, process: SimulatedProcess) {
    this.#sink = sink;
    this.#process = process;
  }

  async write(batch: Batch<OrderEvent>): Promise<Stored> {
    this.#behind = this.#behind.then(() => this.#sink.write(batch)).catch(() => undefined); // the mistake
    await this.#process.pass(PATIENCE_MS);
    const seconds = { copy: 0, merge: 0, commit: 0 };
    const inserted = batch.events.length;
    return { skipped: 0, inserted, duplicates: 0, rejected: batch.rejected.length, seconds };
  }

  async positions(): Promise<Map<number, number>> {
    return await this.#sink.positions();
  }

  async close(): Promise<void> {
    await this.#sink.close();
  }
}

/** Keeps what messages change elsewhere, also of those that made no row. */
class CountsMessages extends SimulatedTransaction {
  #events: readonly OrderEvent[] = [];

  override async merge(events: readonly OrderEvent[]): Promise<number[]> {
    this.#events = events;
    return await super.merge(events);
  }

  override async note(landed: readonly OrderEvent[]): Promise<void> {
    await super.note(this.#events.length > 0 ? this.#events : landed); // the mistake
  }
}

/** Reads where partitions stand without keeping others from moving them. */
class Unlocked extends SimulatedTransaction {
  override async claim(ranges: readonly OffsetRange[]): Promise<Map<number, number>> {
    return await this.verb('sink claim', () => this.enter(ranges));
  }
}

/** Moves offsets from wherever they stand. */
class TrustsItself extends Unlocked {
  override async advance(moves: readonly Move[]): Promise<boolean> {
    return await this.verb('sink advance', () => {
      this.session.write(({ offsets }) => {
        for (const move of moves) {
          const stored = offsets.get(move.partition);
          offsets.set(move.partition, stored ? added(stored, move) : move); // the mistake
        }
      });
      return true;
    });
  }
}
