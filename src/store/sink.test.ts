import { expect, test } from 'bun:test';

import { PipelineError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import type { Batch, OffsetRange, Rejected, Sink, Stored } from '../model/event.ts';
import {
  RowsRefused,
  type Move,
  type RefusedRow,
  type SinkStore,
  type SinkTransaction,
} from './sink-transaction.ts';
import { ExactlyOnceSink } from './sink.ts';
import { recordAt } from './testing.ts';

/** An event of the simulation: two of one id are the same event sent twice. */
type Event = { id: number; poison: boolean };
type Entry = Event & { invalid: boolean };

type Database = {
  offsets: Map<number, Move>; // `from` is where reading began
  rows: Map<number, number>; // how often an id went in: more than once is the bug looked for
  noted: Map<number, number>; // how often its effect was noted
  letters: Map<string, string>;
};

const empty = (): Database => ({
  offsets: new Map(),
  rows: new Map(),
  noted: new Map(),
  letters: new Map(),
});

const copyOf = (state: Database): Database => ({
  offsets: new Map([...state.offsets].map(([partition, move]) => [partition, { ...move }])),
  rows: new Map(state.rows),
  noted: new Map(state.noted),
  letters: new Map(state.letters),
});

/**
 * A database that fails: a verb may lose the connection before it does anything, and a commit may
 * lose its answer after it has happened. Transactions hold one lock, from `claim` to their end.
 */
class FakeServer {
  state = empty();
  failures = 0;
  readonly #random: Random;
  readonly #faultShare: number;
  #lock: Promise<void> = Promise.resolve();

  constructor(random: Random, faultShare: number) {
    this.#random = random;
    this.#faultShare = faultShare;
  }

  fail(): boolean {
    const fails = this.#random.next() < this.#faultShare;
    if (fails) this.failures++;
    return fails;
  }

  async pause(): Promise<void> {
    for (let turns = this.#random.next() * 4; turns > 1; turns--) await Promise.resolve();
  }

  async lock(): Promise<() => void> {
    const before = this.#lock;
    let release = (): void => undefined;
    this.#lock = new Promise((resolve) => (release = resolve));
    await before;
    return release;
  }

  store(): SinkStore<Event> {
    return {
      topic: 'orders',
      group: 'orders_group',
      copies: true,
      begin: async () => {
        await this.#verb();
        return new FakeTransaction(this);
      },
      positions: async () => {
        await this.#verb();
        return new Map([...this.state.offsets].map(([partition, { next }]) => [partition, next]));
      },
      close: () => Promise.resolve(),
    };
  }

  async #verb(): Promise<void> {
    await this.pause();
    if (this.fail()) throw lost();
  }
}

class FakeTransaction implements SinkTransaction<Event> {
  readonly #server: FakeServer;
  #release: (() => void) | null = null;
  #work = empty();

  constructor(server: FakeServer) {
    this.#server = server;
  }

  async claim(ranges: readonly OffsetRange[]): Promise<Map<number, number>> {
    await this.#verb();
    this.#release = await this.#server.lock();
    this.#work = copyOf(this.#server.state);
    for (const range of ranges) {
      if (this.#work.offsets.has(range.partition)) continue;
      const entered = { ...range, next: range.from, inserted: 0, duplicates: 0, rejected: 0 };
      this.#work.offsets.set(range.partition, entered);
    }
    return new Map(
      ranges.map(({ partition }) => [partition, this.#work.offsets.get(partition)?.next ?? -1]),
    );
  }

  screen(events: readonly Event[]): RefusedRow[] {
    return [...events.entries()]
      .filter(([, { id, poison }]) => poison && id % 2 === 0) // the others only the server refuses
      .map(([index]) => ({ index, message: 'unsendable' }));
  }

  async copy(events: readonly Event[]): Promise<void> {
    await this.#verb();
    for (const { id, poison } of events) {
      if (poison) throw new RowsRefused('refused', 'poison');
      if (this.#work.rows.has(id)) throw new RowsRefused('duplicate', 'there already');
      this.#put(id);
    }
  }

  async merge(events: readonly Event[]): Promise<number[]> {
    await this.#verb();
    if (events.some(({ poison }) => poison)) throw new RowsRefused('refused', 'poison');
    const landed: number[] = [];
    for (const [index, { id }] of events.entries()) {
      if (this.#work.rows.has(id)) continue;
      this.#put(id);
      landed.push(index);
    }
    return landed;
  }

  async bury(letters: readonly Rejected[]): Promise<void> {
    await this.#verb();
    for (const { record, reason } of letters) {
      this.#work.letters.set(`${record.partition}@${record.offset}`, reason);
    }
  }

  async note(landed: readonly Event[]): Promise<void> {
    await this.#verb();
    for (const { id } of landed) this.#work.noted.set(id, (this.#work.noted.get(id) ?? 0) + 1);
  }

  async advance(moves: readonly Move[]): Promise<boolean> {
    await this.#verb();
    for (const move of moves) {
      const stored = this.#work.offsets.get(move.partition);
      if (stored?.next !== move.from) return false;
      stored.next = move.next;
      stored.inserted += move.inserted;
      stored.duplicates += move.duplicates;
      stored.rejected += move.rejected;
    }
    return true;
  }

  async commit(): Promise<void> {
    await this.#verb();
    this.#server.state = this.#work;
    this.#end();
    if (this.#server.fail()) throw lost(); // the answer, not the commit
  }

  async rollback(): Promise<void> {
    await this.#server.pause();
    this.#end();
  }

  #put(id: number): void {
    this.#work.rows.set(id, (this.#work.rows.get(id) ?? 0) + 1);
  }

  #end(): void {
    this.#release?.();
    this.#release = null;
  }

  async #verb(): Promise<void> {
    await this.#server.pause();
    if (this.#server.fail()) throw lost();
  }
}

const lost = (): PipelineError => new PipelineError('DATABASE_LOST', 'lost', { retryable: true });

const PARTITIONS = 3;
const RECORDS = 120; // a partition
const FIRST = 7; // Kafka has thrown away what was before

function topicOf(random: Random): Entry[][] {
  return Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from({ length: RECORDS }, (_ignored, offset) => {
      const repeated = random.next() < 0.1 && offset > 0;
      const own = partition * RECORDS + offset;
      return {
        id: repeated ? Math.floor(random.next() * own) : own,
        poison: !repeated && random.next() < 0.03,
        invalid: random.next() < 0.03,
      };
    }),
  );
}

function batchOf(topic: Entry[][], ranges: OffsetRange[]): Batch<Event> {
  const batch: Batch<Event> = {
    topic: 'orders',
    group: 'orders_group',
    ranges,
    events: [],
    records: [],
    rejected: [],
  };
  for (const { partition, from, next } of ranges) {
    for (let offset = from; offset < next; offset++) {
      const entry = topic[partition][offset];
      const record = recordAt('orders', partition, offset);
      if (entry.invalid) batch.rejected.push({ record, reason: 'json', message: 'invalid' });
      else {
        batch.events.push(entry);
        batch.records.push(record);
      }
    }
  }
  return batch;
}

/** Consumes as a worker does, and dies and comes back; until its partitions are stored. */
class Consumer {
  readonly stored: Stored[] = [];
  readonly #server: FakeServer;
  readonly #topic: Entry[][];
  readonly #random: Random;
  readonly #partitions: number[];
  #sink: Sink<Event>;
  #at = new Map<number, number>();

  constructor(server: FakeServer, topic: Entry[][], random: Random, partitions: number[]) {
    this.#server = server;
    this.#topic = topic;
    this.#random = random;
    this.#partitions = partitions;
    this.#sink = new ExactlyOnceSink(server.store(), () => 0);
  }

  async run(): Promise<void> {
    await this.#seek();
    for (let round = 0; round < 5_000; round++) {
      const ranges = this.#next();
      if (ranges.length === 0) return;
      if (await this.#write(batchOf(this.#topic, ranges))) {
        for (const { partition, next } of ranges) this.#at.set(partition, next);
      } else {
        await this.#seek();
      }
      if (this.#random.next() < 0.1) await this.#restart();
    }
    throw new Error('it never ends');
  }

  #next(): OffsetRange[] {
    const ranges: OffsetRange[] = [];
    for (const partition of this.#partitions) {
      const from = this.#at.get(partition) ?? FIRST;
      const next = Math.min(RECORDS, from + Math.floor(this.#random.next() * 12));
      if (from < RECORDS && next > from) ranges.push({ partition, from, next });
      else if (from < RECORDS) ranges.push({ partition, from, next: from + 1 });
    }
    return ranges;
  }

  /** The same batch again while that may help; false: go back to what is stored. */
  async #write(batch: Batch<Event>): Promise<boolean> {
    for (;;) {
      try {
        this.stored.push(await this.#sink.write(batch));
        return true;
      } catch (cause) {
        if (!(cause instanceof PipelineError)) throw cause;
        if (cause.code === 'OFFSET_TAKEN' || cause.code === 'OFFSET_GAP') return false;
        expect(cause.retryable).toBe(true);
        if (this.#random.next() < 0.2) return false;
      }
    }
  }

  /** A new process: it knows nothing, and Kafka's hint may be any stored offset of the past. */
  async #restart(): Promise<void> {
    this.#sink = new ExactlyOnceSink(this.#server.store(), () => 0);
    if (this.#random.next() < 0.5) return await this.#seek();
    for (const [partition, at] of this.#at) {
      this.#at.set(partition, Math.max(FIRST, at - Math.floor(this.#random.next() * 20)));
    }
  }

  async #seek(): Promise<void> {
    for (;;) {
      try {
        const positions = await this.#sink.positions();
        for (const partition of this.#partitions) {
          this.#at.set(partition, positions.get(partition) ?? FIRST);
        }
        return;
      } catch {
        // The fake lost the connection; the next try makes another.
      }
    }
  }
}

function expectExactlyOnce(server: FakeServer, topic: Entry[][]): void {
  const { state } = server;
  const good = new Set<number>();
  const letters = new Map<string, string>();
  for (const [partition, entries] of topic.entries()) {
    for (const [offset, { id, poison, invalid }] of entries.entries()) {
      if (offset < FIRST) continue;
      if (invalid) letters.set(`${partition}@${offset}`, 'json');
      else if (poison) letters.set(`${partition}@${offset}`, 'database');
      else good.add(id);
    }
  }
  const once = new Map([...good].map((id) => [id, 1]));
  expect(state.rows).toEqual(once);
  expect(state.noted).toEqual(once);
  expect(state.letters).toEqual(letters);
  let inserted = 0;
  for (const move of state.offsets.values()) {
    expect(move.next).toBe(RECORDS);
    expect(move.inserted + move.duplicates + move.rejected).toBe(RECORDS - FIRST);
    inserted += move.inserted;
  }
  expect(state.offsets.size).toBe(PARTITIONS);
  expect(inserted).toBe(good.size);
}

test('every record is stored once, whatever fails and whoever else consumes', async () => {
  let failures = 0;
  let batches = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed, 'live');
    const server = new FakeServer(random, [0, 0.02, 0.1][seed % 3]);
    const topic = topicOf(random);
    // One for all partitions and one that believes two of them are its own.
    const consumers = [new Consumer(server, topic, random, [0, 1, 2])];
    if (seed % 2 === 0) consumers.push(new Consumer(server, topic, random, [1, 2]));
    try {
      await Promise.all(consumers.map((consumer) => consumer.run()));
      expectExactlyOnce(server, topic);
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
    failures += server.failures;
    batches += consumers.reduce((sum, { stored }) => sum + stored.length, 0);
  }
  expect(failures).toBeGreaterThan(500); // or the test proves nothing
  expect(batches).toBeGreaterThan(2_500);
}, 60_000);

test('a batch is counted whole: skipped, inserted, duplicate or rejected', async () => {
  const server = new FakeServer(new Random(1, 'live'), 0);
  const sink = new ExactlyOnceSink(server.store(), () => 0);
  const entry = (id: number, changes: Partial<Entry> = {}): Entry => ({
    id,
    poison: false,
    invalid: false,
    ...changes,
  });
  const topic = [
    [
      entry(0),
      entry(1),
      entry(2, { poison: true }),
      entry(1),
      entry(3, { invalid: true }),
      entry(4),
      entry(5),
      entry(6),
    ],
  ];
  const write = (from: number, next: number): Promise<Stored> =>
    sink.write(batchOf(topic, [{ partition: 0, from, next }]));
  expect(await write(0, 2)).toMatchObject({ skipped: 0, inserted: 2, duplicates: 0, rejected: 0 });
  expect(await write(0, 2)).toMatchObject({ skipped: 2, inserted: 0, duplicates: 0, rejected: 0 });
  expect(await write(1, 6)).toMatchObject({ skipped: 1, inserted: 1, duplicates: 1, rejected: 2 });
  const gap = await write(7, 8).catch((cause: unknown) => cause);
  expect(gap).toMatchObject({ code: 'OFFSET_GAP' });
});

test('while duplicates come, no COPY is tried in vain', async () => {
  const ways: string[] = [];
  const server = new FakeServer(new Random(1, 'live'), 0);
  const inner = server.store();
  const store: SinkStore<Event> = {
    ...inner,
    begin: async () => {
      const transaction = await inner.begin();
      const copy = transaction.copy.bind(transaction);
      const merge = transaction.merge.bind(transaction);
      transaction.copy = async (events) => {
        ways.push('copy');
        await copy(events);
      };
      transaction.merge = async (events) => {
        ways.push('merge');
        return await merge(events);
      };
      return transaction;
    },
  };
  const sink = new ExactlyOnceSink(store, () => 0);
  const ids = [0, 1, 0, 1, 2, 3, 4];
  for (const [offset, id] of ids.entries()) {
    const entries = Array.from({ length: offset + 1 }, () => ({
      id,
      poison: false,
      invalid: false,
    }));
    await sink.write(batchOf([entries], [{ partition: 0, from: offset, next: offset + 1 }]));
  }
  expect(ways).toEqual(['copy', 'copy', 'copy', 'merge', 'merge', 'merge', 'copy', 'copy']);
});

test('closed in the middle of a batch, it begins no other transaction and leaves no connection', async () => {
  const inner = new FakeServer(new Random(1, 'live'), 0).store();
  const entry: Entry = { id: 1, poison: true, invalid: false };
  for (const moment of ['while it connects', 'before the second way'] as const) {
    const done: string[] = [];
    const store: SinkStore<Event> = {
      ...inner,
      begin: async () => {
        if (moment === 'while it connects') await sink.close();
        done.push('begun');
        const transaction = await inner.begin();
        transaction.copy = async () => {
          await sink.close();
          throw new RowsRefused('refused', 'poison');
        };
        return transaction;
      },
      close: async () => void done.push('closed'),
    };
    const sink = new ExactlyOnceSink(store, () => 0);
    const batch = batchOf([[entry]], [{ partition: 0, from: 0, next: 1 }]);
    expect(await sink.write(batch).catch((cause: unknown) => cause)).toMatchObject({
      code: 'INTERRUPTED',
    });
    const connecting = moment === 'while it connects';
    expect(done).toEqual(connecting ? ['closed', 'begun', 'closed'] : ['begun', 'closed']);
    expect(await sink.positions().catch((cause: unknown) => cause)).toMatchObject({
      code: 'INTERRUPTED',
    });
  }
});
