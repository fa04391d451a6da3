-- The live stream: how far each consumer has stored, what could not be stored, and what stored orders
-- still have to change elsewhere.

-- The truth about positions: moved in the transaction that stores the records below next_offset.
-- next_offset - first_offset is inserted + duplicates + rejected wherever Kafka leaves no holes.
create table consumer_offsets (
  group_id     text not null,
  topic        text not null,
  partition    integer not null,
  first_offset bigint not null, -- where reading began: above 0 once Kafka has thrown records away
  next_offset  bigint not null,
  inserted     bigint not null default 0, -- records that made a row, or changed one
  duplicates   bigint not null default 0, -- whose id was there, or a later event of it
  rejected     bigint not null default 0, -- that became dead letters
  updated_at   timestamptz not null default now(),
  primary key (group_id, topic, partition),
  constraint consumer_offsets_values check (
    partition >= 0 and first_offset >= 0 and next_offset >= first_offset
  )
) with (fillfactor = 20); -- a few rows, changed all the time: room for them on their own page

-- Records that could not be stored, byte for byte.
create table dead_letters (
  topic         text not null,
  partition     integer not null,
  record_offset bigint not null,
  key           bytea,
  value         bytea,
  headers       jsonb not null, -- [[name, value or null], …] in base64: any byte, order and repeats stay
  reason        text not null,
  message       text not null,
  first_seen    timestamptz not null default now(),
  state         text not null default 'open',
  redriven_at   timestamptz,
  primary key (topic, partition, record_offset),
  constraint dead_letters_state check (state in ('open', 'redriven', 'dismissed'))
);

-- What a stored batch of orders changes in users and products, folded; src/store/effects.ts applies
-- it. Two pairs of arrays of one length each.
create table order_effects (
  effect_id   bigint generated always as identity primary key,
  created_at  timestamptz not null default now(),
  user_ids    text[] not null,
  ordered_at  timestamptz[] not null, -- the user's last successful order in the batch
  product_ids text[] not null,
  sold        integer[] not null -- successful rows in the batch
);
-- Rows live for a second or so: packing them costs more than it saves.
alter table order_effects
  alter column user_ids set storage external,
  alter column ordered_at set storage external,
  alter column product_ids set storage external,
  alter column sold set storage external;

-- Effects on users and products whose own event is still on its way; applied when it has come.
create table waiting_effects (
  kind          text not null,
  id            text not null,
  ordered_at    timestamptz, -- of a user
  sold          bigint, -- of a product
  waiting_since timestamptz not null default now(),
  primary key (kind, id),
  constraint waiting_effects_kind check (
    kind = 'user' and ordered_at is not null and sold is null
    or kind = 'product' and sold is not null and ordered_at is null
  )
);

-- When the event happened that a row shows. Null: made by the seeder, and as old as created_at.
alter table users add column event_at timestamptz;
alter table products add column event_at timestamptz;
