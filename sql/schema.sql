-- The sum of sql/migrations; made by `bun run --silent millrace migrate --schema`.
table backfill_days owner millrace_owner
  column run integer not null
  column day date not null
  column scenario smallint not null
  column planned bigint not null
  column orders bigint not null
  column carts bigint not null
  column checksum text not null
  constraint backfill_days_pkey PRIMARY KEY (run, day)
  constraint backfill_days_run_fkey FOREIGN KEY (run) REFERENCES backfill_runs(run)
  CREATE UNIQUE INDEX backfill_days_pkey ON public.backfill_days USING btree (run, day)
  grant delete to millrace_batch
  grant insert to millrace_batch
  grant select to millrace_batch
  grant update to millrace_batch
  grant select to millrace_grafana
table backfill_expected owner millrace_owner
  column run integer not null
  column user_id text not null
  column carts double precision not null
  constraint backfill_expected_pkey PRIMARY KEY (run, user_id)
  constraint backfill_expected_run_fkey FOREIGN KEY (run) REFERENCES backfill_runs(run)
  CREATE UNIQUE INDEX backfill_expected_pkey ON public.backfill_expected USING btree (run, user_id)
  grant delete to millrace_batch
  grant insert to millrace_batch
  grant select to millrace_batch
  grant update to millrace_batch
  grant select to millrace_grafana
table backfill_runs owner millrace_owner
  column run integer not null
  column options jsonb not null
  column base_checksum text not null
  column state text not null default 'running'::text
  column started_at timestamp with time zone not null default now()
  column finished_at timestamp with time zone
  column orders bigint
  column carts bigint
  column checksum text
  constraint backfill_runs_pkey PRIMARY KEY (run)
  constraint backfill_runs_state CHECK ((state = ANY (ARRAY['running'::text, 'finished'::text, 'discarded'::text])))
  CREATE UNIQUE INDEX backfill_runs_pkey ON public.backfill_runs USING btree (run)
  grant delete to millrace_batch
  grant insert to millrace_batch
  grant select to millrace_batch
  grant update to millrace_batch
  grant select to millrace_grafana
table consumer_offsets with (fillfactor=20) owner millrace_owner
  column group_id text not null
  column topic text not null
  column partition integer not null
  column first_offset bigint not null
  column next_offset bigint not null
  column inserted bigint not null default 0
  column duplicates bigint not null default 0
  column rejected bigint not null default 0
  column updated_at timestamp with time zone not null default now()
  constraint consumer_offsets_pkey PRIMARY KEY (group_id, topic, partition)
  constraint consumer_offsets_values CHECK (((partition >= 0) AND (first_offset >= 0) AND (next_offset >= first_offset)))
  CREATE UNIQUE INDEX consumer_offsets_pkey ON public.consumer_offsets USING btree (group_id, topic, partition)
  grant select to millrace_grafana
  grant insert to millrace_ingest
  grant select to millrace_ingest
  grant update to millrace_ingest
table consumer_topics owner millrace_owner
  column group_id text not null
  column topic text not null
  column topic_id uuid not null
  constraint consumer_topics_pkey PRIMARY KEY (group_id, topic)
  CREATE UNIQUE INDEX consumer_topics_pkey ON public.consumer_topics USING btree (group_id, topic)
  grant select to millrace_grafana
  grant insert to millrace_ingest
  grant select to millrace_ingest
  grant update to millrace_ingest
table dead_letters owner millrace_owner
  column topic text not null
  column partition integer not null
  column record_offset bigint not null
  column key bytea
  column value bytea
  column headers jsonb not null
  column reason text not null
  column message text not null
  column first_seen timestamp with time zone not null default now()
  column state text not null default 'open'::text
  column redriven_at timestamp with time zone
  column published_at timestamp with time zone
  column redrive_of text
  constraint dead_letters_pkey PRIMARY KEY (topic, partition, record_offset)
  constraint dead_letters_state CHECK ((state = ANY (ARRAY['open'::text, 'redriven'::text, 'dismissed'::text])))
  CREATE UNIQUE INDEX dead_letters_pkey ON public.dead_letters USING btree (topic, partition, record_offset)
  CREATE INDEX dead_letters_unpublished ON public.dead_letters USING btree (topic, partition, record_offset) WHERE (published_at IS NULL)
  grant insert to millrace_ingest
  grant select to millrace_ingest
  grant update to millrace_ingest
