-- src/store/base.ts, at the start of a backfill: what an order copies from its product, then what the rules ask.
copy (
  select product_id, category, extract(epoch from created_at)::float8 * 1000, price
  from products
  order by created_at, product_id
) to stdout (format binary)
