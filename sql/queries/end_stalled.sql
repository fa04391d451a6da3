-- src/store/sink-postgres.ts, after a lock was waited for in vain: ends sessions of the same consumer group that
-- stopped in the middle of a COPY (a frozen process, a dead link), since no timeout of PostgreSQL's reaches them.
-- $1 application name, $2 milliseconds.
select pg_terminate_backend(pid)
from pg_stat_activity
where application_name = $1 and datname = current_database() and pid <> pg_backend_pid()
  and pg_has_role(usesysid, 'usage')
  and state = 'active' and wait_event = 'ClientRead'
  and state_change < now() - make_interval(secs => $2::float8 / 1000)
