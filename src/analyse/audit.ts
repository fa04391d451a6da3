import type { Redis } from '../cache/client.ts';
import {
  GROUPS,
  TOPICS,
  placeText,
  type EventOf,
  type Place,
  type StreamRecord,
  type Topic,
  type Trace,
} from '../model/event.ts';
import { transaction, type Client } from '../store/client.ts';
import { CopyBuffer } from '../store/copy-buffer.ts';
import { findDeadLetters, readDeadLetter } from '../store/dead-letters.ts';
import { compareDerived, type DerivedDifference } from '../store/derived.ts';
import { heldTopicId, storedOffsets, type StoredOffset } from '../store/offsets.ts';
import { ORDER_TABLE } from '../store/sink-orders.ts';
import { PRODUCT_TABLE } from '../store/sink-products.ts';
import type { SinkTable } from '../store/sink-table.ts';
import { USER_TABLE } from '../store/sink-users.ts';
import { markWritten, storedRows } from '../store/stored-rows.ts';
import type { PartitionEdges, StreamAdmin } from '../stream/admin.ts';
import { readPartition } from '../stream/read-topic.ts';
import { Refusal } from '../stream/refusal.ts';
import { decode } from '../stream/wire-decode.ts';
import { parseTrace, TRACE_HEADER } from '../stream/wire.ts';
import { auditCache, cachedPools, type CacheAudit } from './audit-cache.ts';
import {
  auditLetterTopics,
  publishedSoFar,
  type LetterMark,
  type LetterTopicAudit,
} from './audit-letters.ts';
import type { AckedRange } from './ledger.ts';
import { SequenceBook } from './sequences.ts';

/** What became of a topic's records. Counts are of ids unless they say records. */
export type TopicAudit = {
  topic: Topic;
  records: number; // in Kafka, read again for this
  repeated: number; // records whose event an earlier record had brought
  refused: number; // records that are no event: dead letters, all of them
  produced: number; // events that ought to be stored
  stored: number; // of them
  lost: number;
  skipped: number; // passed over by a consumer, as they were gone from Kafka
  doubled: number; // of one maker's one number, and not of one id
  changed: number; // stored otherwise than they were sent
  phantom: number; // stored by the stream, and in no record
  pending: number; // records behind the stored offset, which are not judged
  expired: number; // records Kafka threw away before this audit
  lettersMissing: number; // refused records that are no dead letters
  lettersWrong: number; // dead letters that differ from their record, or are events that went in
};

export type Audit = {
  produced: number;
  stored: number;
  lost: number;
  duplicated: number; // rows that one event made a second time, under another id
  deadLetters: number;
  unpublished: number; // of them, on their way to their dead-letter topic
  pending: number;
  inDoubt: number; // numbers just below a maker's last that never came: it was killed, or is at work
  derivedWrong: number;
  topics: TopicAudit[];
  letters: LetterTopicAudit[];
  derived: DerivedDifference[];
  cache: CacheAudit | null; // null: not asked, or nothing cached
  firstDifference: string | null;
  clean: boolean; // nothing differs and nothing is on its way
};

/** What is compared of a row; the rest belongs to the database. */
type Facts<T extends Topic> = {
  table: SinkTable<EventOf[T]>;
  select: string;
  event: (event: EventOf[T]) => EventOf[T];
  timeMs: (event: EventOf[T]) => number;
};

const FACTS: { [T in Topic]: Facts<T> } = {
  users: {
    table: USER_TABLE,
    // The grade is the updater's once the row is there.
    select: `select ${USER_TABLE.columns.map((name) => (name === 'grade' ? "'BRONZE'" : name)).join(', ')}
      from users where event_at is not null`,
    event: ({ user, eventTimeMs }) => ({ eventTimeMs, user: { ...user, grade: 'BRONZE' } }),
    timeMs: ({ eventTimeMs }) => eventTimeMs,
  },
  products: {
    table: PRODUCT_TABLE,
    select: `select ${PRODUCT_TABLE.columns.join(', ')} from products where event_at is not null`,
    event: (event) => event,
    timeMs: ({ eventTimeMs }) => eventTimeMs,
  },
  orders: {
    table: ORDER_TABLE,
    select: `select ${ORDER_TABLE.columns.join(', ')} from orders
      where not exists (select from backfill_runs where run = order_run(order_id))`,
    event: (event) => event,
    timeMs: () => 0, // the first of an id stays
  },
};

