-- src/analyse/audit.ts: articles whose count is not that of their stored rows. Orders stored and not applied yet
-- count as applied.
with sold as (
  select product_id, count(*) as rows from orders
  where status = 'Success'
    -- A backfill changes users and products at its end.
    and order_run(order_id) <> all (array(select run from backfill_runs where state = 'running'))
  group by product_id
), pending as (
  select product_id, sum(rows) as rows
  from (
    select unnest(product_ids) as product_id, unnest(sold) as rows from order_effects
    union all
    select id, sold from waiting_effects where kind = 'product'
  ) parts
  group by product_id
), compared as (
  select products.product_id as id, coalesce(sold.rows, 0) as expected,
    products.order_count + coalesce(pending.rows, 0) as found
  from products
  left join sold using (product_id)
  left join pending using (product_id)
)
select count(*)::integer as wrong, min(id) as first_id,
  (array_agg(expected::text order by id))[1] as expected, (array_agg(found::text order by id))[1] as found
from compared
where expected <> found
