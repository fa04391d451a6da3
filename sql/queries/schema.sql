-- src/store/schema.ts, `millrace migrate --schema`: every part of the schema as a line, in a fixed order.
with relations as (
  select oid, relname, relkind, relowner, reloptions, relacl
  from pg_class
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'S', 'v')
)
select line
from (
  select relname, 1 as part, 0 as place,
    case relkind when 'r' then 'table ' when 'S' then 'sequence ' else 'view ' end || relname
      || coalesce(' with (' || array_to_string(reloptions, ', ') || ')', '')
      || case when relowner::regrole::text = 'millrace_owner' then ' owner millrace_owner' else '' end as line
  from relations
  union all
  select relname, 2, attnum,
    '  column ' || attname || ' ' || format_type(atttypid, atttypmod)
      || case when attnotnull then ' not null' else '' end
      || case attidentity when 'a' then ' generated always as identity' else '' end
      || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
  from relations
  join pg_attribute on attrelid = relations.oid and attnum > 0 and not attisdropped
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
  where relkind = 'r'
  union all
  select relname, 3, row_number() over (order by conname),
    '  constraint ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
  from relations join pg_constraint on conrelid = relations.oid
  where contype <> 'n'
  union all
  select relname, 4, row_number() over (order by indexrelid::regclass::text),
    '  ' || pg_get_indexdef(indexrelid)
  from relations join pg_index on indrelid = relations.oid
  union all
  select relname, 5, row_number() over (order by grantee::regrole::text, privilege_type),
    '  grant ' || lower(privilege_type) || ' to ' || grantee::regrole::text
  from relations, aclexplode(relacl)
  where grantee::regrole::text like 'millrace%' and grantee <> relowner
  union all
  select 'function ' || proname, 6, 0, pg_get_functiondef(oid)
  from pg_proc
  where pronamespace = 'public'::regnamespace
) parts
order by relname, part, place