/** Around the audit: what it may also look at. */
export type AuditOptions = {
  redis?: Redis | null;
  /** What makers wrote down of their sending; see readLedger. */
  ledger?: readonly AckedRange[] | null;
};

/**
 * Holds PostgreSQL against Kafka, record by record: reads every record again, decides anew what it
 * is, and looks for its row and its every value. Reads only. Keeps about 200 bytes an event.
 */
export async function audit(
  client: Client,
  admin: StreamAdmin,
  { redis = null, ledger = null }: AuditOptions = {},
): Promise<Audit> {
  const first: string[] = [];
  const note = (difference: string): void => void first.push(difference);
  // Before the snapshot: what is cached later may come from rows that the snapshot does not have.
  const cached = redis === null ? null : await cachedPools(redis);
  const published = await publishedSoFar(admin);
  // One snapshot for all questions, so that a running stream does not move between them.
  return await transaction(client, 'auditing', async () => {
    await client.query('set transaction isolation level repeatable read read only');
    const offsets = await storedOffsets(client);
    const letters = await readPlaces(client);
    const book = new SequenceBook(await lastRun(client));
    const topics: TopicAudit[] = [];
    for (const topic of TOPICS) {
      await checkTopic(client, admin, topic, note);
      // After the offsets, so that Kafka is never behind what is stored; if it is, it is another Kafka.
      const edges = judged(await admin.edges(topic), topic, offsets, note);
      topics.push(await auditTopic({ client, admin, topic, edges, letters, book, note }));
    }
    const letterTopics = await auditLetterTopics(admin, letters, published, note);
    const derived = await compareDerived(client);
    for (const { column, wrong, firstId, expected, found } of derived) {
      if (wrong > 0) note(`${column} of ${firstId} is ${found}; its orders say ${expected}`);
    }
    const cache = cached === null ? null : await auditCache(client, cached);
    if (cache?.firstDifference) note(cache.firstDifference);
    // A record that is gone or not judged yet is no hole.
    const whole = topics.filter(({ expired, pending }) => expired === 0 && pending === 0);
    const counted = book.count(
      whole.map(({ topic }) => topic),
      ledger,
    );
    if (counted.firstHole !== null) note(counted.firstHole);
    const sum = (key: Exclude<keyof TopicAudit, 'topic'>): number =>
      topics.reduce((total, topic) => total + topic[key], 0);
    const result = {
      produced: sum('produced'),
      stored: sum('stored'),
      lost: sum('lost') + sum('skipped') + sum('lettersMissing') + counted.missing,
      duplicated: sum('doubled'),
      deadLetters: letters.size,
      unpublished: letterTopics.reduce((total, { unpublished }) => total + unpublished, 0),
      pending: sum('pending'),
      inDoubt: counted.inDoubt,
      derivedWrong: derived.reduce((total, { wrong }) => total + wrong, 0),
      topics,
      letters: letterTopics,
      derived,
      cache,
      firstDifference: first[0] ?? null,
    };
    return { ...result, clean: first.length === 0 && result.pending + result.unpublished === 0 };
  });
}

/** Offsets of a topic that was deleted and made anew say nothing about its records. */
async function checkTopic(
  client: Client,
  admin: StreamAdmin,
  topic: Topic,
  note: (difference: string) => void,
): Promise<void> {
  const held = await heldTopicId(client, GROUPS[topic], topic);
  const id = await admin.topicId(topic);
  if (held === null || held === id) return;
  note(`the offsets of ${topic} count in the topic of id ${held}, and the one in Kafka is ${id}`);
}

