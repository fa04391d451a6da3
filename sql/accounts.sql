-- The accounts that the applications log in with, for psql: members of the roles that roles.sql gives their rights to.
-- compose.yaml has PostgreSQL's container run it when its volume is new. It can be run again, and then sets the
-- passwords: docker compose exec postgres psql -U postgres -d millrace -f /docker-entrypoint-initdb.d/accounts.sql
\set ON_ERROR_STOP on
\getenv ingest_password INGEST_PASSWORD
\getenv batch_password BATCH_PASSWORD

select format('create role %I nologin', role)
from unnest(array['millrace_ingest', 'millrace_batch']) as role
where not exists (select from pg_roles where rolname = role)
\gexec

select format('create role %I login in role %I', role || '_app', role)
from unnest(array['millrace_ingest', 'millrace_batch']) as role
where not exists (select from pg_roles where rolname = role || '_app')
\gexec

alter role millrace_ingest_app password :'ingest_password';
alter role millrace_batch_app password :'batch_password';
