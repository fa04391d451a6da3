-- src/store/effects.ts, every second or so: last orders never move back. $1 the effects to apply. Rows are locked
-- by id, like everywhere, so nobody locks crosswise. Customers who are not there yet wait. Every join is with a
-- table by its key: how many ids the arrays hold, the planner cannot know.
with due as (
  select user_id, max(ordered_at) as ordered_at
  from (
    select unnest(user_ids) as user_id, unnest(ordered_at) as ordered_at
    from order_effects where effect_id = any ($1::bigint[])
    union all
    select id, ordered_at from waiting_effects
    where kind = 'user' and exists (select from users where user_id = id)
  ) parts
  group by user_id
), held as (
  select users.user_id, due.ordered_at
  from due join users on users.user_id = due.user_id
  order by users.user_id
  for no key update of users
), updated as (
  update users
  set last_ordered_at = held.ordered_at, updated_datetime = now()
  from held
  where users.user_id = held.user_id
    and (users.last_ordered_at is null or users.last_ordered_at < held.ordered_at)
  returning 1
), arrived as (
  delete from waiting_effects using users where kind = 'user' and id = user_id
), waiting as (
  insert into waiting_effects (kind, id, ordered_at)
  select 'user', user_id, ordered_at from due
  where not exists (select from users where users.user_id = due.user_id)
  on conflict (kind, id) do update set ordered_at = greatest(waiting_effects.ordered_at, excluded.ordered_at)
)
select count(*)::integer as changed from updated
