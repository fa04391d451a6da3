-- src/store/runs.ts, at the end of a backfill: adds what the run sold to what was sold before.
update products
set order_count = products.order_count + ended.sold, updated_datetime = now()
from run_products ended
where products.product_id = ended.product_id
