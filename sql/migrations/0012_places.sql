-- Where dead letters went besides their table, where they came from, and which topics offsets count in.

alter table dead_letters
  add column published_at timestamptz, -- null: not in the dead-letter topic yet
  add column redrive_of text; -- topic:partition:offset of the dead letter that was sent again as this record

create index dead_letters_unpublished on dead_letters (topic, partition, record_offset)
  where published_at is null;

-- Kafka's id of the topic that a group's offsets count in. One that is deleted and made anew under its name has
-- another id, and its records the old ones' places.
create table consumer_topics (
  group_id text not null,
  topic    text not null,
  topic_id uuid not null,
  primary key (group_id, topic)
);
