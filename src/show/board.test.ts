import { expect, test } from 'bun:test';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

import { registry } from '../base/metrics.ts';
import { MetricsBoard, snapshotOf } from './board.ts';
import { processMetrics } from './process-metrics.ts';
import { parseExposition } from './testing.ts';
import { zeroMetrics } from './zero.ts';

/** A thread's own metrics, like those of base/metrics.ts. */
function thread() {
  const own = new Registry();
  const registers = [own];
  const rows = new Counter({ name: 'rows_total', help: 'Rows', labelNames: ['table'], registers });
  const age = new Gauge({ name: 'age_seconds', help: 'Age', registers, aggregator: 'max' });
  const time = new Histogram({ name: 'took_seconds', help: 'T', buckets: [1, 5], registers });
  return { own, rows, age, time };
}

function sampleOf(text: string, line: string): number | undefined {
  const found = text.split('\n').find((each) => each.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

test('counters and histograms of threads add up, and a gauge shows its largest value', async () => {
  const board = new MetricsBoard([]);
  for (const [i, name] of ['a', 'b'].entries()) {
    const { own, rows, age, time } = thread();
    rows.inc({ table: 'orders' }, 10 * (i + 1));
    age.set(i === 0 ? 7 : 3);
    time.observe(2);
    board.update(name, await snapshotOf(own));
  }
  const text = await board.render(false);
  expect(sampleOf(text, 'rows_total{table="orders"}')).toBe(30);
  expect(sampleOf(text, 'age_seconds')).toBe(7);
  expect(sampleOf(text, 'took_seconds_bucket{le="1"}')).toBe(0);
  expect(sampleOf(text, 'took_seconds_bucket{le="5"}')).toBe(2);
  expect(sampleOf(text, 'took_seconds_sum')).toBe(4);
  expect(await board.total('rows_total', { table: 'orders' })).toBe(30);
  expect(await board.total('rows_total', { table: 'users' })).toBe(0);
});

test('a newer snapshot of a thread replaces its last one', async () => {
  const board = new MetricsBoard([]);
  const { own, rows } = thread();
  rows.inc({ table: 'orders' }, 5);
  board.update('a', await snapshotOf(own));
  rows.inc({ table: 'orders' }, 5);
  board.update('a', await snapshotOf(own));
  expect(await board.total('rows_total')).toBe(10);
});

test('what an ended thread counted stays, its gauges go, and its successor adds to it', async () => {
  let now = 0;
  const board = new MetricsBoard([], () => now);
  for (let life = 0; life < 3; life++) {
    const { own, rows, age, time } = thread();
    rows.inc({ table: 'orders' }, 5);
    age.set(100);
    time.observe(2);
    board.update('a', await snapshotOf(own));
    await board.retire('a');
    await board.retire('a'); // a thread ends once
    now += 1_000;
    const text = await board.render(false);
    expect(sampleOf(text, 'rows_total{table="orders"}')).toBe(5 * (life + 1));
    expect(sampleOf(text, 'took_seconds_count')).toBe(life + 1);
    expect(sampleOf(text, 'age_seconds')).toBeUndefined();
  }
});

test('scrapes in quick succession share one text', async () => {
  let now = 0;
  const { own, rows } = thread();
  const board = new MetricsBoard([own], () => now);
  rows.inc({ table: 'orders' });
  const first = await board.render(false);
  rows.inc({ table: 'orders' });
  expect(await board.render(false)).toBe(first);
  now += 250;
  expect(await board.render(false)).not.toBe(first);
});

for (const openMetrics of [false, true]) {
  const format = openMetrics ? 'OpenMetrics' : "Prometheus' format";
  test(`all metrics of Millrace are valid ${format}, and what counts begins at 0`, async () => {
    registry.resetMetrics(); // tests of other files count in this process too
    zeroMetrics();
    const board = new MetricsBoard([registry, processMetrics()]);
    board.update('thread', await snapshotOf(registry));
    const families = parseExposition(await board.render(openMetrics), openMetrics);
    const name = (counter: string): string => (openMetrics ? counter : `${counter}_total`);
    const sample = (family: string, labels: Record<string, string>): number | undefined =>
      families.get(family)?.samples.find((each) => Bun.deepEquals(each.labels, labels))?.value;
    const orders = { group: 'orders_group', topic: 'orders' };
    expect(sample(name('millrace_kafka_records_consumed'), orders)).toBe(0);
    const rejected = sample(name('millrace_kafka_records_rejected'), { ...orders, reason: 'json' });
    expect(rejected).toBe(0);
    const produced = { topic: 'users', outcome: 'unknown' };
    expect(sample(name('millrace_kafka_producer_records'), produced)).toBe(0);
    expect(families.get('millrace_event_age_seconds')?.samples.length).toBeGreaterThan(30);
    expect(families.get('process_resident_memory_bytes')?.samples[0]?.value).toBeGreaterThan(1e7);
    expect(families.get(name('process_cpu_seconds'))?.type).toBe('counter');
  });
}

test('the reader for tests refuses what breaks the format', () => {
  const head = '# HELP a_total A\n# TYPE a_total counter\n';
  const broken: [string, boolean][] = [
    [`${head}a_total 1`, false],
    [`${head}a_total 1\na_total 2\n`, false],
    [`${head}a_total{x="1",x="2"} 1\n`, false],
    [`${head}a_total{x="1} 1\n`, false],
    [`${head}a_total one\n`, false],
    [`${head}b_total 1\n`, false],
    [`${head}a_total -1\n`, false],
    [`${head}${head}`, false],
    ['a_total 1\n', false],
    [`${head}a_total_total 1\n`, false],
    [`${head}a_total 1\n`, true],
    [`${head}a_total 1\n# EOF\n`, true],
    [
      '# HELP h H\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
      false,
    ],
  ];
  for (const [text, openMetrics] of broken) {
    expect(() => parseExposition(text, openMetrics)).toThrow();
  }
  expect(parseExposition(`${head}a_total{x="1"} 1\n`, false).size).toBe(1);
});
