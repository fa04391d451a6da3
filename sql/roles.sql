-- src/store/migrate.ts, after every migration: the least-privilege roles and what each may do. It can be
-- run again at any time, so grants that an earlier account was not allowed to give are made up for.
-- The roles cannot log in: grant them to the accounts that do. They belong to the whole server, so
-- another database may have made them already.
do $$
declare
  role_name text;
  owned record;
begin
  foreach role_name in array
    array['millrace_owner', 'millrace_ingest', 'millrace_batch', 'millrace_grafana']
  loop
    continue when exists (select from pg_roles where rolname = role_name);
    begin
      execute format('create role %I nologin', role_name);
    exception
      when duplicate_object or unique_violation then null;
      when insufficient_privilege then
        raise warning 'role % is missing and this account may not create it; have it made, then migrate again',
          role_name;
    end;
  end loop;
  execute 'revoke create on schema public from public';

  -- Changes the schema: what migrates from now on is a member of it.
  if exists (select from pg_roles where rolname = 'millrace_owner')
    and pg_has_role(current_user, 'millrace_owner', 'member')
  then
    grant usage, create on schema public to millrace_owner;
    for owned in
      select format('alter table %I.%I owner to millrace_owner', schemaname, tablename) as statement
      from pg_tables
      where schemaname = 'public' and tableowner = current_user
    loop
      execute owned.statement;
    end loop;
  end if;

  -- The stream's sink and the folder.
  if exists (select from pg_roles where rolname = 'millrace_ingest') then
    execute format('grant temporary on database %I to millrace_ingest', current_database());
    grant usage on schema public to millrace_ingest;
    grant select, insert, update on users, products, orders to millrace_ingest;
    grant select, update on id_counters to millrace_ingest;
    grant usage on sequence run_numbers to millrace_ingest;
    grant select, insert, update on consumer_offsets, consumer_topics, dead_letters to millrace_ingest;
    -- Effects are deleted once they are applied, nothing else is.
    grant select, insert, delete on order_effects to millrace_ingest;
    grant select, insert, update, delete on waiting_effects to millrace_ingest;
  end if;

  -- Seed, backfill and grades; delete is for a run that is thrown away.
  if exists (select from pg_roles where rolname = 'millrace_batch') then
    execute format('grant temporary on database %I to millrace_batch', current_database());
    grant usage on schema public to millrace_batch;
    grant select, insert, update on users, products, grade_changes, id_counters to millrace_batch;
    grant select, insert, delete on orders to millrace_batch;
    grant select, insert, update, delete on backfill_runs, backfill_days, backfill_expected
      to millrace_batch;
    grant usage on sequence run_numbers to millrace_batch;
    grant select, insert, update on jobs, job_runs to millrace_batch;
    -- The recommender's months; making and emptying one is the function's, which is its owner's.
    grant usage on schema rodb, bidb, source, analytics to millrace_batch;
    grant select, insert, update, delete on all tables in schema source, analytics to millrace_batch;
    grant select, insert, delete, truncate on all tables in schema rodb, bidb to millrace_batch;
    grant usage on all sequences in schema source, analytics to millrace_batch;
    grant execute on function source.month_partition, analytics.begin_month, analytics.publish_month,
      analytics.rollback_month to millrace_batch;
  end if;

  -- Dashboards only read.
  if exists (select from pg_roles where rolname = 'millrace_grafana') then
    grant usage on schema public to millrace_grafana;
    -- Not dead_letters: they hold customers' data as it came.
    grant select on users, products, orders, grade_changes, backfill_runs, backfill_days,
      backfill_expected, consumer_offsets, consumer_topics, order_effects, waiting_effects, jobs,
      job_runs
      to millrace_grafana;
    grant usage on schema source, analytics to millrace_grafana;
    grant select on analytics.user_recommendation, analytics.cluster_profile,
      analytics.recommend_runs, analytics.recommend_chunks to millrace_grafana;
  end if;
end
$$;
