import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';

import { monotonicMs } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import type { Pool, PoolProduct, PoolUser } from '../model/pool.ts';
import { readProduct, readUser, writeProduct, writeTime, writeUser } from './entry.ts';
import { ask, everyReply } from './failure.ts';

/** Hashes of id to JSON, and of what is known about each. All four change in one step. */
export const USERS_KEY = 'cache:users';
export const PRODUCTS_KEY = 'cache:products';
export const USERS_META_KEY = 'cache:users:meta';
export const PRODUCTS_META_KEY = 'cache:products:meta';
const LIVE_KEYS = [USERS_KEY, PRODUCTS_KEY, USERS_META_KEY, PRODUCTS_META_KEY];

/** One whole refresh of the cache as a reader gets it: users and products that belong together. */
export type Generation = Pool & {
  number: number; // rises by one with every refresh; starts again when Redis has lost its data
  readAtMs: number; // when PostgreSQL was read, so the age of the data
};

export type Loaded = { generation: number; seconds: { stage: number; swap: number } };

export const POOL_ENTRIES_MAX = 10_000; // of each hash, written or read
const COMMANDS_MAX = 500; // of one pipeline
const ENTRIES_A_COMMAND = 100; // about 45 KB; more is no faster
const STAGED_SECONDS_MAX = 60;

/** KEYS: a hash. ARGV: its seconds to live, field, value, field, value ... */
const STAGE = `
redis.call('hset', KEYS[1], unpack(ARGV, 2))
redis.call('expire', KEYS[1], ARGV[1])
return 1`;

/**
 * KEYS: the two staged hashes, then LIVE_KEYS. ARGV: how many entries each has, the time. Looks before
 * it touches anything; from the first write on nothing can fail, also when Redis is out of memory.
 */
const SWAP = `
for i = 1, 2 do
  if redis.call('hlen', KEYS[i]) ~= tonumber(ARGV[i]) then
    return redis.error_reply('ERR staged entries are gone, by eviction or because it took too long')
  end
end
local last = redis.call('type', KEYS[5]).ok == 'hash' and redis.call('hget', KEYS[5], 'generation')
local generation = (tonumber(last) or 0) + 1
redis.call('del', KEYS[5], KEYS[6])
for i = 1, 2 do
  redis.call('rename', KEYS[i], KEYS[i + 2])
  redis.call('persist', KEYS[i + 2])
  redis.call('hset', KEYS[i + 4], 'count', ARGV[i], 'updated_at', ARGV[3], 'generation', generation)
end
return generation`;

/** KEYS: LIVE_KEYS. ARGV: the most entries. A script runs alone, so what it returns belongs together. */
const READ = `
local reply = {}
for i = 1, 2 do
  local count = redis.call('hlen', KEYS[i])
  local meta = redis.call('hmget', KEYS[i + 2], 'count', 'generation', 'updated_at')
  for field = 1, 3 do meta[field] = meta[field] or '' end
  reply[i * 2 - 1] = {tostring(count), unpack(meta)}
  reply[i * 2] = count <= tonumber(ARGV[1]) and redis.call('hvals', KEYS[i]) or {}
end
return reply`;

/**
 * Makes a pool the one that readers see: staged beside the old one by pipelines, then put in its
 * place in one step, users and products together. Whatever fails leaves the old one whole, and what
 * was staged removes itself.
 */
export async function loadPools(redis: Redis, pool: Pool, readAtMs: number): Promise<Loaded> {
  const { users, products } = pool;
  checkSize('users', users.length);
  checkSize('products', products.length);
  const mark = randomBytes(6).toString('hex'); // two loaders at once stage apart
  const staged = [`${USERS_KEY}:staged:${mark}`, `${PRODUCTS_KEY}:staged:${mark}`];
  const started = monotonicMs();
  try {
    await stage(redis, staged[0], users, (user) => [user.userId, writeUser(user)]);
    await stage(redis, staged[1], products, (item) => [item.productId, writeProduct(item)]);
    const swapping = monotonicMs();
    const doing = 'putting the new pools in place';
    const counts = [users.length, products.length];
    const keys = [...staged, ...LIVE_KEYS];
    const swap = redis.eval(SWAP, keys.length, ...keys, ...counts, writeTime(readAtMs));
    const generation = Number(await ask(redis, 'swap', doing, swap));
    const ended = monotonicMs();
    return {
      generation,
      seconds: { stage: (swapping - started) / 1_000, swap: (ended - swapping) / 1_000 },
    };
  } catch (cause) {
    await redis.unlink(...staged).catch(() => undefined); // they expire anyway
    throw cause;
  }
}

