-- src/store/quality-counts.ts, once a report: how many customers of the month $1 hold each item.
select 'contract' as kind, item as name, count(*)::float8 as holders
from source.customer_vector cross join unnest(contracts) item
where snapshot_month = $1
group by item
union all
select 'product', item, count(*)::float8
from source.customer_vector cross join unnest(products) item
where snapshot_month = $1
group by item