CREATE OR REPLACE FUNCTION public.order_run(id uuid)
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((((get_byte(uuid_send(id), 8) & 63) << 14) | (get_byte(uuid_send(id), 9) << 6)) | (get_byte(uuid_send(id), 10) >> 2))
table grade_changes owner millrace_owner
  column change_id bigint not null generated always as identity
  column user_id text not null
  column changed_at timestamp with time zone not null
  column from_grade text not null
  column to_grade text not null
  column amount bigint not null
  column order_count bigint not null
  column preset text not null
  column run integer
  constraint grade_changes_pkey PRIMARY KEY (change_id)
  CREATE UNIQUE INDEX grade_changes_pkey ON public.grade_changes USING btree (change_id)
  grant insert to millrace_batch
  grant select to millrace_batch
  grant update to millrace_batch
  grant select to millrace_grafana
sequence grade_changes_change_id_seq owner millrace_owner
table id_counters owner millrace_owner
  column kind text not null
  column next bigint not null
  constraint id_counters_pkey PRIMARY KEY (kind)
  CREATE UNIQUE INDEX id_counters_pkey ON public.id_counters USING btree (kind)
  grant insert to millrace_batch
  grant select to millrace_batch
  grant update to millrace_batch
  grant select to millrace_ingest
  grant update to millrace_ingest
table job_runs owner millrace_owner
  column run_id bigint not null generated always as identity
  column job text not null
  column month date not null
  column due_at timestamp with time zone
  column started_by text not null
  column outcome text not null default 'running'::text
  column started_at timestamp with time zone
  column ended_at timestamp with time zone
  column row_count bigint
  column error text
  column host text not null
  column pid integer not null
  constraint job_runs_pkey PRIMARY KEY (run_id)
  constraint job_runs_values CHECK (((EXTRACT(day FROM month) = (1)::numeric) AND (started_by = ANY (ARRAY['schedule'::text, 'hand'::text])) AND ((started_by = 'hand'::text) = (due_at IS NULL)) AND (outcome = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text, 'stopped'::text, 'lost'::text, 'skipped'::text, 'missed'::text])) AND ((outcome = 'running'::text) = (ended_at IS NULL)) AND ((outcome = ANY (ARRAY['skipped'::text, 'missed'::text])) = (started_at IS NULL))))
  CREATE INDEX job_runs_job ON public.job_runs USING btree (job, run_id)
  CREATE UNIQUE INDEX job_runs_missed ON public.job_runs USING btree (job, due_at) WHERE (outcome = 'missed'::text)
  CREATE UNIQUE INDEX job_runs_pkey ON public.job_runs USING btree (run_id)
  CREATE UNIQUE INDEX job_runs_running ON public.job_runs USING btree (job) WHERE (outcome = 'running'::text)
  grant insert to millrace_batch
  grant select to millrace_batch
  grant update to millrace_batch
  grant select to millrace_grafana
sequence job_runs_run_id_seq owner millrace_owner
table jobs owner millrace_owner
  column job text not null
  column cron text not null
  column counts_from timestamp with time zone not null
  constraint jobs_pkey PRIMARY KEY (job)
  CREATE UNIQUE INDEX jobs_pkey ON public.jobs USING btree (job)
  grant insert to millrace_batch
  grant select to millrace_batch
  grant update to millrace_batch
  grant select to millrace_grafana
table order_effects owner millrace_owner
  column effect_id bigint not null generated always as identity
  column created_at timestamp with time zone not null default now()
  column user_ids text[] not null
  column ordered_at timestamp with time zone[] not null
  column product_ids text[] not null
  column sold integer[] not null
  constraint order_effects_pkey PRIMARY KEY (effect_id)
  CREATE UNIQUE INDEX order_effects_pkey ON public.order_effects USING btree (effect_id)
  grant select to millrace_grafana
  grant delete to millrace_ingest
  grant insert to millrace_ingest
  grant select to millrace_ingest
sequence order_effects_effect_id_seq owner millrace_owner
table orders owner millrace_owner
  column order_id uuid not null
  column cart_id uuid not null
  column created_at timestamp with time zone not null
  column unit_price bigint not null
  column total_amount bigint not null
  column shipping_cost bigint not null default 0
  column discount_amount bigint not null default 0
  column quantity integer not null default 1
  column scenario smallint not null default 0
  column payment_method text not null
  column status text not null default 'Success'::text
  column product_id text not null
  column category text not null
  column user_id text not null
  column user_name text not null
  column user_region text not null
  column user_gender text not null
  column user_age_group text not null
  column created_datetime timestamp with time zone not null default now()
  column updated_datetime timestamp with time zone not null default now()
  constraint orders_pkey PRIMARY KEY (order_id)
  constraint orders_values CHECK (((quantity > 0) AND (unit_price >= 0) AND (total_amount >= 0)))
  CREATE INDEX orders_created_at ON public.orders USING brin (created_at) WITH (pages_per_range='32')
  CREATE UNIQUE INDEX orders_pkey ON public.orders USING btree (order_id)
  grant delete to millrace_batch
  grant insert to millrace_batch
  grant select to millrace_batch
  grant select to millrace_grafana
  grant insert to millrace_ingest
  grant select to millrace_ingest
  grant update to millrace_ingest