/** Offsets to judge: what a consumer has stored, or was to store from the beginning. */
type Judged = PartitionEdges & { expired: number; pending: number; skipped: number };

function judged(
  edges: readonly PartitionEdges[],
  topic: Topic,
  offsets: readonly StoredOffset[],
  note: (difference: string) => void,
): Judged[] {
  return edges.map(({ partition, first, end }) => {
    const stored = offsets.find(
      (offset) =>
        offset.topic === topic && offset.group === GROUPS[topic] && offset.partition === partition,
    );
    if (stored === undefined) {
      return { partition, first, end: first, expired: first, pending: end - first, skipped: 0 };
    }
    if (stored.next > end) {
      note(
        `${topic} ${partition} is stored up to ${stored.next} and ends at ${end} in Kafka: another Kafka?`,
      );
    }
    // Every offset that was passed was counted as something, or was gone before it could be read.
    const counted = stored.inserted + stored.duplicates + stored.rejected;
    const skipped = stored.next - stored.first - counted;
    if (skipped !== 0) {
      note(
        `${topic} ${partition}: ${skipped} records of ${stored.first} to ${stored.next} were passed over`,
      );
    }
    const next = Math.min(end, stored.next);
    const expired = Math.max(0, first - stored.first);
    return { partition, first, end: Math.max(first, next), expired, pending: end - next, skipped };
  });
}

/** The highest number a maker of ours can have; whoever claims another is a stranger. */
async function lastRun(client: Client): Promise<number> {
  const { rows } = await client.query<{ last: string }>(
    'select last_value as last from run_numbers',
  );
  return Number(rows[0].last);
}

type TopicQuestion<T extends Topic> = {
  client: Client;
  admin: StreamAdmin;
  topic: T;
  edges: Judged[];
  letters: Map<string, LetterMark>;
  book: SequenceBook;
  note: (difference: string) => void;
};

async function auditTopic<T extends Topic>(question: TopicQuestion<T>): Promise<TopicAudit> {
  const { admin, topic, edges } = question;
  const audited: TopicAudit = {
    topic,
    records: 0,
    repeated: 0,
    refused: 0,
    produced: 0,
    stored: 0,
    lost: 0,
    skipped: edges.reduce((sum, edge) => sum + edge.skipped, 0),
    doubled: 0,
    changed: 0,
    phantom: 0,
    pending: edges.reduce((sum, edge) => sum + edge.pending, 0),
    expired: edges.reduce((sum, edge) => sum + edge.expired, 0),
    lettersMissing: 0,
    lettersWrong: 0,
  };
  const expected = new Expected(FACTS[topic]);
  for (const edge of edges) {
    for await (const records of readPartition(admin, topic, edge)) {
      for (const record of records) {
        audited.records++;
        await judge(question, record, audited, expected);
      }
    }
  }
  await compare(question, audited, expected);
  return audited;
}

/** What one record ought to have become. */
async function judge<T extends Topic>(
  { client, topic, letters, book, note }: TopicQuestion<T>,
  record: StreamRecord,
  audited: TopicAudit,
  expected: Expected<T>,
): Promise<void> {
  const place = placeText(record);
  const letter = letters.get(place);
  const event = decode(topic, record);
  if (letter !== undefined && !(await sameLetter(client, record))) {
    audited.lettersWrong++;
    note(`the dead letter of ${place} is not what Kafka has there`);
  }
  if (event instanceof Refusal) {
    audited.refused++;
    if (letter !== undefined) return;
    audited.lettersMissing++;
    note(`${place} is no event (${event.message}), and no dead letter either`);
    return;
  }
  const trace = traceOf(record);
  const seen = trace !== null && book.add(topic, trace);
  if (letter === undefined) {
    const isNew = expected.add(event);
    if (!isNew) audited.repeated++;
    if (!isNew || !seen) return;
    audited.doubled++;
    note(`${place} is number ${trace?.sequence} of run ${trace?.run} again, under another id`);
  } else if (letter.reason !== 'database' && letter.open) {
    audited.lettersWrong++;
    note(`${place} is an event, and a dead letter because of its ${letter.reason}`);
  }
}

