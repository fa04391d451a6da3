-- The shop: customers, articles, order rows. Money is whole won; times carry their zone.

create table users (
  user_id          text primary key,
  name             text not null,
  gender           text not null,
  age              smallint not null,
  birth_year       smallint not null,
  address          text not null,
  address_district text not null,
  email            text not null unique,
  grade            text not null default 'BRONZE',
  status           text not null default 'ACTIVE',
  last_login_at    timestamptz,
  last_ordered_at  timestamptz,
  marketing_agree  boolean not null default false,
  random_seed      double precision not null,
  created_at       timestamptz not null,
  created_datetime timestamptz not null default now(),
  updated_datetime timestamptz not null default now(),
  constraint users_values check (
    gender in ('M', 'F') and age between 0 and 150
    and grade in ('BRONZE', 'SILVER', 'GOLD', 'VIP') and status in ('ACTIVE', 'DORMANT')
    and random_seed >= 0 and random_seed < 1
  )
) with (fillfactor = 80); -- room for grade and last_ordered_at to change on the same page

create table products (
  product_id       text primary key,
  category         text not null,
  name             varchar(200) not null,
  org_price        bigint not null,
  price            bigint not null,
  discount_rate    double precision not null,
  description      text,
  brand            text not null,
  stock            integer not null default 0,
  rating           double precision,
  review_count     integer not null default 0,
  is_best          boolean not null default false,
  order_count      bigint not null default 0,
  created_at       timestamptz not null,
  created_datetime timestamptz not null default now(),
  updated_datetime timestamptz not null default now(),
  constraint products_values check (price > 0 and org_price > 0 and stock >= 0 and order_count >= 0)
) with (fillfactor = 80); -- room for order_count to change on the same page

-- No foreign keys: the stream may bring an order before its user, and a check a row halves COPY.
-- The audit and the reports look for strangers instead.
create table orders (
  order_id         uuid primary key, -- UUIDv7: grows with time, so the index is filled from one end
  cart_id          uuid not null, -- the order_id of the cart's first item
  created_at       timestamptz not null,
  unit_price       bigint not null,
  total_amount     bigint not null,
  shipping_cost    bigint not null default 0,
  discount_amount  bigint not null default 0,
  quantity         integer not null default 1,
  scenario         smallint not null default 0,
  payment_method   text not null,
  status           text not null default 'Success',
  product_id       text not null,
  category         text not null,
  user_id          text not null,
  user_name        text not null,
  user_region      text not null,
  user_gender      text not null,
  user_age_group   text not null,
  created_datetime timestamptz not null default now(),
  updated_datetime timestamptz not null default now(),
  constraint orders_values check (quantity > 0 and unit_price >= 0 and total_amount >= 0)
);

-- Rows arrive in time order, so a block range index answers time windows at almost no cost.
create index orders_created_at on orders using brin (created_at) with (pages_per_range = 32);

-- The 20 bits of an order id that say which run made it.
create function order_run(id uuid) returns integer
  language sql immutable strict parallel safe
  return ((get_byte(uuid_send(id), 8) & 63) << 14)
    | (get_byte(uuid_send(id), 9) << 6)
    | (get_byte(uuid_send(id), 10) >> 2);

-- Every change of a customer's grade: who, when, from, to, and the sums that decided.
create table grade_changes (
  change_id   bigint generated always as identity primary key,
  user_id     text not null,
  changed_at  timestamptz not null,
  from_grade  text not null,
  to_grade    text not null,
  amount      bigint not null, -- successful won in the window
  order_count bigint not null, -- successful order rows in the window
  preset      text not null,
  run         integer -- the backfill run, or null for the live updater
);
