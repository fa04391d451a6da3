-- src/store/sink-postgres.ts, for partitions never seen: they begin where the batch does. $1 group, $2 topic,
-- $3 partitions, $4 their first offsets.
insert into consumer_offsets (group_id, topic, partition, first_offset, next_offset)
select $1, $2, partition, first_offset, first_offset
from unnest($3::integer[], $4::bigint[]) as entered (partition, first_offset)
order by partition
on conflict do nothing
