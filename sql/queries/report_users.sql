-- src/analyse/history-report.ts, once a report: carts bought and carts expected by kind of customer, from one
-- scan. $1 run, $2 its first moment, $3 the moment after its last; $4 to $8 age group (from 0), gender, status,
-- marketing and score of every kind; $9 and $10 customers and the carts expected of each; $11 the moment from
-- which on pools could be filled by customers who had signed up; who bought from another run before is not new either. Deciles are by score,
-- which nothing that happens in a run can change: ranked by what was expected of them, those who bought early and
-- so left the pool would all be at the bottom.
with bought as (
  select user_id, user_gender, user_age_group, user_name, user_region,
    count(*) filter (where order_run(order_id) = $1 and created_at >= $2 and created_at < $3) as orders,
    count(*) filter (
      where order_id = cart_id
        and order_run(order_id) = $1 and created_at >= $2 and created_at < $3
    ) as carts,
    min(created_at) filter (
      where order_run(order_id) = $1 and created_at >= $2 and created_at < $3
    ) as first_at,
    min(created_at) filter (where order_run(order_id) <> $1) as others_at,
    max(created_at) filter (where status = 'Success') as last_at
  from orders
  group by user_id, user_gender, user_age_group, user_name, user_region
), lasts as (
  select user_id, max(last_at) as last_at from bought group by user_id
), expected as (
  select * from unnest($9::text[], $10::float8[]) as expected (user_id, carts)
), scores as (
  select * from unnest($4::integer[], $5::text[], $6::text[], $7::boolean[], $8::float8[])
    as score (age_group, gender, status, marketing, score)
), ranked as (
  select users.user_id, ntile(10) over (order by score, users.user_id) as decile
  from expected
  join users using (user_id)
  join scores on scores.age_group = least(greatest(users.age / 10 - 1, 0), 4)
    and scores.gender = users.gender and scores.status = users.status
    and scores.marketing = users.marketing_agree
), parts as (
  select user_id, user_gender, user_age_group, user_name, user_region, orders, carts, first_at, others_at,
    0::float8 as expected
  from bought where orders > 0
  union all
  select user_id, null, null, null, null, 0, 0, null, null, carts from expected
)
select
  decile, users.age, users.gender, parts.user_gender, parts.user_age_group,
  sum(expected) as expected,
  sum(carts)::float8 as carts,
  sum(orders) filter (where users.user_id is null)::float8 as strangers,
  sum(carts) filter (where decile is null)::float8 as unexpected,
  (
    count(*) filter (where first_at < users.created_at and first_at >= $11 and coalesce(others_at >= first_at, true))
  )::float8 as early,
  (
    count(*) filter (where first_at < users.created_at and (first_at < $11 or others_at < first_at))
  )::float8 as lent,
  sum(orders) filter (
    where user_gender <> users.gender or user_age_group <> users.age / 10 * 10 || '대'
  )::float8 as unlike,
  sum(orders) filter (
    where user_name <> users.name or user_region <> users.address_district
  )::float8 as misnamed,
  (
    select count(*)::float8 from users left join lasts using (user_id)
    where users.last_ordered_at is distinct from lasts.last_at
  ) as wrong_lasts
from parts left join users using (user_id) left join ranked using (user_id)
group by decile, users.age, users.gender, parts.user_gender, parts.user_age_group
