import type { Place } from '../model/event.ts';
import { query, type Client } from './client.ts';
import { letterOf, SELECT_WHOLE, type DeadLetter, type LetterRow } from './dead-letters.ts';

/** Any constant: one publisher at a time, so that a letter is not sent once by each process. */
const PUBLISHER_LOCK = 4_711_012;

/** Whether this transaction may publish until it ends; false while another one does. */
export async function mayPublish(client: Client): Promise<boolean> {
  const [{ held }] = await query<{ held: boolean }>(
    client,
    'taking the lock of publishers',
    'select pg_try_advisory_xact_lock($1) as held',
    [PUBLISHER_LOCK],
  );
  return held;
}

/** Dead letters that are not in their dead-letter topic yet, whole and in order of place, behind `after`. */
export async function unpublishedLetters(
  client: Client,
  topics: readonly string[],
  limit: number,
  after: Place | null = null,
): Promise<DeadLetter[]> {
  const rows = await query<LetterRow>(
    client,
    'reading unpublished dead letters',
    `${SELECT_WHOLE} where published_at is null and topic = any ($1)
       and ($2::text is null or (topic, partition, record_offset) > ($2, $3::integer, $4::bigint))
     order by topic, partition, record_offset limit $5`,
    [topics, after?.topic ?? null, after?.partition ?? null, after?.offset ?? null, limit],
  );
  return rows.map(letterOf);
}

/** Notes that dead letters are in their dead-letter topic. */
export async function markPublished(client: Client, places: readonly Place[]): Promise<void> {
  await query(
    client,
    'marking dead letters as published',
    `update dead_letters set published_at = now()
     from unnest($1::text[], $2::integer[], $3::bigint[]) as sent (topic, partition, record_offset)
     where dead_letters.topic = sent.topic and dead_letters.partition = sent.partition
       and dead_letters.record_offset = sent.record_offset`,
    [
      places.map(({ topic }) => topic),
      places.map(({ partition }) => partition),
      places.map(({ offset }) => offset),
    ],
  );
}
