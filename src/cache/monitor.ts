import type { Redis } from 'ioredis';

import { seoulTime } from '../base/clock.ts';
import { PipelineError } from '../base/errors.ts';
import { repeat } from '../base/schedule.ts';
import { count } from '../base/terminal.ts';
import { REAL_TIME, type Time } from '../base/time.ts';
import { ask, everyReply } from './failure.ts';
import { PRODUCTS_KEY, USERS_KEY, USERS_META_KEY, type GenerationMark } from './pools.ts';
import { REFRESH_EVERY_MS } from './refresh.ts';

/** What one look at Redis shows. */
export type CacheSample = {
  atMs: number;
  usedBytes: number;
  opsPerSecond: number;
  hits: number; // look-ups of keys since Redis started
  misses: number;
  users: number; // entries
  products: number;
  generation: GenerationMark | null;
};

const LINE_EVERY_MS = 1_000;
const BAR_WIDTH = 20;
const MIB = 1_048_576;

/** One line: where the refresh stands, memory, work, hits since the last line, sizes, swaps seen. */
export function monitorLine(
  sample: CacheSample,
  hits: number | null, // share of look-ups, [0, 1]; null: there were none
  swaps: number,
  everyMs = REFRESH_EVERY_MS,
): string {
  const { generation } = sample;
  const seconds = generation
    ? Math.max(0, Math.floor((sample.atMs - generation.readAtMs) / 1_000))
    : 0;
  const full = Math.min(BAR_WIDTH, Math.floor((seconds * 1_000 * BAR_WIDTH) / everyMs));
  const bar = '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full);
  const age = generation ? `${seconds}/${everyMs / 1_000} s` : 'no pools';
  return [
    seoulTime(sample.atMs).slice(11),
    `${bar} ${age.padStart(8)}`,
    `${(sample.usedBytes / MIB).toFixed(1)} MiB`,
    `${count(sample.opsPerSecond)} ops/s`,
    hits === null ? 'hits -' : `hits ${(hits * 100).toFixed(1)} %`,
    `users ${count(sample.users)}`,
    `products ${count(sample.products)}`,
    `swaps ${count(swaps)}`,
  ].join(' │ ');
}

/** Turns samples into lines: keeps what the last one said. */
export class CacheMonitor {
  #last: CacheSample | null = null;
  #swaps = 0;

  line(sample: CacheSample): string {
    const last = this.#last;
    this.#last = sample;
    if (last) this.#swaps += swapsBetween(last.generation, sample.generation);
    return monitorLine(sample, last && hitShare(last, sample), this.#swaps);
  }
}

/** The numbers of the generations tell how many there were, also between two looks. */
function swapsBetween(before: GenerationMark | null, after: GenerationMark | null): number {
  if (after === null) return 0;
  if (before === null) return 1;
  if (before.number === after.number && before.readAtMs === after.readAtMs) return 0;
  return Math.max(1, after.number - before.number); // it starts again when Redis lost its data
}

/** The share of look-ups that found something, the monitor's own left out. */
function hitShare(last: CacheSample, now: CacheSample): number | null {
  const ownHits = [last.users, last.products, last.generation].filter(Boolean).length;
  const hits = now.hits - last.hits - ownHits;
  const misses = now.misses - last.misses - (3 - ownHits);
  const restarted = hits < 0 || misses < 0;
  return restarted || hits + misses === 0 ? null : hits / (hits + misses);
}

/** One look, in one round trip. INFO comes first, so each look counts the look-ups of the last. */
export async function sampleCache(redis: Redis, nowMs: number): Promise<CacheSample> {
  const pipeline = redis
    .pipeline()
    .info('memory')
    .info('stats')
    .hlen(USERS_KEY)
    .hlen(PRODUCTS_KEY)
    .hmget(USERS_META_KEY, 'generation', 'updated_at');
  const replies = everyReply(pipeline.exec());
  const [memory, stats, users, products, mark] = await ask(
    redis,
    'monitor',
    'looking at Redis',
    replies,
  );
  const [number, updatedAt] = Array.isArray(mark) ? mark.map((text) => text as unknown) : [];
  return {
    atMs: nowMs,
    usedBytes: infoNumber(memory, 'used_memory'),
    opsPerSecond: infoNumber(stats, 'instantaneous_ops_per_sec'),
    hits: infoNumber(stats, 'keyspace_hits'),
    misses: infoNumber(stats, 'keyspace_misses'),
    users: Number(users),
    products: Number(products),
    generation:
      typeof number === 'string' && typeof updatedAt === 'string'
        ? { number: Number(number), readAtMs: Date.parse(updatedAt) }
        : null,
  };
}

export type MonitorOptions = {
  redis: Redis;
  signal: AbortSignal;
  write: (line: string) => void;
  time?: Time;
};

/** A line a second until aborted, also while Redis is away. */
export async function monitorCache({
  redis,
  signal,
  write,
  time = REAL_TIME,
}: MonitorOptions): Promise<void> {
  const monitor = new CacheMonitor();
  await repeat({ everyMs: LINE_EVERY_MS, signal, time }, async () => {
    try {
      write(monitor.line(await sampleCache(redis, time.now())));
    } catch (cause) {
      if (!(cause instanceof PipelineError)) throw cause;
      write(`${seoulTime(time.now()).slice(11)} │ ${cause.message}`);
    }
  });
}

/** `name:123` in the reply to INFO. */
function infoNumber(info: unknown, name: string): number {
  const match = new RegExp(`^${name}:(\\d+)`, 'm').exec(String(info));
  return Number(match?.[1] ?? 0);
}
