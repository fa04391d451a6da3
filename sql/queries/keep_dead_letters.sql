-- src/store/dead-letters.ts, in the transaction of the batch that had them: $1 topics, $2 partitions, $3 offsets,
-- $4 keys, $5 values, $6 headers, $7 reasons, $8 messages, $9 places they were sent again from. One that is there
-- already stays as it is: the same record again, or another one (other_dead_letter.sql).
insert into dead_letters (topic, partition, record_offset, key, value, headers, reason, message, redrive_of)
select topic, partition, record_offset, key, value, headers::jsonb, reason, message, redrive_of
from unnest($1::text[], $2::integer[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $7::text[], $8::text[],
  $9::text[]) as letters (topic, partition, record_offset, key, value, headers, reason, message, redrive_of)
on conflict do nothing
