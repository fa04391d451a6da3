import { PipelineError } from '../base/errors.ts';
import {
  parsePlace,
  placeText,
  REDRIVE_HEADER,
  type Place,
  type Rejected,
  type StreamRecord,
} from '../model/event.ts';
import keepDeadLetters from '../../sql/queries/keep_dead_letters.sql' with { type: 'text' };
import otherDeadLetter from '../../sql/queries/other_dead_letter.sql' with { type: 'text' };
import listDeadLetters from '../../sql/queries/list_dead_letters.sql' with { type: 'text' };
import { query, type Client } from './client.ts';
import { bytesArray, int32Array, textArray } from './copy-array.ts';

export const DEAD_LETTER_STATES = ['open', 'redriven', 'dismissed'] as const;
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** A dead letter without what it holds. */
export type DeadLetterHead = Place & {
  keyBytes: number | null; // null: there is none
  valueBytes: number | null;
  reason: string;
  message: string;
  firstSeenMs: number;
  state: DeadLetterState;
  redrivenAtMs: number | null;
  publishedAtMs: number | null; // null: not in its dead-letter topic yet
  redriveOf: string | null; // the place of the dead letter that was sent again as this one
};

/** The record is as Kafka had it, byte for byte. */
export type DeadLetter = DeadLetterHead & { record: StreamRecord };

export type DeadLetterFilter = {
  topic?: string;
  reason?: string;
  state?: DeadLetterState;
  after?: Place; // the last one of the page before
  limit?: number;
};

export const PAGE_ROWS_MAX = 1_000;
const nameDecoder = new TextDecoder('utf-8', { ignoreBOM: true }); // a name may begin with one
const MESSAGE_LENGTH_MAX = 1_000;
const CHUNK_LETTERS_MAX = 1_000;
const CHUNK_BYTES_MAX = 8 << 20; // a single record may be larger

/**
 * Keeps records; one that was kept before stays as it was. Part of the caller's transaction. Throws
 * DATABASE_FAILED where another record has the place of one: it would be lost, and counted as kept.
 */
export async function buryLetters(client: Client, letters: readonly Rejected[]): Promise<void> {
  for (const chunk of chunksOf(letters)) {
    const records = [
      textArray(chunk.map(({ record }) => record.topic)),
      int32Array(chunk.map(({ record }) => record.partition)),
      chunk.map(({ record }) => record.offset),
      bytesArray(chunk.map(({ record }) => record.key)),
      bytesArray(chunk.map(({ record }) => record.value)),
      textArray(chunk.map(({ record }) => headersText(record.headers))),
    ];
    const kept = await client.query({
      name: 'keep_dead_letters',
      text: keepDeadLetters,
      values: [
        ...records,
        textArray(chunk.map(({ reason }) => reason)),
        textArray(chunk.map(({ message }) => storable(message))),
        textArray(chunk.map(({ record }) => redriveOf(record))),
      ],
    });
    if (kept.rowCount !== chunk.length) await checkSameRecords(client, records);
  }
}

/** Dead letters in order of place, a page at a time. */
export async function findDeadLetters(
  client: Client,
  { topic, reason, state, after, limit = PAGE_ROWS_MAX }: DeadLetterFilter = {},
): Promise<DeadLetterHead[]> {
  const rows = await query<HeadRow>(client, 'listing dead letters', listDeadLetters, [
    topic ?? null,
    reason ?? null,
    state ?? null,
    after?.topic ?? null,
    after?.partition ?? null,
    after?.offset ?? null,
    Math.min(limit, PAGE_ROWS_MAX),
  ]);
  return rows.map(headOf);
}

/** One dead letter whole, or null. */
export async function readDeadLetter(client: Client, place: Place): Promise<DeadLetter | null> {
  const [row] = await query<LetterRow>(
    client,
    'reading a dead letter',
    `${SELECT_WHOLE} where topic = $1 and partition = $2 and record_offset = $3`,
    [place.topic, place.partition, place.offset],
  );
  return row ? letterOf(row) : null;
}

/** The places of the dead letters that one became when it was sent again. */
export async function redrivenAs(client: Client, place: Place): Promise<Place[]> {
  const rows = await query<PlaceRow>(
    client,
    'looking for a dead letter sent again',
    `select topic, partition, record_offset from dead_letters where redrive_of = $1
     order by topic, partition, record_offset`,
    [placeText(place)],
  );
  return rows.map(placeOf);
}

/**
 * Marks open dead letters as sent again or as not worth it, and returns which were open: two who
 * mark the same one at once cannot both get it.
 */
export async function closeDeadLetters(
  client: Client,
  places: readonly Place[],
  state: 'redriven' | 'dismissed',
): Promise<Place[]> {
  const rows = await query<PlaceRow>(
    client,
    `marking dead letters as ${state}`,
    `update dead_letters
     set state = $1, redriven_at = case when $1 = 'redriven' then now() end
     from unnest($2::text[], $3::integer[], $4::bigint[]) as marked (topic, partition, record_offset)
     where dead_letters.topic = marked.topic and dead_letters.partition = marked.partition
       and dead_letters.record_offset = marked.record_offset and state = 'open'
     returning dead_letters.topic, dead_letters.partition, dead_letters.record_offset`,
    [
      state,
      places.map(({ topic }) => topic),
      places.map(({ partition }) => partition),
      places.map(({ offset }) => offset),
    ],
  );
  return rows.map(placeOf);
}

