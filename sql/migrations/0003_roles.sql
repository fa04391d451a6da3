-- Least-privilege roles. They cannot log in: grant them to the accounts that do.
-- Roles belong to the whole server, so another database may have made them already.
do $$
declare
  role_name text;
begin
  foreach role_name in array array['millrace_ingest', 'millrace_batch', 'millrace_grafana'] loop
    begin
      execute format('create role %I nologin', role_name);
    exception
      when duplicate_object or unique_violation then null;
      when insufficient_privilege then
        raise notice 'role % is missing and this account may not create it', role_name;
    end;
  end loop;
  if (select count(*) = 3 from pg_roles
      where rolname in ('millrace_ingest', 'millrace_batch', 'millrace_grafana')) then
    execute format('grant temporary on database %I to millrace_ingest, millrace_batch', current_database());
    execute format('revoke create on schema public from public');
    grant usage on schema public to millrace_ingest, millrace_batch, millrace_grafana;

    -- The stream's sink: adds and updates, never deletes.
    grant select, insert, update on users, products, orders to millrace_ingest;
    grant select, update on id_counters to millrace_ingest;
    grant usage on sequence run_numbers to millrace_ingest;

    -- Seed, backfill and grades; delete is for a run that is thrown away.
    grant select, insert, update on users, products, grade_changes, id_counters to millrace_batch;
    grant select, insert, delete on orders to millrace_batch;
    grant select, insert, update, delete on backfill_runs, backfill_days, backfill_expected
      to millrace_batch;
    grant usage on sequence run_numbers to millrace_batch;

    -- Dashboards read, and give up early.
    grant select on users, products, orders, grade_changes, backfill_runs, backfill_days,
      backfill_expected to millrace_grafana;
  end if;
end
$$;
