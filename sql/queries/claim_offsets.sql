-- src/store/sink-postgres.ts, first in every batch: locks where the partitions stand. In their order, so two
-- consumers cannot wait for each other. $1 group, $2 topic, $3 partitions.
select partition, next_offset
from consumer_offsets
where group_id = $1 and topic = $2 and partition = any ($3::integer[])
order by partition
for update
