-- src/store/pools.ts, every refresh of the cache: the users who may buy now. $1 how many of those who bought
-- longest ago, $2 how many of the newest who never did; where one half is short, the other fills up.
with halves as (
  select user_id, 0 as half, $1::integer as wanted,
    row_number() over (order by last_ordered_at, created_at, user_id) as place
  from (
    select user_id, last_ordered_at, created_at
    from users
    where last_ordered_at is not null
    order by last_ordered_at, created_at, user_id
    limit $1::integer + $2::integer
  ) as returning_users
  union all
  select user_id, 1, $2::integer, row_number() over (order by created_at desc, user_id desc)
  from (
    select user_id, created_at
    from users
    where last_ordered_at is null
    order by created_at desc, user_id desc
    limit $1::integer + $2::integer
  ) as new_users
), pool as (
  select user_id, half, place
  from halves
  order by place > wanted, half, place
  limit $1::integer + $2::integer
)
select user_id, name, gender, age, birth_year, address, address_district, email, grade, status,
  last_ordered_at, marketing_agree, random_seed, created_at
from pool join users using (user_id)
order by half, place
