-- src/store/runs.ts, at the end of a backfill: last orders never move back, grades are the last refresh's.
update users
set last_ordered_at = greatest(users.last_ordered_at, ended.last_ordered_at),
  grade = coalesce(ended.grade, users.grade),
  updated_datetime = now()
from run_users ended
where users.user_id = ended.user_id
