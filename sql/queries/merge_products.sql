-- src/store/sink-products.ts: staged articles, at most one row each. The newest event wins, of two of one moment
-- the one that comes later; a row without event_at was seeded and is as old as created_at. order_count is the
-- folder's: an existing row keeps it. By id, so nobody locks crosswise.
insert into products as kept (
  product_id, category, name, org_price, price, discount_rate, description, brand, stock, rating, review_count,
  is_best, created_at, event_at)
select
  product_id, category, name, org_price, price, discount_rate, description, brand, stock, rating, review_count,
  is_best, created_at, event_at
from staged_products
order by product_id
on conflict (product_id) do update set
  category = excluded.category,
  name = excluded.name,
  org_price = excluded.org_price,
  price = excluded.price,
  discount_rate = excluded.discount_rate,
  description = excluded.description,
  brand = excluded.brand,
  stock = excluded.stock,
  rating = excluded.rating,
  review_count = excluded.review_count,
  is_best = excluded.is_best,
  created_at = excluded.created_at,
  event_at = excluded.event_at,
  updated_datetime = now()
where excluded.event_at > coalesce(kept.event_at, kept.created_at)
  or excluded.event_at = coalesce(kept.event_at, kept.created_at) and (
    excluded.category, excluded.name, excluded.org_price, excluded.price, excluded.discount_rate,
    excluded.description, excluded.brand, excluded.stock, excluded.rating, excluded.review_count,
    excluded.is_best, excluded.created_at
  ) is distinct from (
    kept.category, kept.name, kept.org_price, kept.price, kept.discount_rate,
    kept.description, kept.brand, kept.stock, kept.rating, kept.review_count,
    kept.is_best, kept.created_at
  )
returning product_id as id
