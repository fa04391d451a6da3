import { wallClock } from '../base/clock.ts';
import { logger } from '../base/log.ts';
import { REAL_TIME } from '../base/time.ts';
import type { Random } from '../base/random.ts';
import { LiveCarts } from '../generate/live-carts.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { query, withClient } from '../store/client.ts';
import { readPoolRows } from '../store/pools.ts';
import { streamDriver } from '../stream/drivers.ts';
import { openLedger, type Ledger } from '../stream/ledger.ts';
import { poisonKinds } from '../stream/poison-corpus.ts';
import type { OutgoingRecord, Producer } from '../stream/port.ts';
import { EventSender } from '../stream/produce.ts';
import { encodeOrders, orderParts } from '../stream/wire-orders.ts';
import type { RecordMaker } from './drill.ts';
import type { Rig } from './rig.ts';

const GOOD_EACH = 99; // beside one bad record: 1 % of the stream
const COPIES_MAX = 3;
const LARGE_BYTES = 1_600_000; // too large for the wire, and not for the brokers
const SEED = 1;
const SCENARIO = 0;

/** What was sent on top of the shop's own events, and is known to have arrived. */
export type Sent = {
  repeated: number; // records of events that had been sent before
  poisoned: number;
};

/** A producer of a drill's own, with a run of its own: orders as the shop makes them, and worse. */
export class Records implements RecordMaker {
  readonly sent: Sent = { repeated: 0, poisoned: 0 };
  readonly #producer: Producer;
  readonly #sender: EventSender;
  readonly #ledger: Ledger;
  readonly #carts: LiveCarts;
  readonly #chance: Random;
  readonly #kinds = poisonKinds(LARGE_BYTES);
  #kind = 0;

  private constructor(
    producer: Producer,
    sender: EventSender,
    ledger: Ledger,
    carts: LiveCarts,
    chance: Random,
  ) {
    this.#producer = producer;
    this.#sender = sender;
    this.#ledger = ledger;
    this.#carts = carts;
    this.#chance = chance;
  }

  /** The shop must have customers and articles. */
  static async open(rig: Rig, chance: Random, signal: AbortSignal): Promise<Records> {
    const { run, pool } = await withClient(rig.postgres.databaseUrl, async (client) => {
      const sql = "select nextval('run_numbers') as run";
      const [row] = await query<{ run: string }>(client, 'taking a run number', sql);
      return { run: Number(row.run), pool: await readPoolRows(client) };
    });
    const driver = await streamDriver();
    const producer = await driver.producer(
      { brokers: rig.kafka.kafkaBrokers.split(','), clientId: 'millrace drill' },
      { lingerMs: 2, compression: 'none', inFlightMax: 50_000, deliveryMsMax: 30_000 },
    );
    const ledger = openLedger(rig.ledger, wallClock);
    const sender = new EventSender({
      producer,
      topic: 'orders',
      run,
      seed: SEED,
      time: REAL_TIME,
      signal,
      log: logger('drill', { level: 'error' }),
      ledger,
    });
    const carts = new LiveCarts({ seed: SEED, run, settings: DEFAULT_SETTINGS }, pool);
    return new Records(producer, sender, ledger, carts, chance);
  }

  async repeated(orders: number): Promise<number> {
    const copies: OutgoingRecord[] = [];
    await this.#send(orders, (record) => {
      for (let copy = this.#chance.below(COPIES_MAX); copy > 0; copy--) copies.push(record);
    });
    const { acked } = await this.#extra(copies);
    this.sent.repeated += acked;
    return acked;
  }

  async poisoned(kinds: number): Promise<number> {
    let acked = 0;
    for (let i = 0; i < kinds; i++) {
      const { spoil } = this.#kinds[this.#kind++ % this.#kinds.length];
      const bad: OutgoingRecord[] = [];
      await this.#send(GOOD_EACH, (record, at) => {
        if (at === 0) bad.push(spoil(record));
      });
      acked += (await this.#extra(bad)).acked;
    }
    this.sent.poisoned += acked;
    return acked;
  }

  async close(): Promise<void> {
    await this.#producer.close();
    this.#ledger.close();
  }

  /** About so many good orders, whole carts, acknowledged. */
  async #send(orders: number, each: (record: OutgoingRecord, at: number) => void): Promise<void> {
    const batch = this.#carts.begin(SCENARIO);
    const parts = orderParts(this.#carts.pool.users, this.#carts.pool.products);
    const nowMs = wallClock();
    while (batch.count < orders && this.#carts.hasRoom()) this.#carts.add(nowMs);
    await this.#sender.send(batch.count, (first) => {
      const records = encodeOrders(batch, parts, first);
      for (const [at, record] of records.entries()) each(record, at);
      return records;
    });
  }

  /** Sent once: what is not acknowledged is not sent again, or nobody would know how often it came. */
  async #extra(records: readonly OutgoingRecord[]): Promise<{ acked: number }> {
    if (records.length === 0) return { acked: 0 };
    return await this.#producer.send(records);
  }
}