export type DeadLetterCount = {
  topic: string;
  reason: string;
  state: DeadLetterState;
  count: number;
  unpublished: number; // of them, not in the dead-letter topic yet
};

/** How many there are, by topic, reason and state. */
export async function countDeadLetters(client: Client): Promise<DeadLetterCount[]> {
  type Row = Omit<DeadLetterCount, 'count' | 'unpublished'> & {
    count: string;
    unpublished: string;
  };
  const rows = await query<Row>(
    client,
    'counting dead letters',
    `select topic, reason, state, count(*), count(*) filter (where published_at is null) as unpublished
     from dead_letters group by topic, reason, state order by topic, reason, state`,
  );
  return rows.map(({ topic, reason, state, count, unpublished }) => ({
    topic,
    reason,
    state,
    count: Number(count),
    unpublished: Number(unpublished),
  }));
}

/** Offsets that have begun anew, in topics made anew, meet the dead letters of the old ones. */
async function checkSameRecords(client: Client, records: unknown[]): Promise<void> {
  const others = await client.query<PlaceRow>(otherDeadLetter, records);
  if (others.rows.length === 0) return;
  const { topic, partition, offset } = placeOf(others.rows[0]);
  throw new PipelineError(
    'DATABASE_FAILED',
    `another record than this one is kept in dead_letters for ${topic}/${partition} at ${offset}: ` +
      'these are of a Kafka, or of a topic, that is no more. Archive them (create table ' +
      `dead_letters_of_old_${topic} as select * from dead_letters where topic = '${topic}'; delete from ` +
      `dead_letters where topic = '${topic}'), then start again`,
  );
}

type PlaceRow = { topic: string; partition: number; record_offset: string };

type HeadRow = PlaceRow & {
  key_bytes: number | null;
  value_bytes: number | null;
  reason: string;
  message: string;
  first_seen: Date;
  state: DeadLetterState;
  redriven_at: Date | null;
  published_at: Date | null;
  redrive_of: string | null;
};

export type LetterRow = HeadRow & {
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: [string, string | null][];
};

export const SELECT_WHOLE =
  'select *, length(key) as key_bytes, length(value) as value_bytes from dead_letters';

function placeOf(row: PlaceRow): Place {
  return { topic: row.topic, partition: row.partition, offset: Number(row.record_offset) };
}

function headOf(row: HeadRow): DeadLetterHead {
  return {
    ...placeOf(row),
    keyBytes: row.key_bytes,
    valueBytes: row.value_bytes,
    reason: row.reason,
    message: row.message,
    firstSeenMs: row.first_seen.getTime(),
    state: row.state,
    redrivenAtMs: row.redriven_at?.getTime() ?? null,
    publishedAtMs: row.published_at?.getTime() ?? null,
    redriveOf: row.redrive_of,
  };
}

export function letterOf(row: LetterRow): DeadLetter {
  const headers = row.headers.map(([name, value]): readonly [string, Uint8Array | null] => [
    nameDecoder.decode(Uint8Array.fromBase64(name)),
    value === null ? null : Uint8Array.fromBase64(value),
  ]);
  const { key, value } = row;
  const record = { ...placeOf(row), key: bytesOf(key), value: bytesOf(value), headers };
  return { ...headOf(row), record };
}

/** The place that the record says it was sent again from. */
function redriveOf({ headers }: StreamRecord): string | null {
  const value = headers.findLast(([name]) => name === REDRIVE_HEADER)?.[1];
  const place = value && parsePlace(nameDecoder.decode(value));
  return place ? placeText(place) : null;
}

function bytesOf(value: Uint8Array | null): Uint8Array | null {
  return value === null ? null : new Uint8Array(value); // not the Buffer that `pg` made
}

/** Names in base64 too: a name may hold what jsonb cannot, and a dead letter must always go in. */
function headersText(headers: StreamRecord['headers']): string {
  return JSON.stringify(
    headers.map(([name, value]) => [
      new TextEncoder().encode(name).toBase64(),
      value === null ? null : value.toBase64(),
    ]),
  );
}

/** A message quotes what was refused, so it may hold what PostgreSQL cannot store. */
function storable(message: string): string {
  return message.slice(0, MESSAGE_LENGTH_MAX).replaceAll('\0', '\uFFFD').toWellFormed();
}

function* chunksOf(letters: readonly Rejected[]): Generator<Rejected[]> {
  let chunk: Rejected[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const size = sizeOf(letter.record);
    if (
      chunk.length === CHUNK_LETTERS_MAX ||
      (chunk.length > 0 && bytes + size > CHUNK_BYTES_MAX)
    ) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(letter);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

function sizeOf({ key, value, headers }: StreamRecord): number {
  let size = (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, bytes] of headers) size += name.length * 4 + (bytes?.length ?? 0) * 2;
  return size;
}
