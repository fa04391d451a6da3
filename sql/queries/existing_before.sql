-- src/store/existing.ts, at the start of a backfill into a table with orders: how things stood before it.
select user_id, null as product_id, max(created_at) as last_ordered_at, 0::bigint as sold
from orders
where created_at < $1 and status = 'Success' and order_run(order_id) <> $2
group by user_id
union all
select null, product_id, null, count(*)
from orders
where created_at < $1 and status = 'Success' and order_run(order_id) <> $2
group by product_id
