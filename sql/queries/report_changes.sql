-- src/analyse/history-report.ts, once a report: the grades that run $1 gave, in order.
select user_id, extract(epoch from changed_at)::float8 * 1000 as at_ms, to_grade
from grade_changes
where run = $1
order by changed_at
