-- src/store/effects.ts, in the transaction of a batch of orders: what its rows change in users and products.
-- $1 customers, $2 when each last ordered, $3 articles, $4 how many rows sold each.
insert into order_effects (user_ids, ordered_at, product_ids, sold)
values ($1::text[], $2::timestamptz[], $3::text[], $4::integer[])
