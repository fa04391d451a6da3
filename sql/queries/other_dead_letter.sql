-- src/store/dead-letters.ts, after keep_dead_letters.sql left some out: one that stands where another record is kept.
-- $1 topics, $2 partitions, $3 offsets, $4 keys, $5 values, $6 headers.
select topic, partition, record_offset
from unnest($1::text[], $2::integer[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[])
  as letters (topic, partition, record_offset, key, value, headers)
join dead_letters as kept using (topic, partition, record_offset)
where kept.key is distinct from letters.key
  or kept.value is distinct from letters.value
  or kept.headers is distinct from letters.headers::jsonb
order by topic, partition, record_offset
limit 1
