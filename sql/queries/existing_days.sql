-- src/store/existing.ts, beside a backfill into a table with orders: what others ordered, day by day in Seoul.
select extract(epoch from date_trunc('day', created_at))::float8 * 1000 as day_ms, user_id,
  null as product_id, max(created_at) as last_ordered_at, sum(total_amount)::text as amount,
  count(*)::integer as orders
from orders
where created_at >= $1 and created_at < $2 and status = 'Success' and order_run(order_id) <> $3
group by 1, 2
union all
select extract(epoch from date_trunc('day', created_at))::float8 * 1000, null, product_id, null, null,
  count(*)::integer
from orders
where created_at >= $1 and created_at < $2 and status = 'Success' and order_run(order_id) <> $3
group by 1, 3
order by 1
