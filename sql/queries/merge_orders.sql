-- src/store/sink-orders.ts: the staged orders whose id is new. By id, so two merges lock in one order.
insert into orders (
  order_id, cart_id, created_at, unit_price, total_amount, shipping_cost, discount_amount, quantity, scenario,
  payment_method, status, user_id, user_name, user_region, user_gender, user_age_group, product_id, category)
select
  order_id, cart_id, created_at, unit_price, total_amount, shipping_cost, discount_amount, quantity, scenario,
  payment_method, status, user_id, user_name, user_region, user_gender, user_age_group, product_id, category
from staged_orders
order by order_id
on conflict (order_id) do nothing
returning order_id as id
