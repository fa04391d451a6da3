-- src/store/quality-sample.ts, once a report and month: draws customers of the month $1 by a hash of their code
-- under the seed $2, so the same ones in every month: of cluster $3[i] those whose chance is below $4[i].
-- A plain query, since one that inserts what it finds would not run in parallel.
select r.ccod as code, r.user_cluster as cluster, chance
from analytics.user_recommendation r
join unnest($3::int[], $4::float8[]) part (cluster, below) on part.cluster = r.user_cluster
cross join lateral (
  select (hashtextextended(r.ccod, $2::bigint) & 4294967295) / 4294967296::float8 as chance
) drawn
where r.snapshot_month = $1 and chance < below
order by r.ccod
