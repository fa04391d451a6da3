-- src/analyse/history-report.ts, once a report: a run's rows by hour, and by place within the cart, from one
-- scan. $1 run, $2 its first moment, $3 the moment after its last, $4 payment methods, $5 statuses.
with parts as (
  select
    date_bin('1 hour', created_at, $2::timestamptz) as hour,
    scenario,
    get_byte(uuid_send(order_id), 15) & 15 as item,
    count(*) as orders,
    count(*) filter (where order_id = cart_id) as carts,
    count(*) filter (where order_id = cart_id and payment_method = ($4::text[])[1]) as payment_1,
    count(*) filter (where order_id = cart_id and payment_method = ($4::text[])[2]) as payment_2,
    count(*) filter (where order_id = cart_id and payment_method = ($4::text[])[3]) as payment_3,
    count(*) filter (where order_id = cart_id and payment_method = ($4::text[])[4]) as payment_4,
    count(*) filter (where status = ($5::text[])[1]) as status_1,
    count(*) filter (where status = ($5::text[])[2]) as status_2,
    count(*) filter (where status = ($5::text[])[3]) as status_3,
    count(*) filter (where status = ($5::text[])[4]) as status_4,
    count(*) filter (
      where total_amount <> unit_price * quantity + shipping_cost - discount_amount
    ) as wrong_totals
  from orders
  where order_run(order_id) = $1 and created_at >= $2 and created_at < $3
  group by 1, 2, 3
)
select
  extract(epoch from hour)::float8 * 1000 as hour_ms, -- null: the row is of an item
  scenario,
  item, -- null: the row is of an hour
  sum(orders)::float8 as orders,
  sum(carts)::float8 as carts,
  array[sum(payment_1), sum(payment_2), sum(payment_3), sum(payment_4)]::float8[] as payments,
  array[sum(status_1), sum(status_2), sum(status_3), sum(status_4)]::float8[] as statuses,
  sum(wrong_totals)::float8 as wrong_totals
from parts
group by grouping sets ((hour, scenario), (item))
