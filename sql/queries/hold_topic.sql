-- src/store/offsets.ts, before a group reads on: $1 group, $2 topic, $3 Kafka's id of it. The id stays for as long as
-- the group has offsets in the topic.
insert into consumer_topics (group_id, topic, topic_id)
values ($1, $2, $3)
on conflict (group_id, topic) do update set topic_id = excluded.topic_id
where not exists (select from consumer_offsets where group_id = $1 and topic = $2)
