import type { Redis } from 'ioredis';

import type { Log } from '../base/log.ts';
import { repeat } from '../base/schedule.ts';
import { REAL_TIME, type Time } from '../base/time.ts';
import { PoolAge } from './age.ts';
import { Outage } from '../base/outage.ts';
import { readMark, readPools, type Generation } from './pools.ts';

const LOOK_EVERY_MS = 2_000;

export type FollowOptions = {
  redis: Redis;
  signal: AbortSignal;
  log: Log;
  /** A generation that is new to the caller, who keeps it until the next one comes. */
  onGeneration: (generation: Generation) => void;
  everyMs?: number;
  time?: Time;
};

/**
 * Hands over every new generation of the pools, the present one first, until aborted. While Redis is
 * away, or its pools are broken, nothing comes: the caller goes on with what it has, whose age shows.
 */
export async function followPools(options: FollowOptions): Promise<void> {
  const { redis, signal, log, onGeneration, everyMs = LOOK_EVERY_MS, time = REAL_TIME } = options;
  const outage = new Outage(log, 'reading the cache');
  const age = new PoolAge(time);
  let held: Generation | null = null;
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const following = repeat({ everyMs, signal: both, time }, async () => {
    const next = await outage.survive(() => newer(redis, held));
    if (!next) return;
    held = next;
    age.use(next, next.readAtMs);
    onGeneration(next);
  });
  try {
    await Promise.all([following, age.keep(both)]);
  } finally {
    ended.abort(); // a defect in one of them must not leave the other behind
  }
}

/** Asks for the entries, a megabyte, only when there is something new. */
async function newer(redis: Redis, held: Generation | null): Promise<Generation | null> {
  const mark = await readMark(redis);
  if (mark === null) return null;
  if (held && mark.number === held.number && mark.readAtMs === held.readAtMs) return null;
  return await readPools(redis);
}
