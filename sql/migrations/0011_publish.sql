-- A month of recommendations is made beside the one that is read, takes its place in the transaction
-- that made it, and leaves the one before it for a rollback. Tables of a month, by their names:
-- `<table>_<YYYY>_<MM>` is read, `.._new` is being made, `.._last` was read before. Functions run as
-- their owner, since only a table's owner may add to it.

create function analytics.month_table(parent regclass, month date, kind text default '')
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if extract(day from month) <> 1 then
    raise exception '% is not the first of a month', month using errcode = '22023';
  end if;
  if parent not in ('analytics.user_recommendation'::regclass, 'analytics.cluster_profile'::regclass) then
    raise exception '% is not published by month', parent using errcode = '22023';
  end if;
  return (select relname from pg_class where oid = parent) || to_char(month, '_YYYY_MM') || kind;
end
$$;

-- Makes the table that the rows go to, for whom the parent is for. Filled in the transaction that
-- made it, it needs no log of its rows (wal_level minimal).
create function analytics.begin_month(parent regclass, month date)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  made text := analytics.month_table(parent, month, '_new');
  allowed record;
begin
  execute format('drop table if exists analytics.%I', made);
  execute format('create table analytics.%I (like %s including defaults,
      constraint month check (snapshot_month = %L and snapshot_month is not null))',
    made, parent, month);
  for allowed in select privilege_type as what, grantee::regrole as whom
    from pg_class, aclexplode(relacl) where oid = parent and grantee <> 0
  loop
    execute format('grant %s on analytics.%I to %s', allowed.what, made, allowed.whom);
  end loop;
end
$$;

-- Gives the table that was made the keys of its parent, and puts it in the place of the one that is
-- read, which is kept for a rollback if it has rows and `keep` asks for it. `note` says what made it.
create function analytics.publish_month(parent regclass, month date, note text, keep boolean)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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

-- Puts the one that was read before back, and keeps the other in its place; false if there is none.
create function analytics.rollback_month(parent regclass, month date)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  part text := analytics.month_table(parent, month);
  made text := part || '_new';
  last text := part || '_last';
begin
  if to_regclass(format('analytics.%I', last)) is null then
    return false;
  end if;
  execute format('lock table %s in access exclusive mode', parent);
  execute format('drop table if exists analytics.%I', made);
  if to_regclass(format('analytics.%I', part)) is not null then
    execute format('alter table %s detach partition analytics.%I', parent, part);
    execute format('alter table analytics.%I rename to %I', part, made);
  end if;
  execute format('alter table analytics.%I rename to %I', last, part);
  execute format('alter table %s attach partition analytics.%I for values from (%L) to (%L)',
    parent, part, month, month + interval '1 month');
  if to_regclass(format('analytics.%I', made)) is not null then
    execute format('alter table analytics.%I rename to %I', made, last);
  end if;
  return true;
end
$$;

revoke execute on function analytics.begin_month, analytics.publish_month, analytics.rollback_month
  from public;
