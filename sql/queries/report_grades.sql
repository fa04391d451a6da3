-- src/analyse/history-report.ts, once a report: customers whose grade is not what the last word on them made it.
-- A pass of the updater is a word on those it changes. A run is one on everybody, but only where its last
-- refresh is not older than what others had recorded before it ended: see finish_users.sql. Changes are
-- numbered as they are written. A run may leave somebody at the grade held before its first day.
with days as (
  select run, min(day) as first_day, count(*) - 1 as last_index,
    (options #>> '{settings,grades,refreshDays}')::integer as refresh_days
  from backfill_runs join backfill_days using (run)
  where state = 'finished'
  group by run
), firsts as (
  select run, min(change_id) as first_id from grade_changes where run is not null group by run
), runs as (
  select run, first_id, first_day::timestamptz as from_at,
    (first_day + (last_index / refresh_days * refresh_days)::integer)::timestamptz as last_pass_at
  from days join firsts using (run)
), said as (
  select grade_changes.user_id, runs.run,
    max(changed_at) filter (where change_id < first_id) as others_at,
    (array_agg(to_grade order by change_id desc) filter (where grade_changes.run = runs.run))[1] as given,
    (
      array_agg(to_grade order by changed_at desc, change_id desc)
        filter (where change_id < first_id and changed_at <= from_at)
    )[1] as held
  from grade_changes cross join runs
  group by grade_changes.user_id, runs.run
), words as (
  select user_id, first_id as number, coalesce(given, held, 'BRONZE') as grade
  from said join runs using (run)
  where (given is not null or others_at is not null) and (others_at is null or others_at <= last_pass_at)
  union all
  select user_id, change_id, to_grade from grade_changes where run is null
), last_words as (
  select distinct on (user_id) user_id, grade from words order by user_id, number desc
)
select count(*)::float8 as wrong_grades
from users join last_words using (user_id)
where users.grade <> last_words.grade
