import type { Product } from '../model/product.ts';
import type { CopyBuffer } from './copy-buffer.ts';

/** What an article is, by column: all of a row but what happens to it later. */
export const PRODUCT_FACTS = [
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
] as const;

/** Writes the fields of PRODUCT_FACTS. */
export function writeProductFacts(to: CopyBuffer, product: Product): void {
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
}
