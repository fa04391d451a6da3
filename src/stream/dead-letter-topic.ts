import {
  deadLetterTopic,
  parsePlace,
  placeText,
  type Place,
  type StreamRecord,
  type Topic,
} from '../model/event.ts';
import type { OutgoingRecord } from './port.ts';

/** What a dead letter carries besides the record's own headers, behind them: place, reason, message. */
const PLACE_HEADER = 'millrace-dlq-place';
const REASON_HEADER = 'millrace-dlq-reason';
const MESSAGE_HEADER = 'millrace-dlq-message';

const encoder = new TextEncoder();

/** A record as it goes to its dead-letter topic: key, value and headers as they came, and why it is there. */
export function deadLetterRecord(
  topic: Topic,
  { record, reason, message }: { record: StreamRecord; reason: string; message: string },
): OutgoingRecord {
  return {
    topic: deadLetterTopic(topic),
    key: record.key,
    value: record.value,
    headers: [
      ...record.headers,
      [PLACE_HEADER, encoder.encode(placeText(record))],
      [REASON_HEADER, encoder.encode(reason)],
      [MESSAGE_HEADER, encoder.encode(message)],
    ],
  };
}

/** Where a record of a dead-letter topic was before; null if it does not say so. */
export function placeBefore({ headers }: StreamRecord): Place | null {
  // The last one of the name: the record may have come with one of its own.
  const value = headers.findLast(([name]) => name === PLACE_HEADER)?.[1];
  return value ? parsePlace(new TextDecoder().decode(value)) : null;
}
