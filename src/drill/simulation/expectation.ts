import type { OrderEvent, RejectReason, StreamRecord } from '../../model/event.ts';
import type { OutgoingRecord } from '../../stream/port.ts';
import type { SimulatedKafka } from './kafka.ts';
import { ORDERS, POISON, refusalOf } from './orders.ts';

/** What must be stored of a topic, worked out from its records; whether these are all, `Progress` says. */
export type Expectation = {
  orders: Map<string, OrderEvent>;
  letters: Map<string, { record: StreamRecord; reason: RejectReason }>; // by partition/offset
  lastOrdered: Map<string, number>;
  sold: Map<string, number>;
};

const EVENTS = new Map<OutgoingRecord, OrderEvent>(
  ORDERS.map(({ record, event }) => [record, event]),
);
const REASONS = new Map<OutgoingRecord, RejectReason>(
  POISON.map(({ record, reason }) => [record, reason]),
);

export function expectationOf({ logs }: SimulatedKafka): Expectation {
  const expected: Expectation = {
    orders: new Map(),
    letters: new Map(),
    lastOrdered: new Map(),
    sold: new Map(),
  };
  for (const { records, sources } of logs) {
    for (const [at, source] of sources.entries()) expect(expected, source, records[at]);
  }
  return expected;
}

function expect(expected: Expectation, source: OutgoingRecord, record: StreamRecord): void {
  const event = EVENTS.get(source);
  const reason = event && refusalOf(event) === null ? null : (REASONS.get(source) ?? 'database');
  if (!event || reason !== null) {
    const place = `${record.partition}/${record.offset}`;
    expected.letters.set(place, { record, reason: reason ?? 'database' });
    return;
  }
  const { orderId, userId, productId, status, createdAtMs } = event;
  if (expected.orders.has(orderId)) return;
  expected.orders.set(orderId, event);
  if (status !== 'Success') return;
  const { lastOrdered, sold } = expected;
  lastOrdered.set(userId, Math.max(createdAtMs, lastOrdered.get(userId) ?? 0));
  sold.set(productId, 1 + (sold.get(productId) ?? 0));
}