/** The pools as they are now, or null when none have been loaded. One round trip, never half. */
export async function readPools(redis: Redis): Promise<Generation | null> {
  const read = redis.eval(READ, LIVE_KEYS.length, ...LIVE_KEYS, POOL_ENTRIES_MAX);
  const reply = await ask(redis, 'read', 'reading the pools', read);
  const [usersMeta, users, productsMeta, products] = Array.isArray(reply) ? reply.map(texts) : [];
  const [, , number, updatedAt] = usersMeta;
  if (number === '' && productsMeta[2] === '') return null;
  checkWhole(USERS_KEY, usersMeta, usersMeta);
  checkWhole(PRODUCTS_KEY, productsMeta, usersMeta);
  return {
    number: Number(number),
    readAtMs: Date.parse(updatedAt),
    // Redis hands a hash out in an order of its own; the same pool shall give the same choices.
    users: users.map(readUser).toSorted((a, b) => compare(a.userId, b.userId)),
    products: products.map(readProduct).toSorted((a, b) => compare(a.productId, b.productId)),
  };
}

export type GenerationMark = { number: number; readAtMs: number };

/** Which generation is there, without its entries. */
export async function readMark(redis: Redis): Promise<GenerationMark | null> {
  const read = redis.hmget(USERS_META_KEY, 'generation', 'updated_at');
  const [number, updatedAt] = await ask(redis, 'read', 'reading which pools are there', read);
  if (number === null || updatedAt === null) return null;
  return { number: Number(number), readAtMs: Date.parse(updatedAt) };
}

/** Some users of the pool, no two alike, chosen by Redis; fewer when there are fewer. One round trip. */
export async function sampleUsers(redis: Redis, count: number): Promise<PoolUser[]> {
  checkSize('a sample', count);
  const sample = redis.hrandfield(USERS_KEY, count, 'WITHVALUES');
  const reply = texts(await ask(redis, 'read', 'taking users from the pool', sample));
  return reply.filter((_, at) => at % 2 === 1).map(readUser);
}

/** One user of the pool, or null when it is not in it. */
export async function findUser(redis: Redis, userId: string): Promise<PoolUser | null> {
  const found = redis.hget(USERS_KEY, userId);
  const entry = await ask(redis, 'read', 'looking a user up in the pool', found);
  return entry === null ? null : readUser(entry);
}

/** One product of the pool, or null when it is not in it. */
export async function findProduct(redis: Redis, productId: string): Promise<PoolProduct | null> {
  const found = redis.hget(PRODUCTS_KEY, productId);
  const entry = await ask(redis, 'read', 'looking a product up in the pool', found);
  return entry === null ? null : readProduct(entry);
}

async function stage<Member>(
  redis: Redis,
  key: string,
  members: readonly Member[],
  write: (member: Member) => [id: string, entry: string],
): Promise<void> {
  const pipelineEntries = ENTRIES_A_COMMAND * COMMANDS_MAX;
  for (let from = 0; from < members.length; from += pipelineEntries) {
    const end = Math.min(from + pipelineEntries, members.length);
    const pipeline = redis.pipeline();
    for (let at = from; at < end; at += ENTRIES_A_COMMAND) {
      const entries = members.slice(at, Math.min(at + ENTRIES_A_COMMAND, end)).flatMap(write);
      pipeline.eval(STAGE, 1, key, STAGED_SECONDS_MAX, ...entries);
    }
    await ask(redis, 'load', `staging ${key}`, everyReply(pipeline.exec()));
  }
}

/** Redis may evict one of the keys, and a stranger may write one. */
function checkWhole(
  key: string,
  [found, count, generation, updatedAt]: string[],
  [, , usersGeneration, usersUpdatedAt]: string[],
): void {
  if (Number(found) > POOL_ENTRIES_MAX) {
    throw broken(key, `it has ${found} entries, and ${POOL_ENTRIES_MAX} are the most`);
  }
  if (found !== count) throw broken(key, `it has ${found} of ${count || 0} entries`);
  const same = generation === usersGeneration && updatedAt === usersUpdatedAt;
  if (!same || Number.isNaN(Date.parse(updatedAt))) throw broken(key, 'its meta is not ours');
}

function broken(key: string, what: string): PipelineError {
  return new PipelineError(
    'REDIS_FAILED',
    `reading ${key}: ${what}; does Redis evict keys, or another program write there? The next refresh repairs it`,
    { retryable: true },
  );
}

function checkSize(what: string, count: number): void {
  if (count >= 1 && count <= POOL_ENTRIES_MAX) return;
  throw new RangeError(`${what}: ${count} entries, and a pool takes 1 to ${POOL_ENTRIES_MAX}`);
}

function texts(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
