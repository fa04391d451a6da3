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
