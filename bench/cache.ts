import { closeRedis, connectRedis, type Redis } from '../src/cache/client.ts';
import { findUser, loadPools, readPools } from '../src/cache/pools.ts';
import { REFRESH_EVERY_MS } from '../src/cache/refresh.ts';
import { monotonicMs, wallClock } from '../src/base/clock.ts';
import { Random } from '../src/base/random.ts';
import { count } from '../src/base/terminal.ts';
import { CART_SIZE_WEIGHTS } from '../src/model/order.ts';
import type { Pool } from '../src/model/pool.ts';
import { HOURLY_MULTIPLIER } from '../src/model/scenario.ts';
import { temporaryRedis } from '../src/stack/temporary-redis.ts';
import { withClient, type Client } from '../src/store/client.ts';
import { readPoolRows } from '../src/store/pools.ts';
import type { Line } from './run.ts';
import { freshDatabase, millrace, type Server } from './shop.ts';

export type CacheSizes = { users: number; products: number };

const ROUNDS = 21; // odd, for a median
const LOOKUPS = 1_000;
const LOAD_MS_GOAL = 50;
const SIMULATED_MS = 600_000;
const CART_EVERY_MS = 4_000; // in an hour whose multiplier is 1: the middle of 3 and 5 s
const USER_BY_KEY = `select user_id, name, gender, age, birth_year, address, address_district, email,
  grade, status, last_ordered_at, marketing_agree, random_seed, created_at
  from users where user_id = $1`;
const PRODUCT_BY_KEY = `select product_id, category, name, org_price, price, discount_rate, description,
  brand, stock, order_count, created_at from products where product_id = $1`;

/**
 * Loading and reading the pools, the same look-ups in Redis and in PostgreSQL, and how many queries
 * the cache saves in ten minutes of orders, beside what the seed claims. Both servers are on this
 * machine and are asked over TCP, one question after the other.
 */
export async function cacheBench(server: Server, sizes: CacheSizes): Promise<Line[]> {
  const url = await freshDatabase(server, 'bench_cache');
  await millrace(url, 'seed', '--users', `${sizes.users}`, '--products', `${sizes.products}`);
  const redisServer = await temporaryRedis();
  const redis = await connectRedis(redisServer.redisUrl);
  try {
    return await withClient(url, async (client) => {
      await sellSome(client);
      const pool = await readPoolRows(client);
      return [
        await loadLine(redis, pool),
        await wholeLine(redis, client),
        await singleLine(redis, client, pool),
        ...(await savedLines(client, pool)),
      ];
    });
  } finally {
    await closeRedis(redis);
    await redisServer.stop();
  }
}

/** Six users in ten have bought and eight products in ten were sold, so that every half is there. */
async function sellSome(client: Client): Promise<void> {
  await client.query(`update users set last_ordered_at = created_at
    where right(user_id, 1) between '0' and '5'`);
  await client.query(`update products set order_count = 1 + right(product_id, 2)::integer
    where right(product_id, 1) between '0' and '7'`);
  await client.query('vacuum analyze users, products');
}

async function loadLine(redis: Redis, pool: Pool): Promise<Line> {
  const entries = pool.users.length + pool.products.length;
  const { ms, most } = await median(() => loadPools(redis, pool, wallClock()));
  return {
    bench: `load ${count(entries)} entries into Redis and swap them in`,
    stated: '-',
    ours: `${ms.toFixed(1)} ms, ${most.toFixed(1)} ms at most`,
    ratio: `goal ${LOAD_MS_GOAL} ms`,
    floor: '',
  };
}

async function wholeLine(redis: Redis, client: Client): Promise<Line> {
  const ours = await median(() => readPools(redis));
  const stored = await median(() => readPoolRows(client));
  return against('both pools, read whole', ours.ms, stored.ms);
}

async function singleLine(redis: Redis, client: Client, pool: Pool): Promise<Line> {
  const random = new Random(1, 'live');
  const ids = Array.from({ length: LOOKUPS }, () => random.pick(pool.users).userId);
  const ours = await median(async () => {
    for (const id of ids) await findUser(redis, id);
  }, 5);
  const stored = await median(async () => {
    for (const id of ids) await userByKey(client, id);
  }, 5);
  return against(`${count(LOOKUPS)} users, one by one`, ours.ms, stored.ms);
}

