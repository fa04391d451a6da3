-- src/store/quality-counts.ts, once a report: how many customers went from which cluster in the month $1 to
-- which in the month $2; null where a customer has no recommendation in one of them.
select b.user_cluster as before, n.user_cluster as now, count(*)::float8 as customers
from (
  select ccod, user_cluster from analytics.user_recommendation where snapshot_month = $1
) b
full join (
  select ccod, user_cluster from analytics.user_recommendation where snapshot_month = $2
) n using (ccod)
group by 1, 2
order by 1 nulls last, 2 nulls last
