import type { Product } from './product.ts';
import type { User } from './user.ts';

/** The three topics; each has a dead-letter topic beside it. */
export const TOPICS = ['users', 'products', 'orders'] as const;
export type Topic = (typeof TOPICS)[number];

/** The three consumer groups (seed 002), by topic. */
export const GROUPS: Readonly<Record<Topic, string>> = {
  users: 'users_group',
  products: 'products_group',
  orders: 'orders_group',
};

/** Where a dead letter of a topic goes besides the table. */
export const deadLetterTopic = (topic: Topic): string => `${topic}.dlq`;

/** One bought article as it travels; the columns of `orders`. Money is whole won. */
export type OrderEvent = {
  orderId: string; // UUIDv7, also the event's id
  cartId: string;
  createdAtMs: number; // event time
  unitPrice: number;
  totalAmount: number;
  shippingCost: number;
  discountAmount: number;
  quantity: number;
  scenario: number;
  paymentMethod: string;
  status: string;
  productId: string;
  category: string;
  userId: string;
  userName: string;
  userRegion: string;
  userGender: string;
  userAgeGroup: string;
};

/** A sign-up or a changed customer; of two for one id, the later event time wins. */
export type UserEvent = { eventTimeMs: number; user: User };

/** A new or changed article; of two for one id, the later event time wins. */
export type ProductEvent = { eventTimeMs: number; product: Product };

export type EventOf = { users: UserEvent; products: ProductEvent; orders: OrderEvent };

/** Who made an event, and which one of its maker's it is; a hole in `sequence` is a lost event. */
export type Trace = { run: number; seed: number; sequence: number };

/** A message as Kafka has it. Offsets stay below 2^53. Header names may repeat. */
export type StreamRecord = {
  topic: string;
  partition: number;
  offset: number;
  key: Uint8Array | null;
  value: Uint8Array | null; // null: a tombstone
  headers: readonly (readonly [name: string, value: Uint8Array | null])[];
};

/** Where a record was; what a dead letter is known by. */
export type Place = { topic: string; partition: number; offset: number };

/** `orders:2:1041` */
export const placeText = ({ topic, partition, offset }: Place): string =>
  `${topic}:${partition}:${offset}`;

/** The place that `placeText` wrote; null if it is none. */
export function parsePlace(text: string): Place | null {
  const [, topic, partition, offset] = /^([\w.-]{1,249}):(\d{1,9}):(\d{1,16})$/.exec(text) ?? [];
  if (topic === undefined) return null;
  return { topic, partition: Number(partition), offset: Number(offset) };
}

/** The header of a dead letter that is sent again: its place. */
export const REDRIVE_HEADER = 'millrace-redrive-of';

/** Why a record was refused: a closed list, since it labels a metric. */
export const REJECT_REASONS = [
  'empty', // no value, or one of no bytes
  'too_large',
  'encoding', // not UTF-8
  'json', // not JSON, too deep, or an object with one name twice
  'version', // of the envelope, unknown
  'type', // not an event of this topic
  'field', // missing, of the wrong type, or out of range
  'key', // not the key that this event must have
  'database', // refused by PostgreSQL alone
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

export type Rejected = { record: StreamRecord; reason: RejectReason; message: string };

/** Offsets [from, next) of a partition. */
export type OffsetRange = { partition: number; from: number; next: number };

/** What one transaction stores: everything a consumer took from its partitions, good or not. */
export type Batch<Event> = {
  topic: Topic;
  group: string;
  ranges: OffsetRange[]; // one a partition
  events: Event[];
  records: StreamRecord[]; // events[i] came as records[i]
  rejected: Rejected[];
};

/** What became of a batch. skipped + inserted + duplicates + rejected is all of its records. */
export type Stored = {
  skipped: number; // below the stored offset: stored earlier, by us or by another
  inserted: number; // new rows, and rows that changed
  duplicates: number; // the id was there, or a later event of it
  rejected: number; // dead letters, those that PostgreSQL refused included
  seconds: { copy: number; merge: number; commit: number };
};

/**
 * Stores batches, each whole or not at all, each record once. Throws OFFSET_TAKEN when another
 * consumer was there first and OFFSET_GAP when records are missing in front of the batch.
 */
export type Sink<Event> = {
  write(batch: Batch<Event>): Promise<Stored>;
  /** Where to read on, by partition; a partition never seen is not in the map. */
  positions(): Promise<Map<number, number>>;
  close(): Promise<void>;
};
