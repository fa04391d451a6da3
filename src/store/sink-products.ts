import mergeProducts from '../../sql/queries/merge_products.sql' with { type: 'text' };
import { GROUPS, type ProductEvent, type Sink } from '../model/event.ts';
import type { SinkOptions } from './sink-orders.ts';
import { PostgresStore } from './sink-postgres.ts';
import type { SinkTable } from './sink-table.ts';
import { ExactlyOnceSink } from './sink.ts';

const COLUMNS = [
  'product_id',
  'category',
  'name',
  'org_price',
  'price',
  'discount_rate',
  'description',
  'brand',
  'stock',
  'rating',
  'review_count',
  'is_best',
  'created_at',
  'event_at',
];

/** A row an article, as the newest event has it. `order_count` comes from stored orders alone. */
export const PRODUCT_TABLE: SinkTable<ProductEvent> = {
  topic: 'products',
  columns: COLUMNS,
  copies: false,
  mergeSql: mergeProducts,
  writeRow(to, { product, eventTimeMs }) {
    to.row(COLUMNS.length);
    to.text(product.productId);
    to.text(product.category);
    to.text(product.name);
    to.int64(product.orgPrice);
    to.int64(product.price);
    to.float64(product.discountRate);
    to.text(product.description);
    to.text(product.brand);
    to.int32(product.stock);
    to.float64(product.rating);
    to.int32(product.reviewCount);
    to.boolean(product.isBest);
    to.timestamp(product.createdAtMs);
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
