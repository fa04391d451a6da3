-- src/store/grades.ts, at the start of a backfill: what everybody whose grade has ever changed held at $1.
select user_id, coalesce(
    (array_agg(to_grade order by changed_at desc, change_id desc) filter (where changed_at <= $1))[1],
    'BRONZE'
  ) as grade
from grade_changes
group by user_id
