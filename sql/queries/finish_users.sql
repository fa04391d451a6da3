-- src/store/runs.ts, at the end of a backfill: last orders and logins never move back, since nobody orders
-- without logging in. A grade is the last refresh's ($1), unless somebody else changed it at a later time.
update users
set last_ordered_at = greatest(users.last_ordered_at, ended.last_ordered_at),
  last_login_at = greatest(users.last_login_at, ended.last_ordered_at),
  grade = case
    when ended.grade is not null and (others.changed_at is null or others.changed_at <= $1) then ended.grade
    else users.grade
  end,
  updated_datetime = now()
from run_users ended left join (
  select user_id, max(changed_at) as changed_at from grade_changes group by user_id
) others using (user_id)
where users.user_id = ended.user_id
