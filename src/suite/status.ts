import { count } from '../base/terminal.ts';
import { TOPICS, type Topic } from '../model/event.ts';
import type { MetricsBoard, Value } from '../show/board.ts';
import type { Suite } from './suite.ts';

/** What a suite has done so far, from its own counters. */
export type SuiteStatus = {
  seconds: number; // since the suite started
  produced: Record<Topic, number>; // acknowledged by Kafka
  stored: Record<Topic, number>; // rows that went in
  duplicates: number;
  deadLetters: number;
  lag: number; // messages; what was last read
  orderAgeSeconds: Ages | null; // event to commit; null: no orders
  restarts: number;
  notReady: string[];
};

type Ages = { p50: number; p99: number };

/** Ages are of all orders so far, or of those since an earlier look at them. */
export async function statusOf(
  { board, roster }: Suite,
  seconds: number,
  since: readonly Value[] = [],
): Promise<SuiteStatus> {
  const byTopic = async (
    name: string,
    label: string,
    more = {},
  ): Promise<Record<Topic, number>> => {
    const [users, products, orders] = await Promise.all(
      TOPICS.map((topic) => board.total(name, { [label]: topic, ...more })),
    );
    return { users, products, orders };
  };
  return {
    seconds,
    produced: await byTopic('millrace_kafka_producer_records_total', 'topic', { outcome: 'acked' }),
    stored: await byTopic('millrace_postgres_rows_inserted_total', 'table'),
    duplicates: await board.total('millrace_kafka_records_duplicate_total'),
    deadLetters: await board.total('millrace_dead_letters_total'),
    lag: await board.total('kafka_consumergroup_lag'),
    orderAgeSeconds: quantiles(await orderAges(board), since),
    restarts: await board.total('millrace_worker_restarts_total'),
    notReady: roster.unready(),
  };
}

async function orderAges(board: MetricsBoard): Promise<Value[]> {
  return await board.values('millrace_event_age_seconds', { topic: 'orders' });
}

/** Looks again and again; the ages are each time of the orders since the last look. */
export class StatusReader {
  readonly #suite: Suite;
  #ages: Value[] = [];

  constructor(suite: Suite) {
    this.#suite = suite;
  }

  async next(seconds: number): Promise<SuiteStatus> {
    const status = await statusOf(this.#suite, seconds, this.#ages);
    this.#ages = await orderAges(this.#suite.board);
    return status;
  }
}

/** A line for people; rates are since `last`. */
export function statusLine(now: SuiteStatus, last: SuiteStatus | null): string {
  const seconds = Math.max(0.001, now.seconds - (last?.seconds ?? 0));
  const rate = (key: 'produced' | 'stored'): string =>
    count((now[key].orders - (last?.[key].orders ?? 0)) / seconds);
  const age = now.orderAgeSeconds;
  return [
    `${Math.round(now.seconds)} s`,
    `orders ${rate('produced')}/s made, ${rate('stored')}/s stored, ${count(now.stored.orders)} in all`,
    `users ${count(now.stored.users)}, products ${count(now.stored.products)}`,
    `lag ${count(now.lag)}`,
    age === null ? '' : `event to row p50 ${ms(age.p50)}, p99 ${ms(age.p99)}`,
    now.deadLetters > 0 ? `dead letters ${count(now.deadLetters)}` : '',
    now.restarts > 0 ? `restarts ${now.restarts}` : '',
    now.notReady.length > 0 ? `not ready: ${now.notReady.join(', ')}` : '',
  ]
    .filter((part) => part !== '')
    .join(' │ ');
}

function ms(seconds: number): string {
  return `${count(seconds * 1_000)} ms`;
}

/**
 * From the buckets of a histogram, added up over threads, less those of an earlier look; linear
 * inside a bucket, as Prometheus does.
 */
export function quantiles(values: readonly Value[], since: readonly Value[] = []): Ages | null {
  const buckets = new Map<number, number>();
  const add = (of: readonly Value[], sign: 1 | -1): void => {
    for (const { value, labels, metricName } of of) {
      if (!metricName?.endsWith('_bucket')) continue;
      const bound = labels['le'] === '+Inf' ? Infinity : Number(labels['le']);
      buckets.set(bound, (buckets.get(bound) ?? 0) + sign * value);
    }
  };
  add(values, 1);
  add(since, -1);
  const rising = [...buckets].toSorted(([a], [b]) => a - b);
  const total = rising.at(-1)?.[1] ?? 0;
  if (total === 0) return null;
  return { p50: quantile(rising, total * 0.5), p99: quantile(rising, total * 0.99) };
}

function quantile(rising: readonly (readonly [number, number])[], rank: number): number {
  const at = rising.findIndex(([, below]) => below >= rank);
  const [bound, below] = rising[at];
  const [lowerBound, before] = rising[at - 1] ?? [0, 0];
  if (bound === Infinity) return lowerBound;
  return lowerBound + ((bound - lowerBound) * (rank - before)) / (below - before);
}
