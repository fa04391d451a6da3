import advanceOffsets from '../../sql/queries/advance_offsets.sql' with { type: 'text' };
import claimOffsets from '../../sql/queries/claim_offsets.sql' with { type: 'text' };
import endStalled from '../../sql/queries/end_stalled.sql' with { type: 'text' };
import enterOffsets from '../../sql/queries/enter_offsets.sql' with { type: 'text' };
import { metrics } from '../base/metrics.ts';
import type { OffsetRange, Rejected, Topic } from '../model/event.ts';
import { connect, type Client } from './client.ts';
import type { CopyBuffer } from './copy-buffer.ts';
import { copyEncoded, copyScratch } from './copy.ts';
import { buryLetters } from './dead-letters.ts';
import { databaseFailure, serverError } from './failure.ts';
import { readPositions } from './offsets.ts';
import type { EffectsOf, SinkTable } from './sink-table.ts';
import {
  RowsRefused,
  type Move,
  type RefusedRow,
  type SinkStore,
  type SinkTransaction,
} from './sink-transaction.ts';

export type SinkSession = {
  databaseUrl: string;
  group: string;
  settings?: Readonly<Record<string, string | number>>; // PostgreSQL's, over those below
  stalledMsMax?: number; // how long another consumer may hold a lock in the middle of a COPY
  answerMsMax?: number; // a query without an answer for so long: the link or the server is dead
};

const STATEMENT_MS_MAX = 60_000;
const ANSWER_MS_MAX = STATEMENT_MS_MAX + 15_000;
// What moves no rows is answered long before, also when it waits for a lock: a link that fell mute
// between two batches is given up after this.
const SMALL_ANSWER_MS_MAX = 15_000;
const ROW_MS_MAX = 1; // a COPY has so long, too, for each row: 400 bytes at 400 kB/s
const STALLED_MS_MAX = 12_000; // a batch moves every few milliseconds
const CLOSE_MS_MAX = 500;

const SETTINGS = {
  statement_timeout: STATEMENT_MS_MAX,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: STALLED_MS_MAX,
  // A link that is dead without a word is noticed within half a minute, and its locks are let go.
  tcp_keepalives_idle: 10,
  tcp_keepalives_interval: 5,
  tcp_keepalives_count: 4,
  // A crash of the server may undo the last half second of commits, offsets and rows alike, and what
  // was lost is read again. So no batch waits for the disk (8 ms of 13 for one of 200 rows).
  synchronous_commit: 'off',
  client_min_messages: 'warning', // not a notice for each staging table that is there already
};

/**
 * A sink's database: one connection, made when it is first needed. After any failure but a refusal
 * of rows it is thrown away, and the next batch begins on a new one.
 */
export class PostgresStore<Event> implements SinkStore<Event> {
  readonly copies: boolean;
  readonly table: SinkTable<Event>;
  readonly topic: Topic;
  readonly group: string;
  readonly scratch = copyScratch();
  readonly #session: SinkSession;
  #client: Client | null = null;
  #lockedOut = false; // the last transaction failed because another holds a lock

  constructor(table: SinkTable<Event>, session: SinkSession) {
    this.table = table;
    this.topic = table.topic;
    this.copies = table.copies;
    this.group = session.group;
    this.#session = session;
  }

