-- src/store/pools.ts, every refresh of the cache: the products on offer now. $1 how many of the most ordered,
-- $2 how many of the newest; those never ordered come first among the newest, and where either half is short,
-- the other fills up.
with popular as (
  select * from products
  where order_count > 0
  order by order_count desc, created_at, product_id
  limit $1::integer
), fresh as (
  select * from products
  where product_id not in (select product_id from popular)
  order by order_count > 0, created_at desc, product_id desc
  limit $1::integer + $2::integer - (select count(*) from popular)
), pool as (
  select *, 0 as half, row_number() over (order by order_count desc, created_at, product_id) as place
  from popular
  union all
  select *, 1, row_number() over (order by order_count > 0, created_at desc, product_id desc)
  from fresh
)
select product_id, category, name, org_price, price, discount_rate, coalesce(description, '') as description,
  brand, stock, order_count, created_at
from pool
order by half, place
