-- src/analyse/history-report.ts, once a report: who bought on which day, from one scan: the last successful order,
-- whoever made it, and the carts of the run. Orders of others count if they were there when the run began.
-- $1 run, $2 its first moment, $3 the moment after its last. Day -1 is all that was before.
select user_id,
  greatest(-1, floor(extract(epoch from created_at - $2::timestamptz) / 86400))::integer as day,
  extract(epoch from max(created_at) filter (where status = 'Success'))::float8 * 1000 as last_ms,
  (count(*) filter (where order_run(order_id) = $1 and order_id = cart_id))::float8 as carts
from orders
where created_at < $3
  and (
    order_run(order_id) = $1
    or created_datetime < (select started_at from backfill_runs where run = $1)
  )
group by 1, 2
