-- src/store/sink-postgres.ts, last in every batch: compare and set. $1 group, $2 topic, then by partition: $3 it,
-- $4 where it must stand, $5 where it shall, $6 to $8 rows inserted, duplicate, rejected.
update consumer_offsets
set next_offset = moves.next_offset,
  inserted = consumer_offsets.inserted + moves.inserted,
  duplicates = consumer_offsets.duplicates + moves.duplicates,
  rejected = consumer_offsets.rejected + moves.rejected,
  updated_at = now()
from unnest($3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
  as moves (partition, from_offset, next_offset, inserted, duplicates, rejected)
where group_id = $1 and topic = $2 and consumer_offsets.partition = moves.partition
  and consumer_offsets.next_offset = moves.from_offset
