import mergeOrders from '../../sql/queries/merge_orders.sql' with { type: 'text' };
import { GROUPS, type OrderEvent, type Sink } from '../model/event.ts';
import { OrderEffects } from './effects.ts';
import { ORDER_COLUMNS } from './order-copy.ts';
import { writeOrderEvent } from './order-event-copy.ts';
import { PostgresStore, type SinkSession } from './sink-postgres.ts';
import type { SinkTable } from './sink-table.ts';
import { ExactlyOnceSink } from './sink.ts';

/** What all three sinks need; the group is that of the topic unless another is named. */
export type SinkOptions = Omit<SinkSession, 'group'> & { group?: string };

/** A row an order, never changed: the first of one id stays. */
export const ORDER_TABLE: SinkTable<OrderEvent> = {
  topic: 'orders',
  columns: ORDER_COLUMNS,
  copies: true,
  mergeSql: mergeOrders,
  writeRow: writeOrderEvent,
  idOf: (order) => order.orderId.toLowerCase(),
  supersedes: () => false,
  effects: () => new OrderEffects(),
};

export function orderSink({ group = GROUPS.orders, ...session }: SinkOptions): Sink<OrderEvent> {
  return new ExactlyOnceSink(new PostgresStore(ORDER_TABLE, { ...session, group }));
}
