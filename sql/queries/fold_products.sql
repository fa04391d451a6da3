-- src/store/effects.ts, every second or so: adds what was sold. $1 the effects to apply. Rows are locked by id,
-- like everywhere, so nobody locks crosswise. Articles that are not there yet wait. Every join is with a table by
-- its key: how many ids the arrays hold, the planner cannot know.
with due as (
  select product_id, sum(sold) as sold
  from (
    select unnest(product_ids) as product_id, unnest(sold)::bigint as sold
    from order_effects where effect_id = any ($1::bigint[])
    union all
    select id, sold from waiting_effects
    where kind = 'product' and exists (select from products where product_id = id)
  ) parts
  group by product_id
), held as (
  select products.product_id, due.sold
  from due join products on products.product_id = due.product_id
  order by products.product_id
  for no key update of products
), updated as (
  update products
  set order_count = products.order_count + held.sold, updated_datetime = now()
  from held
  where products.product_id = held.product_id
  returning 1
), arrived as (
  delete from waiting_effects using products where kind = 'product' and id = product_id
), waiting as (
  insert into waiting_effects (kind, id, sold)
  select 'product', product_id, sold from due
  where not exists (select from products where products.product_id = due.product_id)
  on conflict (kind, id) do update set sold = waiting_effects.sold + excluded.sold
)
select count(*)::integer as changed from updated
