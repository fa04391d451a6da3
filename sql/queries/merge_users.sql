-- src/store/sink-users.ts: staged customers, at most one row each. The newest event wins, of two of one moment
-- the one that comes later; a row without event_at was seeded and is as old as created_at. The grade is the
-- updater's and last_ordered_at the folder's: an existing row keeps both. By id, so nobody locks crosswise.
insert into users as kept (
  user_id, name, gender, age, birth_year, address, address_district, email, grade, status, last_login_at,
  marketing_agree, random_seed, created_at, event_at)
select
  user_id, name, gender, age, birth_year, address, address_district, email, grade, status, last_login_at,
  marketing_agree, random_seed, created_at, event_at
from staged_users
order by user_id
on conflict (user_id) do update set
  name = excluded.name,
  gender = excluded.gender,
  age = excluded.age,
  birth_year = excluded.birth_year,
  address = excluded.address,
  address_district = excluded.address_district,
  email = excluded.email,
  status = excluded.status,
  last_login_at = excluded.last_login_at,
  marketing_agree = excluded.marketing_agree,
  random_seed = excluded.random_seed,
  created_at = excluded.created_at,
  event_at = excluded.event_at,
  updated_datetime = now()
where excluded.event_at > coalesce(kept.event_at, kept.created_at)
  or excluded.event_at = coalesce(kept.event_at, kept.created_at) and (
    excluded.name, excluded.gender, excluded.age, excluded.birth_year, excluded.address,
    excluded.address_district, excluded.email, excluded.status, excluded.last_login_at,
    excluded.marketing_agree, excluded.random_seed, excluded.created_at
  ) is distinct from (
    kept.name, kept.gender, kept.age, kept.birth_year, kept.address,
    kept.address_district, kept.email, kept.status, kept.last_login_at,
    kept.marketing_agree, kept.random_seed, kept.created_at
  )
returning user_id as id
