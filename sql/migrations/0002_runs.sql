-- What was made, by whom: number blocks for ids, and the ledger of backfill runs.

-- Every generating process takes a run number; 20 bits of each order id hold it.
create sequence run_numbers as integer maxvalue 1048575;

create table id_counters (
  kind text primary key,
  next bigint not null
);
insert into id_counters values ('user', 1), ('product', 1);

create table backfill_runs (
  run           integer primary key,
  options       jsonb not null, -- seed, months, unit, targets, settings: all that decides the rows
  base_checksum text not null, -- of the users and products the run began with
  state         text not null default 'running',
  started_at    timestamptz not null default now(),
  finished_at   timestamptz,
  orders        bigint,
  carts         bigint,
  checksum      text,
  constraint backfill_runs_state check (state in ('running', 'finished', 'discarded'))
);

-- One row a day, written in the transaction that stores the day's orders.
create table backfill_days (
  run      integer not null references backfill_runs,
  day      date not null,
  scenario smallint not null,
  planned  bigint not null, -- in the run's unit, rows or carts
  orders   bigint not null,
  carts    bigint not null,
  checksum text not null,
  primary key (run, day)
);

-- How many carts the rules expected of each customer, given the hours; what the report compares.
create table backfill_expected (
  run     integer not null references backfill_runs,
  user_id text not null,
  carts   double precision not null,
  primary key (run, user_id)
);
