-- src/analyse/history-report.ts, once a report: the finished run $1, or the latest one if $1 is null.
select run, options, base_checksum, orders::float8 as orders, carts::float8 as carts
from backfill_runs
where state = 'finished' and ($1::integer is null or run = $1)
order by finished_at desc, run desc
limit 1
