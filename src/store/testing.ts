import {
  GROUPS,
  type Batch,
  type EventOf,
  type OrderEvent,
  type ProductEvent,
  type Rejected,
  type StreamRecord,
  type Topic,
  type UserEvent,
} from '../model/event.ts';
import { orderId } from '../model/order.ts';

/** Events for tests, each from its number alone. */
const START_MS = 1_767_225_600_000; // 2026-01-01T00:00:00Z

export function orderEvent(number: number, changes: Partial<OrderEvent> = {}): OrderEvent {
  const key = { timeMs: START_MS + number, seed: 1, run: 1, cart: number };
  return {
    orderId: orderId({ ...key, item: 0 }),
    cartId: orderId({ ...key, item: 0 }),
    createdAtMs: START_MS + number,
    unitPrice: 12_000,
    totalAmount: 26_500,
    shippingCost: 2_500,
    discountAmount: 0,
    quantity: 2,
    scenario: 0,
    paymentMethod: 'Card',
    status: 'Success',
    productId: `P${String(number % 7).padStart(8, '0')}`,
    category: '스킨케어',
    userId: `U_${String(number % 5).padStart(8, '0')}`,
    userName: '김하늘',
    userRegion: '서울특별시',
    userGender: 'F',
    userAgeGroup: '30대',
    ...changes,
  };
}

export function userEvent(
  number: number,
  changes: Partial<UserEvent['user']> = {},
  eventTimeMs = START_MS + number,
): UserEvent {
  const user: UserEvent['user'] = {
    userId: `U_${String(number).padStart(8, '0')}`,
    name: '김하늘',
    gender: 'F',
    age: 30 + (number % 40),
    birthYear: 1990,
    address: '서울특별시 강남구 테헤란로 1',
    addressDistrict: '서울특별시',
    email: `user.${number}@example.com`,
    grade: 'BRONZE',
    status: 'ACTIVE',
    lastLoginAtMs: START_MS,
    lastOrderedAtMs: null,
    marketingAgree: true,
    randomSeed: 0.25,
    createdAtMs: START_MS,
    ...changes,
  };
  return { eventTimeMs, user };
}

export function productEvent(
  number: number,
  changes: Partial<ProductEvent['product']> = {},
  eventTimeMs = START_MS + number,
): ProductEvent {
  const product: ProductEvent['product'] = {
    productId: `P${String(number).padStart(8, '0')}`,
    category: '스킨케어',
    name: '수분 크림',
    orgPrice: 15_000,
    price: 12_000,
    discountRate: 0.2,
    description: '촉촉합니다',
    brand: '하늘',
    stock: 100,
    rating: 4.5,
    reviewCount: 12,
    isBest: false,
    createdAtMs: START_MS,
    orderCount: 0,
    ...changes,
  };
  return { eventTimeMs, product };
}

/** A record of which only the place matters. */
export function recordAt(topic: Topic, partition: number, offset: number): StreamRecord {
  return {
    topic,
    partition,
    offset,
    key: null,
    value: new Uint8Array([offset & 0xff]),
    headers: [],
  };
}

/** A batch of one partition, one event an offset from `from` on. */
export function batchAt<T extends Topic>(
  topic: T,
  partition: number,
  from: number,
  events: readonly EventOf[T][],
): Batch<EventOf[T]> {
  return {
    topic,
    group: GROUPS[topic],
    ranges: [{ partition, from, next: from + events.length }],
    events: [...events],
    records: events.map((_, index) => recordAt(topic, partition, from + index)),
    rejected: [],
  };
}

/** Batches of several partitions as one. */
export function together<Event>(...batches: readonly Batch<Event>[]): Batch<Event> {
  return {
    ...batches[0],
    ranges: batches.flatMap(({ ranges }) => ranges),
    events: batches.flatMap(({ events }) => events),
    records: batches.flatMap(({ records }) => records),
    rejected: batches.flatMap(({ rejected }) => rejected),
  };
}

/** The batch with a record at its end that validation has refused. */
export function withRejected<Event>(
  batch: Batch<Event>,
  letter: Omit<Rejected, 'record'>,
): Batch<Event> {
  const [range] = batch.ranges;
  const record = recordAt(batch.topic, range.partition, range.next);
  return {
    ...batch,
    ranges: [{ ...range, next: range.next + 1 }, ...batch.ranges.slice(1)],
    rejected: [...batch.rejected, { record, ...letter }],
  };
}
