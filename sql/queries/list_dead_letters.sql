-- src/store/dead-letters.ts, `millrace dlq list`: a page in order of place. $1 topic, $2 reason and $3 state, each
-- null for any; $4 to $6 the place of the last one before, or null; $7 rows at most.
select topic, partition, record_offset, length(key) as key_bytes, length(value) as value_bytes, reason, message,
  first_seen, state, redriven_at, published_at, redrive_of
from dead_letters
where ($1::text is null or topic = $1) and ($2::text is null or reason = $2) and ($3::text is null or state = $3)
  and ($4::text is null or (topic, partition, record_offset) > ($4, $5::integer, $6::bigint))
order by topic, partition, record_offset
limit $7
