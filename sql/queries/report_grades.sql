-- src/analyse/history-report.ts, once a report: customers whose grade is not what the last change made it.
-- Changes are numbered as they are written, so the highest number is the last word on a customer.
select count(*)::float8 as wrong_grades
from users
join (
  select distinct on (user_id) user_id, to_grade from grade_changes order by user_id, change_id desc
) as last_changes using (user_id)
where users.grade <> last_changes.to_grade
