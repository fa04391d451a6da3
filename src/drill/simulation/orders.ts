import type { OrderEvent, RejectReason, StreamRecord } from '../../model/event.ts';
import { orderBatch } from '../../model/order-batch.ts';
import { ORDER_STATUSES } from '../../model/order.ts';
import { poisonKinds } from '../../stream/poison-corpus.ts';
import type { OutgoingRecord } from '../../stream/port.ts';
import { Refusal } from '../../stream/refusal.ts';
import { decode } from '../../stream/wire-decode.ts';
import { encodeOrders, orderParts } from '../../stream/wire-orders.ts';

/** The stream of every world is a part of this one, so nothing is encoded world by world. */
export const ORDERS_MAX = 15;
export const START_MS = Date.UTC(2026, 10, 21);

const REFUSED = '거절'; // a name that the database refuses
const UNSENDABLE = '못보냄'; // a name that cannot even be sent
const USERS = ['김서준', '이하은', '박도윤', '최지우', '정시우', REFUSED, UNSENDABLE];
const PRODUCTS = ['골프', '스킨케어', '원피스'];
const VALUE_BYTES_MAX = 4_096; // of a poison: large ones cost much and show nothing more

const PARTS = orderParts(
  USERS.map((name, index) => ({
    userId: `U_0000000${index}`,
    name,
    addressDistrict: '경기도',
    gender: index % 2 === 0 ? 'M' : 'F',
    age: 20 + index,
  })),
  PRODUCTS.map((category, index) => ({ productId: `P0000000${index}`, category })),
);

export type Order = { record: OutgoingRecord; event: OrderEvent };

export const ORDERS: readonly Order[] = makeOrders();

export type Poison = { record: OutgoingRecord; reason: RejectReason };

/** One of each small kind in the corpus. */
export const POISON: readonly Poison[] = poisonKinds(1 << 20)
  .map(({ spoil, reason }, index) => ({
    record: spoil(ORDERS[index % ORDERS_MAX].record),
    reason,
  }))
  .filter(({ record }) => (record.value?.length ?? 0) <= VALUE_BYTES_MAX);

/** Why the database refuses an order; null: it does not. */
export function refusalOf({ userName }: OrderEvent): 'unsendable' | 'refused' | null {
  if (userName === UNSENDABLE) return 'unsendable';
  return userName === REFUSED ? 'refused' : null;
}

function makeOrders(): Order[] {
  const batch = orderBatch(ORDERS_MAX);
  batch.count = ORDERS_MAX;
  for (let row = 0; row < ORDERS_MAX; row++) {
    batch.cart[row] = row;
    // Not rising: the last order of a customer is not always the one stored last.
    batch.createdAtMs[row] = START_MS + ((row * 7) % ORDERS_MAX) * 1_000;
    batch.quantity[row] = 1;
    batch.user[row] = row % 7 === 6 ? 5 + (row % 2) : row % 5;
    batch.product[row] = row % PRODUCTS.length;
    batch.status[row] = row % 6 === 5 ? 1 + (row % (ORDER_STATUSES.length - 1)) : 0;
  }
  return encodeOrders(batch, PARTS, { run: 1, seed: 1, sequence: 0 }).map((record) => ({
    record,
    event: eventOf(record),
  }));
}

function eventOf(outgoing: OutgoingRecord): OrderEvent {
  const record: StreamRecord = { ...outgoing, partition: 0, offset: 0 };
  const event = decode('orders', record);
  if (event instanceof Refusal) throw event;
  return event;
}