  async begin(): Promise<SinkTransaction<Event>> {
    const client = await this.#connected();
    const transaction = new PostgresTransaction(this, client);
    if (this.#lockedOut) {
      const { stalledMsMax = STALLED_MS_MAX } = this.#session;
      await transaction.query('ending stalled consumers', endStalled, [this.#name, stalledMsMax]);
      this.#lockedOut = false;
    }
    await transaction.query('beginning a batch', 'begin');
    return transaction;
  }

  /** How long a statement that moves no rows may take to be answered. */
  get smallAnswerMsMax(): number {
    return Math.min(this.#session.answerMsMax ?? Infinity, SMALL_ANSWER_MS_MAX);
  }

  /** How long a COPY of so many rows may take to be answered. */
  answerMsMax(rows: number): number {
    const { answerMsMax = ANSWER_MS_MAX } = this.#session;
    return Math.min(answerMsMax, SMALL_ANSWER_MS_MAX + rows * ROW_MS_MAX);
  }

  async positions(): Promise<Map<number, number>> {
    const client = await this.#connected();
    try {
      return await readPositions(client, this.group, this.table.topic);
    } catch (cause) {
      this.discard(client, cause);
      throw cause;
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    const ended = client?.end().catch(() => undefined); // already gone: nothing is left to close
    await Promise.race([ended, Bun.sleep(CLOSE_MS_MAX)]); // a dead link says no goodbye
  }

  /** The connection is in a state nobody knows; what it had begun ends with it. */
  discard(client: Client, cause: unknown): void {
    if (this.#client === client) this.#client = null;
    this.#lockedOut = serverError(cause)?.code === '55P03';
    void client.end().catch(() => undefined); // may take as long as the dead link does
  }

  get #name(): string {
    return `millrace sink ${this.group}`;
  }

  async #connected(): Promise<Client> {
    if (this.#client) return this.#client;
    const { answerMsMax = ANSWER_MS_MAX } = this.#session;
    const settings = { ...SETTINGS, ...this.#session.settings };
    const options = { settings, queryMsMax: answerMsMax };
    const client = await connect(this.#session.databaseUrl, this.#name, options);
    // Lost while nobody was using it: the next batch need not find out the hard way.
    client.once('end', () => {
      if (this.#client === client) this.#client = null;
    });
    this.#client = client;
    return client;
  }
}

class PostgresTransaction<Event> implements SinkTransaction<Event> {
  readonly #store: PostgresStore<Event>;
  readonly #client: Client;
  #failed = false;
  #merges = 0;
  #copied: { events: readonly Event[]; effects: EffectsOf<Event> } | null = null;

  constructor(store: PostgresStore<Event>, client: Client) {
    this.#store = store;
    this.#client = client;
  }

  async claim(ranges: readonly OffsetRange[]): Promise<Map<number, number>> {
    const offsets = await this.#lock(ranges);
    const unseen = ranges.filter(({ partition }) => !offsets.has(partition));
    if (unseen.length === 0) return offsets;
    await this.#statement('enter_offsets', enterOffsets, [
      ...this.#key,
      unseen.map(({ partition }) => partition),
      unseen.map(({ from }) => from),
    ]);
    // A partition's beginning must outlive a crash of the server: without it, Kafka's hint alone would
    // say where to read on, and that may be beyond what was stored.
    await this.query('keeping where a partition begins', 'set local synchronous_commit = on');
    // Read again: another consumer may have been first, and this one has waited for it to commit.
    return await this.#lock(ranges);
  }

  screen(events: readonly Event[]): RefusedRow[] {
    const { scratch, table } = this.#store;
    const refused: RefusedRow[] = [];
    for (const [index, event] of events.entries()) {
      scratch.at = 0;
      try {
        table.writeRow(scratch, event);
      } catch (cause) {
        if (!(cause instanceof RangeError)) throw cause;
        refused.push({ index, message: cause.message });
      }
    }
    return refused;
  }

  async copy(events: readonly Event[]): Promise<void> {
    const { topic, columns, writeRow, effects } = this.#store.table;
    if (!effects) return await this.#rows(() => this.#copyInto(topic, columns, events, writeRow));
    // All of them go in or none, and now their texts are at hand: gathered later it takes thrice as long.
    const gathered = effects();
    await this.#rows(() =>
      this.#copyInto(topic, columns, events, (to, event) => {
        writeRow(to, event);
        gathered.add(event);
      }),
    );
    this.#copied = { events, effects: gathered };
  }

  async merge(events: readonly Event[]): Promise<number[]> {
    const { topic, columns, mergeSql } = this.#store.table;
    const staging = `staged_${topic}`;
    const standing = standFor(events, this.#store.table);
    const staged = Array.from(standing.values(), (index) => events[index]);
    await this.query(
      `staging ${topic}`,
      `savepoint merging; create temporary table if not exists ${staging} on commit delete rows
         as select ${columns.join(', ')} from ${topic} with no data` +
        (this.#merges++ > 0 ? `; truncate ${staging}` : ''),
    );
    try {
      const ids = await this.#rows(async () => {
        await this.#copyInto(staging, columns, staged, this.#store.table.writeRow);
        return await this.#client.query<{ id: string }>({ name: `merge_${topic}`, text: mergeSql });
      });
      await this.query(`merging ${topic}`, 'release savepoint merging');
      return ids.rows.map(({ id }) => standing.get(id) ?? missing(id));
    } catch (cause) {
      if (cause instanceof RowsRefused) {
        const undo = 'rollback to savepoint merging; release savepoint merging';
        await this.query(`taking back ${topic}`, undo);
      }
      throw cause;
    }
  }

  async bury(letters: readonly Rejected[]): Promise<void> {
    await this.#guard('keeping dead letters', () => buryLetters(this.#client, letters));
  }

  async note(landed: readonly Event[]): Promise<void> {
    const { topic } = this.#store.table;
    const statement = this.#effectsOf(landed)?.statement();
    if (statement) await this.#statement(`effects_${topic}`, statement.sql, statement.values);
  }

  async advance(moves: readonly Move[]): Promise<boolean> {
    const moved = await this.#statement('advance_offsets', advanceOffsets, [
      ...this.#key,
      moves.map((move) => move.partition),
      moves.map((move) => move.from),
      moves.map((move) => move.next),
      moves.map((move) => move.inserted),
      moves.map((move) => move.duplicates),
      moves.map((move) => move.rejected),
    ]);
    return moved.rowCount === moves.length;
  }

