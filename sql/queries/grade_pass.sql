-- src/store/grades.ts, every pass of the grade updater: sums, verdicts, new grades and their record in one
-- statement. $1 as of, $2 window in months, $3 grades, lowest first, $4 and $5 what each asks for in won and
-- in rows, $6 whether grades fall one step a pass, $7 name of the preset.
with sums as (
  select user_id, sum(total_amount) as amount, count(*) as order_count
  from orders
  where created_at >= $1::timestamptz - make_interval(months => $2) and created_at < $1
    and status = 'Success'
  group by user_id
), rules as (
  select ordinality::integer as step, amount_min, orders_min
  from unnest($4::bigint[], $5::bigint[]) with ordinality as rule (amount_min, orders_min, ordinality)
), judged as (
  -- Who holds the lowest grade and ordered nothing stays, unless a rule asks for nothing.
  select users.user_id, users.grade,
    array_position($3::text[], users.grade) as held,
    coalesce(sums.amount, 0) as amount, coalesce(sums.order_count, 0) as order_count
  from users left join sums using (user_id)
  where sums.user_id is not null or users.grade <> ($3::text[])[1]
    or exists (select from rules where amount_min <= 0 and orders_min <= 0)
), verdicts as (
  select *, coalesce((
      select max(step) from rules where amount >= amount_min and order_count >= orders_min
    ), 1) as earned
  from judged
), steps as (
  select *, case when $6 and earned < held then held - 1 else earned end as step from verdicts
), changes as (
  select user_id, grade as from_grade, ($3::text[])[step] as to_grade, amount, order_count, step - held as by
  from steps
  where step <> held
), held as (
  -- By id, like everyone who changes several customers, so nobody locks crosswise.
  select users.user_id, changes.to_grade
  from users join changes on changes.user_id = users.user_id
  order by users.user_id
  for no key update of users
), updated as (
  update users set grade = held.to_grade, updated_datetime = now()
  from held
  where users.user_id = held.user_id
  returning users.user_id
), recorded as (
  insert into grade_changes (user_id, changed_at, from_grade, to_grade, amount, order_count, preset)
  select user_id, $1, from_grade, to_grade, amount, order_count, $7 from changes
  returning 1
)
select
  (select count(*) from users) as total,
  count(*) filter (where by > 0) as promoted,
  count(*) filter (where by < 0) as demoted,
  (select count(*) from updated) as updated,
  (select count(*) from recorded) as recorded
from changes
