import { DAYS, dayMaker, PLANS } from './backfill.ts';
import type { CacheLog } from './cache.ts';
import { ENTRIES } from './cache.ts';
import type { SimulatedDatabase, State } from './database.ts';
import type { SimulatedKafka } from './kafka.ts';
import { expectationOf, type Expectation } from './expectation.ts';
import type { SimulatedRedis } from './redis.ts';
import type { Progress, Vitals } from './streaming.ts';
import { Scheduler } from './scheduler.ts';

const SILENT_MS_MAX = 30_000; // between two heartbeats, or the suite restarts the part

export type Remains = {
  kafka: SimulatedKafka;
  database: SimulatedDatabase;
  redis: SimulatedRedis;
  cache: CacheLog;
  progress: Progress;
  vitals: readonly Vitals[];
};

/** What is not as it must be in a world at rest. */
export function violationsIn(world: Remains): string[] {
  const { state } = world.database;
  const expected = expectationOf(world.kafka);
  return [
    ...world.database.violations,
    ...sentIn(world),
    ...ordersIn(state, expected),
    ...lettersIn(state, expected),
    ...offsetsIn(state, world.kafka),
    ...derivedIn(state, expected),
    ...backfillIn(state),
    ...cacheIn(world),
    ...quietIn(world),
  ];
}

/** What a sender has said is sent is in Kafka: what is lost before it, Kafka's records do not show. */
function sentIn({ kafka, progress }: Remains): string[] {
  const there = new Set(kafka.logs.flatMap(({ sources }) => sources));
  return progress.sent
    .filter(({ record }) => !there.has(record))
    .map(({ event }) => `order ${event.orderId} was sent and is not in Kafka`);
}

/** No loss, nothing twice, nothing that was not sent. */
function ordersIn({ orders }: State, expected: Expectation): string[] {
  const found: string[] = [];
  for (const id of expected.orders.keys()) if (!orders.has(id)) found.push(`order ${id} is lost`);
  for (const [id, order] of orders) {
    const sent = expected.orders.get(id);
    if (!sent) found.push(`order ${id} was never sent`);
    else if (!Bun.deepEquals(sent, order)) found.push(`order ${id} is stored otherwise than sent`);
  }
  return found;
}

/** Dead letters are the poison and what the database refuses: these places, these bytes. */
function lettersIn({ letters }: State, expected: Expectation): string[] {
  const found: string[] = [];
  for (const [place, { record, reason }] of expected.letters) {
    const letter = letters.get(place);
    if (!letter) found.push(`the dead letter of ${place} is lost`);
    else if (letter.reason !== reason)
      found.push(`${place} is refused as ${letter.reason}, not ${reason}`);
    else if (!Bun.deepEquals(letter.record, record))
      found.push(`the bytes of ${place} have changed`);
  }
  for (const place of letters.keys()) {
    if (!expected.letters.has(place)) found.push(`${place} is a dead letter and should be a row`);
  }
  return found;
}

/** Every record counted once, as what it became; and Kafka told no more than is stored. */
function offsetsIn({ offsets, orders, letters }: State, kafka: SimulatedKafka): string[] {
  const found: string[] = [];
  let inserted = 0;
  let rejected = 0;
  for (const [partition, { records }] of kafka.logs.entries()) {
    const stored = offsets.get(partition);
    const committed = kafka.committed.get(partition) ?? 0;
    if (committed > (stored?.next ?? 0))
      found.push(`Kafka has ${committed} of partition ${partition}`);
    if (!stored) continue;
    inserted += stored.inserted;
    rejected += stored.rejected;
    const counted = stored.inserted + stored.duplicates + stored.rejected;
    if (counted === records.length) continue;
    found.push(`partition ${partition} counts ${counted} of ${records.length} records`);
  }
  if (inserted !== orders.size) found.push(`${inserted} orders are counted, ${orders.size} stored`);
  if (rejected !== letters.size) {
    found.push(`${rejected} dead letters are counted, ${letters.size} stored`);
  }
  return found;
}

/** users.last_ordered_at and products.order_count are what the rows say. */
function derivedIn({ lastOrdered, sold }: State, expected: Expectation): string[] {
  return [
    ...(Bun.deepEquals(lastOrdered, expected.lastOrdered)
      ? []
      : ['last_ordered_at is not what the rows say']),
    ...(Bun.deepEquals(sold, expected.sold) ? [] : ['order_count is not what the rows say']),
  ];
}

/** The run is one that was never disturbed: the same rows, each day once. */
function backfillIn({ runs }: State): string[] {
  const found: string[] = [];
  for (const [run, { finished, days, rows }] of runs) {
    if (!finished) found.push(`run ${run} is left unfinished`);
    const stored = rows.map((row) => row.toHex()).toSorted();
    if (!Bun.deepEquals(stored, UNDISTURBED)) found.push(`run ${run} has other rows`);
    if (days.size !== DAYS) found.push(`run ${run} has ${days.size} days`);
  }
  if (runs.size !== 1) found.push(`${runs.size} runs were begun`);
  return found;
}

const UNDISTURBED = undisturbed();

function undisturbed(): string[] {
  const rows: string[] = [];
  const make = dayMaker();
  const work = (async () => {
    let firstCart = 0;
    for (const plan of PLANS) {
      for await (const { bytes } of make(plan, firstCart)) rows.push(bytes.toHex());
      firstCart += plan.count;
    }
  })();
  let done = false;
  void work.then(() => (done = true));
  new Scheduler().run(() => done, 0);
  return rows.toSorted();
}

/** No reader ever saw half a generation, and none came back but where Redis had lost them all. */
function cacheIn({ cache, redis }: Remains): string[] {
  const found: string[] = [];
  let before = { number: 0, readAtMs: 0 };
  let back = 0;
  for (const { number, readAtMs, users, products } of cache.seen) {
    const names = new Set([...users, ...products].map(({ name }) => name));
    if (names.size !== 1 || users.length !== ENTRIES || products.length !== ENTRIES) {
      found.push(`generation ${number} was read in parts: ${[...names].join(', ')}`);
    }
    const same = number === before.number && readAtMs === before.readAtMs; // to another reader
    if (number <= before.number && !same) back++;
    before = { number, readAtMs };
  }
  if (back > cache.emptied) found.push(`generations came back ${back} times`);
  const lasting = redis.lasting.filter((key) => key.includes('staged'));
  return [...found, ...lasting.map((key) => `${key} stays for ever`)];
}

/** Nothing is held, and everybody was heard of in time. */
function quietIn({ database, vitals }: Remains): string[] {
  const found: string[] = [];
  if (database.sessions.size > 0) found.push(`${database.sessions.size} connections are left`);
  if (database.locked.length > 0) found.push(`locked for ever: ${database.locked.join(', ')}`);
  for (const { silentMs, process } of vitals) {
    if (silentMs <= SILENT_MS_MAX) continue;
    found.push(`${process.name} was silent for ${silentMs.toFixed(0)} ms`);
  }
  return found;
}