table products with (fillfactor=80) owner millrace_owner
  column product_id text not null
  column category text not null
  column name character varying(200) not null
  column org_price bigint not null
  column price bigint not null
  column discount_rate double precision not null
  column description text
  column brand text not null
  column stock integer not null default 0
  column rating double precision
  column review_count integer not null default 0
  column is_best boolean not null default false
  column order_count bigint not null default 0
  column created_at timestamp with time zone not null
  column created_datetime timestamp with time zone not null default now()
  column updated_datetime timestamp with time zone not null default now()
  column event_at timestamp with time zone
  constraint products_pkey PRIMARY KEY (product_id)
  constraint products_values CHECK (((price > 0) AND (org_price > 0) AND (stock >= 0) AND (order_count >= 0)))
  CREATE UNIQUE INDEX products_pkey ON public.products USING btree (product_id)
  grant insert to millrace_batch
  grant select to millrace_batch
  grant update to millrace_batch
  grant select to millrace_grafana
  grant insert to millrace_ingest
  grant select to millrace_ingest
  grant update to millrace_ingest
sequence run_numbers
  grant usage to millrace_batch
  grant usage to millrace_ingest
table schema_migrations owner millrace_owner
  column version integer not null
  column name text not null
  column checksum text not null
  column applied_at timestamp with time zone not null default now()
  constraint schema_migrations_pkey PRIMARY KEY (version)
  CREATE UNIQUE INDEX schema_migrations_pkey ON public.schema_migrations USING btree (version)
table users with (fillfactor=80) owner millrace_owner
  column user_id text not null
  column name text not null
  column gender text not null
  column age smallint not null
  column birth_year smallint not null
  column address text not null
  column address_district text not null
  column email text not null
  column grade text not null default 'BRONZE'::text
  column status text not null default 'ACTIVE'::text
  column last_login_at timestamp with time zone
  column last_ordered_at timestamp with time zone
  column marketing_agree boolean not null default false
  column random_seed double precision not null
  column created_at timestamp with time zone not null
  column created_datetime timestamp with time zone not null default now()
  column updated_datetime timestamp with time zone not null default now()
  column event_at timestamp with time zone
  constraint users_email_key UNIQUE (email)
  constraint users_pkey PRIMARY KEY (user_id)
  constraint users_values CHECK (((gender = ANY (ARRAY['M'::text, 'F'::text])) AND ((age >= 0) AND (age <= 150)) AND (grade = ANY (ARRAY['BRONZE'::text, 'SILVER'::text, 'GOLD'::text, 'VIP'::text])) AND (status = ANY (ARRAY['ACTIVE'::text, 'DORMANT'::text])) AND (random_seed >= (0)::double precision) AND (random_seed < (1)::double precision)))
  CREATE UNIQUE INDEX users_email_key ON public.users USING btree (email)
  CREATE UNIQUE INDEX users_pkey ON public.users USING btree (user_id)
  grant insert to millrace_batch
  grant select to millrace_batch
  grant update to millrace_batch
  grant select to millrace_grafana
  grant insert to millrace_ingest
  grant select to millrace_ingest
  grant update to millrace_ingest
table waiting_effects owner millrace_owner
  column kind text not null
  column id text not null
  column ordered_at timestamp with time zone
  column sold bigint
  column waiting_since timestamp with time zone not null default now()
  constraint waiting_effects_kind CHECK ((((kind = 'user'::text) AND (ordered_at IS NOT NULL) AND (sold IS NULL)) OR ((kind = 'product'::text) AND (sold IS NOT NULL) AND (ordered_at IS NULL))))
  constraint waiting_effects_pkey PRIMARY KEY (kind, id)
  CREATE UNIQUE INDEX waiting_effects_pkey ON public.waiting_effects USING btree (kind, id)
  grant select to millrace_grafana
  grant delete to millrace_ingest
  grant insert to millrace_ingest
  grant select to millrace_ingest
  grant update to millrace_ingest
