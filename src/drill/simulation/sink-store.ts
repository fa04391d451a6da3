import { PipelineError } from '../../base/errors.ts';
import { GROUPS, type OffsetRange, type OrderEvent, type Rejected } from '../../model/event.ts';
import { OrderEffects } from '../../store/effects.ts';
import {
  RowsRefused,
  type Move,
  type RefusedRow,
  type SinkStore,
  type SinkTransaction,
} from '../../store/sink-transaction.ts';
import { arrayOf } from './arrays.ts';
import type { SimulatedDatabase } from './database.ts';
import type { Fault, Point } from './faults.ts';
import { refusalOf } from './orders.ts';
import type { SimulatedProcess } from './process.ts';
import { Session } from './session.ts';

/** A sink's database: one connection, made when it is first needed, and anew after a failure. */
export class SimulatedStore implements SinkStore<OrderEvent> {
  readonly topic = 'orders';
  readonly group = GROUPS.orders;
  readonly copies = true;
  readonly #database: SimulatedDatabase;
  readonly #process: SimulatedProcess;
  readonly #begun: (session: Session) => SimulatedTransaction;
  #session: Session | null = null;

  constructor(
    database: SimulatedDatabase,
    process: SimulatedProcess,
    begun = (session: Session): SimulatedTransaction => new SimulatedTransaction(session),
  ) {
    this.#database = database;
    this.#process = process;
    this.#begun = begun;
  }

  async begin(): Promise<SinkTransaction<OrderEvent>> {
    const session = await this.#connected();
    await session.call('sink begin', () => undefined);
    return this.#begun(session);
  }

  async positions(): Promise<Map<number, number>> {
    const session = await this.#connected();
    return await session.call('sink positions', () => {
      const { offsets } = this.#database.state;
      return new Map(Array.from(offsets, ([partition, { next }]) => [partition, next]));
    });
  }

  async close(): Promise<void> {
    this.#session?.lose();
    await this.#process.call('sink close', () => undefined, unreachable);
  }

  async #connected(): Promise<Session> {
    if (this.#session?.lost !== false) {
      this.#session = await connectTo(this.#database, this.#process, {
        name: 'sink',
        point: 'sink connect',
        failures: databaseFailures,
      });
      this.#session.setLazy(true);
    }
    return this.#session;
  }
}

/** Verbs that a test may replace by wrong ones. */
export class SimulatedTransaction implements SinkTransaction<OrderEvent> {
  readonly session: Session;
  readonly #own = new Set<string>(); // ids that this transaction has put in
  #failed = false;

  constructor(session: Session) {
    this.session = session;
  }

  async claim(ranges: readonly OffsetRange[]): Promise<Map<number, number>> {
    return await this.verb('sink claim', async () => {
      for (const partition of ranges.map((range) => range.partition).toSorted((a, b) => a - b)) {
        await this.session.lock(offsetKey(partition));
      }
      return this.enter(ranges);
    });
  }

  screen(events: readonly OrderEvent[]): RefusedRow[] {
    return [...events.entries()]
      .filter(([, event]) => refusalOf(event) === 'unsendable')
      .map(([index]) => ({ index, message: 'a field that no row can hold' }));
  }

