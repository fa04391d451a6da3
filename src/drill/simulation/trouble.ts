import type { CacheLog } from './cache.ts';
import type { SimulatedDatabase } from './database.ts';
import type { WorldEvent } from './faults.ts';
import type { SimulatedKafka } from './kafka.ts';
import { POISON } from './orders.ts';
import type { Part } from './part.ts';
import type { Ground } from './process.ts';
import type { SimulatedRedis } from './redis.ts';

/** What trouble can come to. */
export type Troubled = {
  readonly ground: Ground;
  readonly kafka: SimulatedKafka;
  readonly database: SimulatedDatabase;
  readonly redis: SimulatedRedis;
  readonly cache: CacheLog;
  readonly parts: readonly Part[];
  readonly consumers: readonly Part[];
  readonly producer: Part;
  readonly backfill: Part;
  readonly cacheParts: readonly Part[];
  addConsumer(): void;
};

const CONSUMERS_MAX = 3;
const BLOWS_MIN = 2;
const BLOWS_MAX = 5;
const GAP_MS_MAX = 600;
const AWAY_MS_MAX = 2_000;
const CLOCK_MS_MAX = 3_600_000;

/** Servers that go away, processes that die, rebalances: some of these, one after the other. */
export async function disturb(world: Troubled): Promise<void> {
  const { random, scheduler } = world.ground;
  const blows = BLOWS_MIN + random.below(BLOWS_MAX - BLOWS_MIN + 1);
  for (let blow = 0; blow < blows; blow++) {
    await scheduler.sleep(random.next() * GAP_MS_MAX);
    const [name, strike] = random.pick(BLOWS);
    world.ground.trace?.(`${scheduler.nowMs.toFixed(3).padStart(10)}  ${name}`);
    world.ground.faults.tally.add(name);
    await strike(world);
  }
}

const NOISE_MAX = 6;

/** Poison and records that come twice, between the orders. */
export async function spoilStream({ ground, kafka }: Troubled): Promise<void> {
  const { random, scheduler, faults } = ground;
  for (let left = random.below(NOISE_MAX + 1); left > 0; left--) {
    await scheduler.sleep(random.next() * GAP_MS_MAX);
    const partition = random.below(kafka.logs.length);
    // Of what is there already: it must not stand in for an order that a sender has dropped.
    const there = kafka.logs.flatMap(({ sources }) => sources);
    if (random.next() < 0.5 || there.length === 0) {
      faults.tally.add('poison');
      kafka.append(partition, random.pick(POISON).record);
      continue;
    }
    const record = random.pick(there);
    const same = kafka.partitionOf(record) === partition;
    faults.tally.add(same ? 'duplicate' : 'duplicate in another partition');
    kafka.append(partition, record);
  }
}

type Blow = readonly [name: WorldEvent, strike: (world: Troubled) => Promise<void> | void];

const BLOWS: readonly Blow[] = [
  ['rebalance', ({ kafka }) => kafka.rebalance()],
  ['consumer joins', addConsumer],
  ['consumer stops', ({ ground, consumers }) => ground.random.pick(consumers).stop(false)],
  ['producer stops', ({ producer }) => producer.stop(false)],
  ['backfill stops', ({ backfill }) => backfill.stop(false)],
  ['cache stops', ({ ground, cacheParts }) => ground.random.pick(cacheParts).stop(false)],
  ['kill', ({ ground, parts }) => ground.random.pick(parts).kill()],
  ['kill', ({ ground, consumers }) => ground.random.pick(consumers).kill()],
  ['database crash', crash],
  ['database away', (world) => away(world, world.database)],
  ['database slow', slow],
  ['kafka away', (world) => away(world, world.kafka)],
  ['redis away', (world) => away(world, world.redis)],
  ['redis emptied', empty],
  ['clock jump', jump],
];

function addConsumer(world: Troubled): void {
  if (world.consumers.length < CONSUMERS_MAX) world.addConsumer();
}

async function crash(world: Troubled): Promise<void> {
  const { database, ground } = world;
  if (database.crash()) ground.faults.tally.add('database crash takes commits back');
  await away(world, database);
}

async function away({ ground }: Troubled, server: { away: boolean }): Promise<void> {
  server.away = true;
  await ground.scheduler.sleep(ground.random.next() * AWAY_MS_MAX);
  server.away = false;
}

async function slow({ ground, database }: Troubled): Promise<void> {
  database.slow = true;
  await ground.scheduler.sleep(ground.random.next() * AWAY_MS_MAX);
  database.slow = false;
}

function empty({ redis, cache }: Troubled): void {
  redis.empty();
  cache.emptied++;
}

function jump({ ground }: Troubled): void {
  ground.wallMs += (ground.random.next() * 2 - 1) * CLOCK_MS_MAX;
}
