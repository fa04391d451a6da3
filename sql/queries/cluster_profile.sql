-- src/store/cluster-profile.ts, once a publication: how often each value comes in each cluster, of
-- each kind, in the month $1. The month's own table, or the one being made, is read for the parent.
-- Missing and empty values are left to the caller, who need not take them out of the JSON twice.
-- An inner join, so that the recommendations are hashed and the far larger features only pass by.
select user_cluster as cluster, kind, value, count(*)::float8 as count
from (
  select user_cluster,
    case when jsonb_typeof(contract_info) = 'array' then contract_info else '[]' end as contracts,
    case when jsonb_typeof(purchase_logs) = 'array' then purchase_logs else '[]' end as purchases,
    user_information ->> '업태' as business_type
  from analytics.user_recommendation r
  join source.user_monthly_features f on f.ccod = r.ccod and f.snapshot_month = $1
) customers
cross join lateral (
  select 'contract' as kind, entry ->> '계약대상' as value from jsonb_array_elements(contracts) entry
  union all
  select 'purchase', entry ->> 'item_name' from jsonb_array_elements(purchases) entry
  union all
  select 'business type', business_type
  union all
  select 'first contract', contracts -> 0 ->> '계약대상'
  union all
  select 'contracts', jsonb_array_length(contracts)::text
  union all
  select 'purchases', jsonb_array_length(purchases)::text
) facts
group by 1, 2, 3
