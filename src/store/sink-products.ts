import mergeProducts from '../../sql/queries/merge_products.sql' with { type: 'text' };
import { GROUPS, type ProductEvent, type Sink } from '../model/event.ts';
import { PRODUCT_FACTS, writeProductFacts } from './product-columns.ts';
import type { SinkOptions } from './sink-orders.ts';
import { PostgresStore } from './sink-postgres.ts';
import type { SinkTable } from './sink-table.ts';
import { ExactlyOnceSink } from './sink.ts';

const COLUMNS = [...PRODUCT_FACTS, 'event_at'];

/** A row an article, as the newest event has it. `order_count` comes from stored orders alone. */
export const PRODUCT_TABLE: SinkTable<ProductEvent> = {
  topic: 'products',
  columns: COLUMNS,
  copies: false,
  mergeSql: mergeProducts,
  writeRow(to, { product, eventTimeMs }) {
    to.row(COLUMNS.length);
    writeProductFacts(to, product);
    to.timestamp(eventTimeMs);
  },
  idOf: ({ product }) => product.productId,
  supersedes: (later, earlier) => later.eventTimeMs >= earlier.eventTimeMs,
  effects: null,
};

export function productSink({
  group = GROUPS.products,
  ...session
}: SinkOptions): Sink<ProductEvent> {
  return new ExactlyOnceSink(new PostgresStore(PRODUCT_TABLE, { ...session, group }));
}
