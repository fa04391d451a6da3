-- src/store/base.ts, at the start of a backfill: what an order copies from its user, then what the rules ask.
copy (
  select user_id, name, address_district, gender, (age / 10 * 10) || '대',
    extract(epoch from created_at)::float8 * 1000, age::int, gender = 'F', status = 'ACTIVE',
    marketing_agree, array_position(array['BRONZE', 'SILVER', 'GOLD', 'VIP'], grade) - 1, random_seed
  from users
  order by created_at, user_id
) to stdout (format binary)
