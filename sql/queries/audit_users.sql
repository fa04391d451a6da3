-- src/analyse/audit.ts: customers whose last order is not that of their stored rows. Orders stored and not applied
-- yet count as applied.
with sold as (
  select user_id, max(created_at) as ordered_at from orders
  where status = 'Success'
    -- A backfill changes users and products at its end.
    and order_run(order_id) <> all (array(select run from backfill_runs where state = 'running'))
  group by user_id
), pending as (
  select user_id, max(ordered_at) as ordered_at
  from (
    select unnest(user_ids) as user_id, unnest(ordered_at) as ordered_at from order_effects
    union all
    select id, ordered_at from waiting_effects where kind = 'user'
  ) parts
  group by user_id
), compared as (
  select users.user_id as id, sold.ordered_at as expected,
    greatest(users.last_ordered_at, pending.ordered_at) as found
  from users
  left join sold using (user_id)
  left join pending using (user_id)
)
select count(*)::integer as wrong, min(id) as first_id,
  (array_agg(expected::text order by id))[1] as expected, (array_agg(found::text order by id))[1] as found
from compared
where expected is distinct from found