  async copy(events: readonly OrderEvent[]): Promise<void> {
    await this.verb('sink copy', async () => {
      for (const event of events) {
        check(event);
        await this.session.lock(`order ${event.orderId}`);
        if (this.#has(event)) throw new RowsRefused('duplicate', 'the order is there already');
        this.#put(event);
      }
    });
  }

  async merge(events: readonly OrderEvent[]): Promise<number[]> {
    return await this.verb('sink merge', async () => {
      for (const event of events) check(event);
      const landed: number[] = [];
      for (const [index, event] of events.entries()) {
        await this.session.lock(`order ${event.orderId}`);
        if (this.#has(event)) continue;
        this.#put(event);
        landed.push(index);
      }
      return landed;
    });
  }

  async bury(letters: readonly Rejected[]): Promise<void> {
    await this.verb('sink bury', () => {
      this.session.write((state) => {
        for (const letter of letters) {
          const { partition, offset } = letter.record;
          const place = `${partition}/${offset}`;
          if (!state.letters.has(place)) state.letters.set(place, letter);
        }
      });
    });
  }

  async note(landed: readonly OrderEvent[]): Promise<void> {
    const effects = new OrderEffects();
    for (const event of landed) effects.add(event);
    const statement = effects.statement();
    if (!statement) return;
    const [userIds, orderedAt, productIds, sold] = statement.values.map(arrayOf);
    const { database } = this.session;
    await this.verb('sink note', () => {
      const number = database.nextEffect();
      const effect = {
        users: userIds.map((id, at) => [String(id), Number(orderedAt[at])] as const),
        products: productIds.map((id, at) => [String(id), Number(sold[at])] as const),
        atMs: database.ground.scheduler.nowMs,
      };
      this.session.write((state) => state.effects.set(number, effect));
    });
  }

  async advance(moves: readonly Move[]): Promise<boolean> {
    return await this.verb('sink advance', async () => {
      for (const move of moves) {
        await this.session.lock(offsetKey(move.partition));
        if (!this.standsAt(move)) return false;
      }
      this.session.write((state) => {
        for (const move of moves) {
          const stored = state.offsets.get(move.partition);
          state.offsets.set(move.partition, stored ? added(stored, move) : move);
        }
      });
      return true;
    });
  }

  async commit(): Promise<void> {
    await this.verb('sink commit', () => this.session.commit());
  }

  async rollback(): Promise<void> {
    if (this.#failed) return; // the connection went, and the transaction with it
    await this.verb('sink rollback', () => this.session.rollback()).catch(() => undefined);
  }

  /** Where partitions stand; one that was never seen begins at `from`, and that is on disk at once. */
  enter(ranges: readonly OffsetRange[]): Map<number, number> {
    const { offsets } = this.session.database.state;
    const stands = new Map<number, number>();
    this.session.setLazy(ranges.every(({ partition }) => offsets.has(partition)));
    for (const { partition, from } of ranges) {
      stands.set(partition, offsets.get(partition)?.next ?? from);
    }
    return stands;
  }

  /** The compare of compare-and-set. */
  standsAt({ partition, from }: Move): boolean {
    const stored = this.session.database.state.offsets.get(partition);
    return !stored || stored.next === from;
  }

  async verb<Result>(point: Point, effect: () => Result | Promise<Result>): Promise<Result> {
    try {
      return await this.session.call(point, effect, (cause) => cause instanceof RowsRefused);
    } catch (cause) {
      if (!(cause instanceof RowsRefused)) this.#failed = true;
      throw cause;
    }
  }

  #has({ orderId }: OrderEvent): boolean {
    return this.#own.has(orderId) || this.session.database.state.orders.has(orderId);
  }

  #put(event: OrderEvent): void {
    this.#own.add(event.orderId);
    this.session.write(({ orders }) => orders.set(event.orderId, event));
  }
}

const offsetKey = (partition: number): string => `offset ${partition}`;

function added(stored: Move, move: Move): Move {
  return {
    partition: stored.partition,
    from: stored.from,
    next: move.next,
    inserted: stored.inserted + move.inserted,
    duplicates: stored.duplicates + move.duplicates,
    rejected: stored.rejected + move.rejected,
  };
}

function check(event: OrderEvent): void {
  if (refusalOf(event) !== null) throw new RowsRefused('refused', 'the database refuses the name');
}

export function databaseFailures(fault: Fault): PipelineError {
  return fault === 'busy'
    ? new PipelineError('DATABASE_BUSY', 'locked, or out of memory', { retryable: true })
    : new PipelineError('DATABASE_LOST', 'the connection is lost', { retryable: true });
}

type ConnectOptions = {
  name: string;
  point: 'sink connect' | 'fold connect' | 'backfill connect';
  failures: (fault: Fault) => Error;
};

export async function connectTo(
  database: SimulatedDatabase,
  process: SimulatedProcess,
  { name, point, failures }: ConnectOptions,
): Promise<Session> {
  return await process.call(
    point,
    () => {
      if (database.away) throw unreachable();
      return new Session(name, database, process, failures);
    },
    unreachable,
  );
}

export function unreachable(): PipelineError {
  return new PipelineError('DATABASE_UNREACHABLE', 'no connection', { retryable: true });
}