function against(bench: string, redisMs: number, postgresMs: number): Line {
  return {
    bench: `${bench}: Redis`,
    stated: '100 times faster',
    ours: `${redisMs.toFixed(1)} ms`,
    ratio: `${(postgresMs / redisMs).toFixed(1)} times faster`,
    floor: `PostgreSQL ${postgresMs.toFixed(1)} ms`,
  };
}

type Asked = { queries: number; ms: number };

/** Ten minutes of carts in an ordinary hour and in the busiest one, and the pools asked for each cart. */
async function savedLines(client: Client, pool: Pool): Promise<Line[]> {
  await client.query('create extension if not exists pg_stat_statements');
  const refreshes = SIMULATED_MS / REFRESH_EVERY_MS;
  const cached = await asked(client, async () => {
    for (let turn = 0; turn < refreshes; turn++) await readPoolRows(client);
  });
  const busiest = Math.max(...HOURLY_MULTIPLIER);
  const lines: Line[] = [];
  for (const [hour, multiplier] of [
    ['an ordinary hour', 1],
    ['the busiest hour', busiest],
  ] as const) {
    const carts = Math.round((SIMULATED_MS * multiplier) / CART_EVERY_MS);
    const byKey = await asked(client, () => lookUp(client, pool, carts));
    lines.push(savedLine(`${hour}, ${carts} carts, rows by key`, cached, byKey));
  }
  const carts = Math.round(SIMULATED_MS / CART_EVERY_MS);
  const pools = await asked(client, async () => {
    for (let cart = 0; cart < carts; cart++) await readPoolRows(client);
  });
  lines.push(savedLine(`an ordinary hour, ${carts} carts, pools`, cached, pools));
  return lines;
}

function savedLine(what: string, cached: Asked, plain: Asked): Line {
  const fewer = (1 - cached.queries / plain.queries) * 100;
  return {
    bench: `10 min of orders in ${what}`,
    stated: '98 % fewer queries',
    ours: `${count(cached.queries)} queries, ${cached.ms.toFixed(0)} ms of PostgreSQL`,
    ratio: `${fewer.toFixed(1)} % fewer`,
    floor: `${count(plain.queries)} queries, ${plain.ms.toFixed(0)} ms without the cache`,
  };
}

/** What pg_stat_statements says `work` asked of the shop's tables. */
async function asked(client: Client, work: () => Promise<void>): Promise<Asked> {
  await client.query('select pg_stat_statements_reset()');
  await work();
  const { rows } = await client.query<{ queries: string; ms: number }>(
    `select sum(calls) as queries, sum(total_exec_time) as ms from pg_stat_statements
     where query ~ '(from|join) (users|products)'`,
  );
  return { queries: Number(rows[0].queries), ms: rows[0].ms };
}

/** What carts need without a cache: the buyer's row, and each article's. */
async function lookUp(client: Client, pool: Pool, carts: number): Promise<void> {
  const random = new Random(2, 'live');
  for (let cart = 0; cart < carts; cart++) {
    await userByKey(client, random.pick(pool.users).userId);
    for (let item = cartSize(random); item > 0; item--) {
      const { productId } = random.pick(pool.products);
      await client.query({ name: 'product', text: PRODUCT_BY_KEY, values: [productId] });
    }
  }
}

async function userByKey(client: Client, userId: string): Promise<void> {
  await client.query({ name: 'user', text: USER_BY_KEY, values: [userId] });
}

function cartSize(random: Random): number {
  let left = random.next() * CART_SIZE_WEIGHTS.reduce((sum, weight) => sum + weight, 0);
  const at = CART_SIZE_WEIGHTS.findIndex((weight) => (left -= weight) < 0);
  return at + 1;
}

async function median(
  work: () => Promise<unknown>,
  rounds = ROUNDS,
): Promise<{ ms: number; most: number }> {
  await work();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = monotonicMs();
    await work();
    times.push(monotonicMs() - started);
  }
  times.sort((a, b) => a - b);
  return { ms: times[rounds >> 1], most: times[rounds - 1] };
}