/** Goes through the stored rows and takes each off what is expected. */
async function compare<T extends Topic>(
  { client, topic, edges, note }: TopicQuestion<T>,
  audited: TopicAudit,
  expected: Expected<T>,
): Promise<void> {
  audited.produced = expected.count;
  // With records gone, or not judged yet, a row without one proves nothing.
  const complete = edges.every(({ pending, expired }) => pending === 0 && expired === 0);
  for await (const { id, hash } of storedRows(client, FACTS[topic].select)) {
    const verdict = expected.take(id, hash);
    if (verdict === 'unknown') {
      if (!complete) continue;
      audited.phantom++;
      note(`${topic}: ${printId(topic, id)} is stored, and no record brought it`);
      continue;
    }
    audited.stored++;
    if (verdict === 'same' || audited.pending > 0) continue;
    audited.changed++;
    note(`${topic}: ${printId(topic, id)} is stored otherwise than it was sent`);
  }
  audited.lost = expected.count;
  const lost = expected.firstLeft();
  if (lost !== null) note(`${topic}: ${printId(topic, lost)} is in Kafka and not in PostgreSQL`);
}

/** The rows that events ought to have made, by id. */
class Expected<T extends Topic> {
  readonly #facts: Facts<T>;
  readonly #rows = new Map<string, { hash: number; timeMs: number }>();
  readonly #buffer = new CopyBuffer(4_096);

  constructor(facts: Facts<T>) {
    this.#facts = facts;
  }

  /** Events of different ids, and after `take` those that are left. */
  get count(): number {
    return this.#rows.size;
  }

  /** False if a row of that id was expected already; the event that stands is the newest. */
  add(event: EventOf[T]): boolean {
    const { table, event: factsOf, timeMs } = this.#facts;
    const { id, hash } = markWritten(this.#buffer, (to) => table.writeRow(to, factsOf(event)));
    const known = this.#rows.get(id);
    const row = { hash, timeMs: timeMs(event) };
    if (known === undefined) this.#rows.set(id, row);
    else if (table.topic !== 'orders' && row.timeMs >= known.timeMs) this.#rows.set(id, row);
    return known === undefined;
  }

  take(id: string, hash: number): 'same' | 'other' | 'unknown' {
    const row = this.#rows.get(id);
    if (row === undefined) return 'unknown';
    this.#rows.delete(id); // an id is a key, so no second row of it can come
    return row.hash === hash ? 'same' : 'other';
  }

  firstLeft(): string | null {
    for (const id of this.#rows.keys()) return id;
    return null;
  }
}

function traceOf({ headers }: StreamRecord): Trace | null {
  const header = headers.find(([name]) => name === TRACE_HEADER);
  return header ? parseTrace(header[1]) : null;
}

/** Every dead letter by place. */
async function readPlaces(client: Client): Promise<Map<string, LetterMark>> {
  const marks = new Map<string, LetterMark>();
  let after: Place | undefined;
  for (;;) {
    const page = await findDeadLetters(client, after ? { after } : {});
    for (const letter of page) {
      const { topic, reason, state, publishedAtMs } = letter;
      const published = publishedAtMs !== null;
      marks.set(placeText(letter), { topic, reason, open: state === 'open', published });
    }
    after = page.at(-1);
    if (after === undefined) return marks;
  }
}

async function sameLetter(client: Client, record: StreamRecord): Promise<boolean> {
  const letter = await readDeadLetter(client, record);
  return letter !== null && Bun.deepEquals(plain(letter.record), plain(record));
}

/** Bytes as text, whichever kind of array they came in. */
function plain({ key, value, headers }: StreamRecord): unknown {
  return [base64(key), base64(value), headers.map(([name, bytes]) => [name, base64(bytes)])];
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes && bytes.toBase64();
}

function printId(topic: Topic, id: string): string {
  if (topic !== 'orders') return id;
  const hex = Buffer.from(id, 'latin1').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