  async commit(): Promise<void> {
    await this.query('committing a batch', 'commit');
  }

  async rollback(): Promise<void> {
    if (this.#failed) return; // the connection went, and the transaction with it
    // A failure has thrown the connection away; there is nothing left to take back.
    await this.query('rolling back', 'rollback').catch(() => undefined);
  }

  async query(doing: string, sql: string, values?: unknown[]): Promise<void> {
    const asked = { text: sql, values, query_timeout: this.#store.smallAnswerMsMax };
    await this.#guard(doing, () => this.#client.query(asked));
  }

  get #key(): [string, string] {
    return [this.#store.group, this.#store.table.topic];
  }

  async #lock(ranges: readonly OffsetRange[]): Promise<Map<number, number>> {
    const partitions = ranges.map(({ partition }) => partition);
    const values = [...this.#key, partitions];
    const { rows } = await this.#statement('claim_offsets', claimOffsets, values);
    return new Map(rows.map((row) => [Number(row['partition']), Number(row['next_offset'])]));
  }

  #effectsOf(landed: readonly Event[]): EffectsOf<Event> | null {
    if (this.#copied?.events === landed) return this.#copied.effects;
    const effects = this.#store.table.effects?.() ?? null;
    if (effects) for (const event of landed) effects.add(event);
    return effects;
  }

  async #copyInto(
    table: string,
    columns: readonly string[],
    events: readonly Event[],
    writeRow: (to: CopyBuffer, event: Event) => void,
  ): Promise<void> {
    const { scratch } = this.#store;
    const answerMsMax = this.#store.answerMsMax(events.length);
    const options = { scratch, answerMsMax };
    const taken = await copyEncoded(this.#client, table, columns, events, writeRow, options);
    if (taken !== events.length) throw new Error(`${table} took ${taken} of ${events.length} rows`);
    metrics.copied.inc({ table: this.#store.table.topic }, taken);
  }

  /** A prepared statement: parsed and planned once a connection. */
  async #statement(name: string, text: string, values: unknown[]) {
    const asked = { name, text, values, query_timeout: this.#store.smallAnswerMsMax };
    return await this.#guard(name, () => this.#client.query(asked));
  }

  /** For work with rows: tells what they are to blame for from what they are not. */
  async #rows<Result>(work: () => Promise<Result>): Promise<Result> {
    const { topic } = this.#store.table;
    return await this.#guard(`storing ${topic}`, async () => {
      try {
        return await work();
      } catch (cause) {
        throw refusal(cause, topic) ?? cause;
      }
    });
  }

  async #guard<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof RowsRefused) throw cause;
      this.#failed = true;
      const failure = databaseFailure(cause, doing);
      this.#store.discard(this.#client, failure);
      throw failure;
    }
  }
}

/** By id, the index of the event that stands for all of that id. */
function standFor<Event>(
  events: readonly Event[],
  { idOf, supersedes }: SinkTable<Event>,
): Map<string, number> {
  const standing = new Map<string, number>();
  for (const [index, event] of events.entries()) {
    const id = idOf(event);
    const other = standing.get(id);
    if (other === undefined || supersedes(event, events[other])) standing.set(id, index);
  }
  return standing;
}

const DUPLICATE = '23505';
/** Bad values (22), broken constraints (23), and an index entry larger than a page takes. */
const REFUSALS = /^22|^23|^54000$/;

function refusal(cause: unknown, topic: string): RowsRefused | null {
  if (cause instanceof RangeError) return new RowsRefused('refused', cause.message, cause);
  const error = serverError(cause);
  if (!error || !REFUSALS.test(error.code)) return null;
  const isId = error.code === DUPLICATE && error.constraint === `${topic}_pkey`;
  const detail = error.detail ? `: ${error.detail}` : '';
  const message = `${error.message}${detail} (${error.code})`;
  return new RowsRefused(isId ? 'duplicate' : 'refused', message, cause);
}

function missing(id: string): never {
  throw new Error(`PostgreSQL returned ${id}, which was not staged`);
}
