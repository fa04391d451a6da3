import { wallClock } from '../../base/clock.ts';
import { setting } from '../../base/config.ts';
import { errorFields } from '../../base/log.ts';
import { retry } from '../../base/retry.ts';
import { pause, untilAborted } from '../../base/shutdown.ts';
import { REAL_TIME } from '../../base/time.ts';
import type { TakeNumbers } from '../../generate/live-catalogue.ts';
import type { LiveRun } from '../../generate/live-carts.ts';
import type { Topic, Trace } from '../../model/event.ts';
import { query, type Client } from '../../store/client.ts';
import { takeNumbers } from '../../store/shop.ts';
import { streamDriver } from '../../stream/drivers.ts';
import { openLedger, type Ledger } from '../../stream/ledger.ts';
import type { OutgoingRecord, Producer, ProducerOptions } from '../../stream/port.ts';
import { EventSender } from '../../stream/produce.ts';
import { databaseOf, kafkaOf } from '../config.ts';
import { Database } from '../database.ts';
import { beating, unlessStopped, type PartContext } from '../part.ts';
import { UnderWay } from '../under-way.ts';

/** What a part that makes events has: a run of its own, ids from the database, and ways to Kafka. */
export type Maker = {
  run: LiveRun;
  takeNumbers: (kind: 'user' | 'product') => TakeNumbers;
  /** Sends events of a topic, one sender a topic; what is on its way at the end is waited for. */
  sender: (topic: Topic) => Send;
};

/** Waits only while too much is under way; `encode` is called at once, given the first one's trace. */
export type Send = (count: number, encode: Encode) => Promise<void>;
type Encode = (first: Trace) => readonly OutgoingRecord[];

const ROWS_UNDER_WAY_MAX = 20_000; // encoded and not acknowledged; more would only wait in memory
const PRODUCER: ProducerOptions = {
  lingerMs: 2,
  compression: 'lz4',
  inFlightMax: 50_000,
  deliveryMsMax: 30_000,
};
// Once stopped; together no longer than the others wait for their turn, and well within DRAIN_MS_MAX.
const SETTLE_MS_MAX = 1_000; // for what is on its way
const CLOSE_MS_MAX = 500; // for a producer whose brokers may be away

/**
 * Runs `work` with what a maker needs, and lets what it sent arrive before it closes. Once stopped,
 * that has a limit: what Kafka has not acknowledged by then is in doubt, as it is after a kill.
 */
export async function asMaker(
  context: PartContext,
  work: (maker: Maker) => Promise<void>,
): Promise<void> {
  const { name, config, signal, log, check } = context;
  check('kafka', 'loading the client');
  const driver = await streamDriver(setting('KAFKA_DRIVER')); // first: see consumer.ts
  const settings = kafkaOf(config, name);
  const database = new Database(databaseOf(config), name);
  const ask = async <Result>(question: (client: Client) => Promise<Result>): Promise<Result> =>
    await persist(context, 'database', () => database.use(question));
  const ledger = config.ledger === null ? undefined : openLedger(config.ledger, wallClock);
  let producer: Producer | undefined;
  try {
    producer = await persist(context, 'kafka', () => driver.producer(settings, PRODUCER));
    const run: LiveRun = { seed: config.seed, run: await ask(nextRun), settings: config.settings };
    log.info('begins a run', { run: run.run, seed: run.seed });
    const underWay = new UnderWay(ROWS_UNDER_WAY_MAX);
    const senders = { context, run, producer, underWay, ...(ledger && { ledger }) };
    const settled = async (): Promise<void> =>
      await within(signal, SETTLE_MS_MAX, underWay.settle());
    try {
      await work({
        run,
        sender: (topic) => senderTo(topic, senders),
        takeNumbers: (kind) => (count) => ask((client) => takeNumbers(client, kind, count)),
      });
    } catch (cause) {
      if (signal.aborted) await settled().catch(() => undefined); // the first failure is told
      throw cause;
    }
    await settled();
  } finally {
    if (producer) await within(signal, CLOSE_MS_MAX, producer.close());
    await database.close();
    ledger?.close();
  }
}

type Senders = {
  context: PartContext;
  run: LiveRun;
  producer: Producer;
  underWay: UnderWay;
  ledger?: Ledger;
};

function senderTo(topic: Topic, { context, run, producer, underWay, ledger }: Senders): Send {
  const { signal, log, check, heartbeat, progress } = context;
  const events = new EventSender({
    producer,
    topic,
    run: run.run,
    seed: run.seed,
    time: REAL_TIME,
    signal,
    log,
    check: (failure) => check(`sending ${topic}`, failure),
    ...(ledger && { ledger }),
  });
  return async (count, encode) => {
    if (count === 0) return;
    const sending = underWay.add(count, events.send(count, encode).then(progress));
    // Kafka may be away for hours: meanwhile we are not dead, and can be stopped.
    await beating(() => heartbeat(), unlessStopped(signal, sending));
  };
}

/** Asks a service for as long as it is away, and says so meanwhile. */
async function persist<Result>(
  { signal, heartbeat, check, log }: PartContext,
  name: 'kafka' | 'database',
  work: () => Promise<Result>,
): Promise<Result> {
  const result = await retry(
    {
      what: `asking ${name}`,
      time: REAL_TIME,
      signal,
      onRetry: (error, attempt) => {
        heartbeat();
        check(name, error.message);
        if (attempt === 1) log.warn(`trying again: asking ${name}`, errorFields(error));
      },
    },
    () => unlessStopped(signal, work()), // brokers that are mute take their time to be given up
  );
  check(name, null);
  return result;
}

/** Waits for `work`; once stopped, no longer than `ms`. */
async function within(signal: AbortSignal, ms: number, work: Promise<void>): Promise<void> {
  const over = new AbortController();
  const late = untilAborted(AbortSignal.any([signal, over.signal])).then(() =>
    pause(ms, over.signal),
  );
  await Promise.race([work, late]).finally(() => over.abort());
}

async function nextRun(client: Client): Promise<number> {
  const [row] = await query<{ run: string }>(
    client,
    'taking a run number',
    "select nextval('run_numbers') as run",
  );
  return Number(row.run);
}
