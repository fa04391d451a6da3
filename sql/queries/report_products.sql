-- src/analyse/history-report.ts, once a report: whether products and orders agree, from one scan. $1 run,
-- $2 its first moment, $3 the moment after its last, $4 the moment from which on pools could be filled by
-- registered products; what another run sold before is not new either.
with sold as (
  select product_id,
    count(*) filter (where order_run(order_id) = $1 and created_at >= $2 and created_at < $3) as orders,
    min(created_at) filter (
      where order_run(order_id) = $1 and created_at >= $2 and created_at < $3
    ) as first_at,
    min(created_at) filter (where order_run(order_id) <> $1) as others_at,
    count(*) filter (where status = 'Success') as successes
  from orders
  group by product_id
)
select
  coalesce(sum(sold.orders) filter (where products.product_id is null), 0)::float8 as strangers,
  (
    count(*) filter (where first_at < products.created_at and first_at >= $4 and coalesce(others_at >= first_at, true))
  )::float8 as early,
  (
    count(*) filter (where first_at < products.created_at and (first_at < $4 or others_at < first_at))
  )::float8 as lent,
  (
    count(*) filter (where products.order_count <> coalesce(successes, 0))
  )::float8 as wrong_counts
from sold full join products using (product_id)
