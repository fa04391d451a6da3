-- src/store/existing.ts, for each day of a backfill into a table with orders: what others ordered on it.
select user_id, null as product_id, max(created_at) as last_ordered_at,
  sum(total_amount)::text as amount, count(*)::integer as orders
from orders
where created_at >= $1 and created_at < $2 and status = 'Success' and order_run(order_id) <> $3
group by user_id
union all
select null, product_id, null, null, count(*)::integer
from orders
where created_at >= $1 and created_at < $2 and status = 'Success' and order_run(order_id) <> $3
group by product_id
