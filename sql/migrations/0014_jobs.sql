-- Jobs that run by the calendar, and what became of every turn.
create table jobs (
  job         text primary key,
  cron        text not null, -- five parts, Asia/Seoul
  counts_from timestamptz not null -- the first start with this cron; turns due before are nobody's
);

create table job_runs (
  run_id     bigint generated always as identity primary key,
  job        text not null,
  month      date not null, -- what is worked on
  due_at     timestamptz, -- null: started by hand
  started_by text not null,
  outcome    text not null default 'running',
  started_at timestamptz, -- null: not begun
  ended_at   timestamptz, -- of one that was not begun: when that was noted
  row_count  bigint,
  error      text, -- why it is not done
  host       text not null, -- whose entry this is
  pid        integer not null,
  constraint job_runs_values check (
    extract(day from month) = 1 and started_by in ('schedule', 'hand')
    and (started_by = 'hand') = (due_at is null)
    and outcome in ('running', 'done', 'failed', 'stopped', 'lost', 'skipped', 'missed')
    and (outcome = 'running') = (ended_at is null)
    and (outcome in ('skipped', 'missed')) = (started_at is null)
  )
);
create index job_runs_job on job_runs (job, run_id);
-- Never two at once, and a turn is missed once, whoever notes it.
create unique index job_runs_running on job_runs (job) where outcome = 'running';
create unique index job_runs_missed on job_runs (job, due_at) where outcome = 'missed';
