-- src/store/quality-counts.ts, once a report: how many customers of the month $1 are in each cluster, and
-- were recommended the same contracts, and the same products. One pass over the month for the three.
select
  case when grouping(user_cluster) = 0 then 'cluster'
       when grouping(rec_contract_1) = 0 then 'contract' else 'product' end as kind,
  user_cluster as cluster,
  case when grouping(rec_contract_1) = 0 then array[rec_contract_1, rec_contract_2, rec_contract_3]
       when grouping(rec_product_1) = 0 then array[rec_product_1, rec_product_2, rec_product_3]
  end::text[] as items,
  count(*)::float8 as customers
from analytics.user_recommendation
where snapshot_month = $1
group by grouping sets (
  (user_cluster),
  (rec_contract_1, rec_contract_2, rec_contract_3),
  (rec_product_1, rec_product_2, rec_product_3)
)
