-- Profiles of clusters are made of what the vectors hold, so a run need not read the features, which
-- are ten times as large. And a month's table is filled by many transactions, so that a run which was
-- killed goes on.

-- The lists of the original's profile are those of `contract_info` and `purchase_logs` entry by entry;
-- these are the entries that the lists of distinct items leave out. Empty lists are null.
alter table source.customer_vector
  add column more_contracts  text[], -- 계약대상 of all other entries, in their order; '' where none
  add column first_contract  smallint, -- the first entry's, among contracts || more_contracts, from 1
  add column more_products   text[], -- item_name of all other entries; '' where none
  add column registered_type text; -- 업태, as registered
-- What was ingested before lacks them; the next ingest of a month brings them.
truncate source.customer_vector;

drop function analytics.begin_month(regclass, date);

-- Makes the table that the rows go to, for whom the parent is for. `note` says who fills it.
create function analytics.begin_month(parent regclass, month date, note text)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  made text := analytics.month_table(parent, month, '_new');
  allowed record;
begin
  execute format('drop table if exists analytics.%I', made);
  -- Nobody is to vacuum it while it grows, nor to analyze a part of it.
  execute format('create table analytics.%I (like %s including defaults,
      constraint month check (snapshot_month = %L and snapshot_month is not null))
      with (autovacuum_enabled = off)',
    made, parent, month);
  execute format('comment on table analytics.%I is %L', made, note);
  for allowed in select privilege_type as what, grantee::regrole as whom
    from pg_class, aclexplode(relacl) where oid = parent and grantee <> 0
  loop
    execute format('grant %s on analytics.%I to %s', allowed.what, made, allowed.whom);
  end loop;
end
$$;

-- As before, and what is published has been analyzed.
create or replace function analytics.publish_month(parent regclass, month date, note text, keep boolean)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp set default_statistics_target = 10 as $$
declare
  part text := analytics.month_table(parent, month);
  made text := part || '_new';
  last text := part || '_last';
  keys text;
  filled boolean := false;
begin
  for keys in select pg_get_constraintdef(oid) from pg_constraint
    where conrelid = parent and contype in ('p', 'u') order by contype
  loop
    execute format('alter table analytics.%I add %s', made, keys);
  end loop;
  execute format('alter table analytics.%I reset (autovacuum_enabled)', made);
  execute format('analyze analytics.%I', made);
  execute format('comment on table analytics.%I is %L', made, note);
  execute format('lock table %s in access exclusive mode', parent);
  if to_regclass(format('analytics.%I', part)) is not null then
    execute format('select exists (select from analytics.%I)', part) into filled;
    execute format('alter table %s detach partition analytics.%I', parent, part);
    if filled and keep then
      execute format('drop table if exists analytics.%I', last);
      execute format('alter table analytics.%I rename to %I', part, last);
    else
      execute format('drop table analytics.%I', part);
    end if;
  end if;
  execute format('alter table analytics.%I rename to %I', made, part);
  execute format('alter table %s attach partition analytics.%I for values from (%L) to (%L)',
    parent, part, month, month + interval '1 month');
end
$$;

revoke execute on function analytics.begin_month from public;
