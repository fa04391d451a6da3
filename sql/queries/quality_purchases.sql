-- src/store/quality-sample.ts, once a report: the lines of purchase of the customers drawn of the month $1 whose
-- chance is below $2, a row each in order of their codes.
select coalesce(lines, '[]') as lines
from quality_sample s
left join source.user_monthly_features f using (ccod, snapshot_month)
cross join lateral (
  select jsonb_agg(jsonb_build_object('date', line ->> 'purchase_date', 'item', line ->> 'item_name')) as lines
  from jsonb_array_elements(
    case when jsonb_typeof(purchase_logs) = 'array' then purchase_logs else '[]' end) line
) logs
where s.snapshot_month = $1 and chance < $2
order by s.ccod
