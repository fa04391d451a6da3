import type { Batch, OffsetRange, OrderEvent, Sink, Stored } from '../../model/event.ts';
import type { EventSender, SenderOptions } from '../../stream/produce.ts';
import type { SimulatedProcess } from './process.ts';
import type { Session } from './session.ts';
import { SimulatedStore, SimulatedTransaction } from './sink-store.ts';
import type { Plant } from './streaming.ts';

/** A mistake, and what it must lead to: no other violation counts as having found it. */
type Planted = { plant: Plant; leadsTo: RegExp };

/**
 * Mistakes that others have made, planted beside the real code: the simulation must find each of
 * them, or it finds nothing. No mistake can be switched on in the code itself.
 */
export const PLANTS: Readonly<Record<string, Planted>> = {
  'ack before commit': {
    plant: { sink: (sink, process) => new HastySink(sink, process) },
    leadsTo: /^Kafka was told \d+ of partition \d+, of which \d+ is stored$/,
  },
  'counters from messages': {
    plant: storing((session) => new CountsMessages(session)),
    leadsTo: /^(last_ordered_at|order_count) is not what the rows say$/,
  },
  'offset without lock and compare-and-set': {
    plant: storing((session) => new Unfenced(session)),
    leadsTo:
      /^the offset of partition \d+ went from \d+ back to \d+$|^partition \d+ counts \d+ of \d+ records$/,
  },
  'sender that does not look at what became of a cart': {
    plant: { sender: (options) => new TrustingSender(options) },
    leadsTo: /^order \S+ was sent and is not in Kafka$/,
  },
};

/** The lock on the offsets left out: alone it must do no harm, the compare-and-set is a fence. */
export const UNLOCKED = storing((session) => new Unlocked(session));

/** The compare-and-set left out: alone it must do no harm, as long as what was read stays locked. */
export const UNCOMPARED = storing((session) => new Uncompared(session));

function storing(begun: (session: Session) => SimulatedTransaction) {
  return {
    store: (database, process) => new SimulatedStore(database, process, begun),
  } satisfies Plant;
}

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
class Uncompared extends SimulatedTransaction {
  override standsAt(): boolean {
    return true; // the mistake
  }
}

/** Both at once: as long as what was read stays locked nobody moves it, and comparing finds nothing. */
class Unfenced extends Unlocked {
  override standsAt(): boolean {
    return true;
  }
}

/** Sends a cart once and takes it for sent. */
class TrustingSender implements Pick<EventSender, 'send'> {
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  async send(...[, encode]: Parameters<EventSender['send']>): Promise<void> {
    const { producer, run, seed } = this.#options;
    await producer.send(encode({ run, seed, sequence: 0 })); // the mistake
  }
}
