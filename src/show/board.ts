import {
  AggregatorRegistry,
  Registry,
  type OpenMetricsContentType,
  type RegistryContentType,
} from 'prom-client';

import { monotonicMs } from '../base/clock.ts';

export const TEXT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
export const OPENMETRICS_TYPE = Registry.OPENMETRICS_CONTENT_TYPE;

/** One metric as prom-client hands it over; what a thread sends is a JSON list of these. */
type Metric = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];
export type Value = {
  value: number;
  labels: Partial<Record<string, string | number>>;
  metricName?: string;
};
type Source = { getMetricsAsJSON(): Promise<Metric[]> };

const RENDER_MS_MIN = 250; // a text younger than this is served again

/**
 * The metrics of this thread and of others, added up into one text. Others hand in snapshots as JSON
 * text, which costs nothing until somebody scrapes. What an ended thread has counted is kept, so that
 * counters never fall; its gauges go.
 */
export class MetricsBoard {
  readonly #local: Source[];
  readonly #snapshots = new Map<string, string>();
  readonly #clock: () => number;
  readonly #texts = new Map<boolean, { atMs: number; text: Promise<string> }>();
  #retired: Metric[] = [];

  constructor(local: Source[], clock: () => number = monotonicMs) {
    this.#local = local;
    this.#clock = clock;
  }

  /** The newest snapshot of a thread, in place of its last. */
  update(source: string, snapshot: string): void {
    this.#snapshots.set(source, snapshot);
  }

  /** A thread has ended: its totals stay, and the next thread of that name starts from 0. */
  async retire(source: string): Promise<void> {
    const snapshot = this.#snapshots.get(source);
    this.#snapshots.delete(source);
    if (snapshot === undefined) return;
    const counted = parse(snapshot).filter((metric) => !isA('gauge', metric));
    this.#retired = await sum([this.#retired, counted]).getMetricsAsJSON();
  }

  /** The text of a scrape: Prometheus' format, or OpenMetrics. Asks nobody but this process. */
  async render(openMetrics: boolean): Promise<string> {
    const last = this.#texts.get(openMetrics);
    if (last && this.#clock() - last.atMs < RENDER_MS_MIN) return await last.text;
    const text = this.#render(openMetrics);
    this.#texts.set(openMetrics, { atMs: this.#clock(), text });
    return await text;
  }

  /** The sum of all values of a metric whose labels match. */
  async total(name: string, labels: Record<string, string> = {}): Promise<number> {
    const values = await this.values(name, labels);
    return values.reduce((total, { value }) => total + value, 0);
  }

  /** All values of a metric whose labels match, of every thread; a histogram's have a `metricName`. */
  async values(name: string, labels: Record<string, string> = {}): Promise<Value[]> {
    const wanted = Object.entries(labels);
    const found = (await this.#all()).flat().filter((metric) => metric.name === name);
    return found
      .flatMap((metric): Value[] => metric.values)
      .filter((value) => wanted.every(([key, text]) => value.labels[key] === text));
  }

  async #render(openMetrics: boolean): Promise<string> {
    const lists = await this.#all();
    if (!openMetrics) return await sum(lists).metrics();
    const registry = sum<OpenMetricsContentType>(lists.map(withoutTotal));
    registry.setContentType(OPENMETRICS_TYPE);
    return await registry.metrics();
  }

  async #all(): Promise<Metric[][]> {
    const local = await Promise.all(
      this.#local.map(async (source) => await source.getMetricsAsJSON()),
    );
    return [...local, ...[...this.#snapshots.values()].map(parse), this.#retired];
  }
}

/** What a thread sends: its metrics that have a value. */
export async function snapshotOf(source: Source): Promise<string> {
  const metrics = await source.getMetricsAsJSON();
  return JSON.stringify(metrics.filter(({ values }) => values.length > 0));
}

function parse(snapshot: string): Metric[] {
  return JSON.parse(snapshot);
}

function sum<Type extends RegistryContentType>(lists: Metric[][]): Registry<Type> {
  return AggregatorRegistry.aggregate<Type>(lists);
}

/** OpenMetrics puts `_total` on the samples only; prom-client forgets that for summed registries. */
function withoutTotal(metrics: Metric[]): Metric[] {
  return metrics.map((metric) =>
    isA('counter', metric) ? { ...metric, name: metric.name.replace(/_total$/, '') } : metric,
  );
}

/** The types are texts at run time, whatever their declaration says. */
function isA(type: 'counter' | 'gauge', metric: Metric): boolean {
  return String(metric.type) === type;
}
