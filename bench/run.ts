/**
 * `bun run bench [name ...] [--small] [--orders N] [--records N] [--rows N] [--connect] [--json]`; without
 * a name, all of them. Each line: what the Python original took or states, ours, the ratio, and the floor
 * where there is one. Everything in one run, on a PostgreSQL of its own, or the one at `--server`, which
 * keeps the customers that the recommender's bench has made. `--small` is what the tests run; `--orders`
 * are those of the backfill, `--records` those of the stream, `--rows` customers recommended to. With
 * `--connect` the drain runs Kafka Connect too, some 60 MB fetched from Maven Central at the first time.
 * `--json` puts one JSON object, its `lines`, at the end.
 */
import { parseArgs } from 'node:util';

import { columns, count, duration } from '../src/base/terminal.ts';
import { cacheBench } from './cache.ts';
import { drainBench } from './drain.ts';
import { latencyBench } from './latency.ts';
import { liveCarts } from './live.ts';
import { STREAM_SINK_SIZES, streamSink } from './stream-sink.ts';
import { produceBench } from './stream-produce.ts';
import { monthBench } from './recommend-month.ts';
import {
  freshDatabase,
  millrace,
  plainCopy,
  runningServer,
  startServer,
  type Server,
} from './shop.ts';

export type Line = {
  bench: string;
  stated: string;
  ours: string;
  ratio: string;
  floor: string;
  factor?: number; // the ratio as a number, where there is something to compare with
  checksum?: string; // of the rows, where a bench makes the same ones more than once
  figures?: object; // what the texts are made of, for --json
  rows?: number; // where a bench is run at several sizes
  seconds?: number;
};
type Sizes = {
  users: number;
  products: number;
  orders: number;
  carts: number;
  large: number; // orders
  largeUsers: number;
  stream: number; // records
  rate: number; // orders a second
  rateSeconds: number;
  kills: number;
  connect: boolean; // measure Kafka Connect too
  customers: number; // recommended to
  checked: number; // of them against a search by definition
};
type Bench = (server: Server, sizes: Sizes) => Promise<Line[]>;

const FULL: Sizes = {
  users: 10_000,
  products: 20_000,
  orders: 51_500,
  carts: 68_012,
  large: 5_000_000,
  largeUsers: 1_000_000,
  stream: 1_000_000,
  rate: 2_000,
  rateSeconds: 30,
  kills: 5,
  connect: false,
  customers: 1_000_000,
  checked: 1_000,
};
const SMALL: Sizes = {
  users: 1_000,
  products: 1_000,
  orders: 3_000,
  carts: 1_000,
  large: 20_000,
  largeUsers: 2_000,
  stream: 10_000,
  rate: 200,
  rateSeconds: 3,
  kills: 1,
  connect: false,
  customers: 2_000,
  checked: 1_000,
};

const BENCHES: Record<string, Bench> = {
  seed,
  year,
  carts,
  copy,
  threads,
  grades,
  'grades-large': gradesLarge,
  live: liveLine,
  cache: cacheBench,
  produce: async (_, sizes) => produceBench({ records: sizes.stream, small: isSmall(sizes) }),
  sink: async (server, sizes) =>
    streamSink(server, {
      ...STREAM_SINK_SIZES,
      orders: sizes.stream,
      users: sizes.users,
      products: sizes.products,
      ...(isSmall(sizes) && { batch: 1_000, round: 5_000 }),
    }),
  drain: async (server, sizes) =>
    drainBench(server, {
      orders: sizes.stream,
      kills: sizes.kills,
      small: isSmall(sizes),
      connect: sizes.connect,
    }),
  latency: async (server, sizes) =>
    latencyBench(server, { rate: sizes.rate, seconds: sizes.rateSeconds, small: isSmall(sizes) }),
  recommend: async (server, { customers, checked }) =>
    monthBench(server, { rows: customers, checked }),
};

/** The sizes that the tests run with. */
function isSmall(sizes: Sizes): boolean {
  return sizes.stream <= SMALL.stream;
}

async function liveLine(_: Server, sizes: Sizes): Promise<Line[]> {
  const { rows, seconds } = await liveCarts(sizes.stream);
  const ours = `${count(rows / seconds)}/s`;
  return [{ bench: 'live orders made, one core', stated: '-', ours, ratio: '', floor: '' }];
}

async function base(server: Server, name: string, { users, products }: Sizes): Promise<string> {
  const url = await freshDatabase(server, name);
  await millrace(url, 'seed', '--users', `${users}`, '--products', `${products}`);
  return url;
}

async function seed(server: Server, sizes: Sizes): Promise<Line[]> {
  const url = await freshDatabase(server, 'bench_seed');
  const run = await millrace(
    url,
    'seed',
    '--users',
    `${sizes.users}`,
    '--products',
    `${sizes.products}`,
  );
  const what = `seed ${count(sizes.users)} users, ${count(sizes.products)} products`;
  return [against(what, 74, '74 s measured', run.seconds)];
}

async function year(server: Server, sizes: Sizes): Promise<Line[]> {
  const url = await base(server, 'bench_year', sizes);
  const run = await millrace(url, 'backfill', '--yes', '--orders', `${sizes.orders}`);
  return [against(`12 months, ${count(sizes.orders)} orders`, 300, '5-10 min stated', run.seconds)];
}

async function carts(server: Server, sizes: Sizes): Promise<Line[]> {
  const url = await base(server, 'bench_carts', sizes);
  const words = ['--yes', '--unit', 'carts', '--orders', `${sizes.carts}`];
  const run = await millrace(url, 'backfill', ...words);
  const what = `12 months as the original ran them, ${count(Number(run.json['orders']))} orders`;
  return [against(what, 585, '585 s measured', run.seconds)];
}

async function copy(server: Server, sizes: Sizes): Promise<Line[]> {
  const url = await base(server, 'bench_copy', sizes);
  const run = await millrace(url, 'backfill', '--yes', '--orders', `${sizes.large}`);
  const floor = await plainCopy(url);
  const ours = Number(run.json['orders']) / run.seconds;
  const plain = floor.rows / floor.seconds;
  return [
    {
      bench: `backfill of ${count(sizes.large)} orders, whole command`,
      stated: '379/s measured',
      ours: `${count(ours)}/s, ${count(run.memoryMiB)} MiB`,
      ratio: `${(ours / plain).toFixed(2)} of a plain COPY`,
      floor: `${count(plain)}/s`,
      factor: ours / plain,
    },
  ];
}

/** The same checksum at any number of threads, each really started, or an error. */
async function threads(server: Server, sizes: Sizes): Promise<Line[]> {
  const lines: Line[] = [];
  let oneThread = 0; // rows a second
  for (const number of [1, 2, 4]) {
    const url = await base(server, 'bench_threads', sizes);
    const words = ['--yes', '--orders', `${sizes.large}`, '--threads', `${number}`];
    const run = await millrace(url, 'backfill', ...words, '--threads-from', '0');
    const { threads: used, checksum } = run.json;
    if (used !== number) throw new Error(`${String(used)} threads made the orders, not ${number}`);
    const rate = sizes.large / run.seconds;
    oneThread ||= rate;
    lines.push({
      bench: `${number} threads`,
      stated: '',
      ours: `${count(rate)}/s, ${count(run.memoryMiB)} MiB`,
      ratio: `checksum ${String(checksum)}`,
      floor: '',
      factor: rate / oneThread,
      checksum: String(checksum),
    });
  }
  const sums = new Set(lines.map((line) => line.checksum));
  if (sums.size !== 1) throw new Error(`checksums differ: ${[...sums].join(', ')}`);
  return lines;
}

async function grades(server: Server, sizes: Sizes): Promise<Line[]> {
  const url = await base(server, 'bench_grades', sizes);
  await millrace(url, 'backfill', '--yes', '--orders', `${sizes.orders}`);
  return [
    await gradeLine(url, `grades of ${count(sizes.users)} users, ${count(sizes.orders)} orders`),
  ];
}

async function gradesLarge(server: Server, sizes: Sizes): Promise<Line[]> {
  const url = await base(server, 'bench_large', { ...sizes, users: sizes.largeUsers });
  const orders = sizes.large * 2;
  await millrace(url, 'backfill', '--yes', '--orders', `${orders}`);
  return [
    await gradeLine(url, `grades of ${count(sizes.largeUsers)} users, ${count(orders)} orders`),
  ];
}

async function gradeLine(url: string, bench: string): Promise<Line> {
  const run = await millrace(url, 'grades', '--once', '--as-of', '2026-01-01');
  const changed = Number(run.json['promoted']) + Number(run.json['demoted']);
  const inside = Number(run.json['seconds']);
  return {
    bench,
    stated: '-',
    ours: `${duration(inside)} the pass, ${duration(run.seconds)} the command`,
    ratio: `${count(changed)} changed`,
    floor: '',
  };
}

function against(bench: string, seconds: number, stated: string, ours: number): Line {
  const factor = seconds / ours;
  const ratio = `${count(factor)}x`;
  return { bench, stated, ours: duration(ours), ratio, floor: '', factor };
}

/** Runs benches by name on one server and returns their lines. */
export async function runBenches(
  names: readonly string[],
  sizes: Sizes,
  serverUrl?: string,
): Promise<Line[]> {
  const server = serverUrl === undefined ? await startServer() : runningServer(serverUrl);
  const lines: Line[] = [];
  try {
    for (const name of names) {
      const bench = BENCHES[name];
      if (!bench)
        throw new Error(`no bench '${name}'; there are ${Object.keys(BENCHES).join(', ')}`);
      lines.push(...(await bench(server, sizes)));
    }
  } finally {
    await server.stop();
  }
  return lines;
}

export const SMALL_SIZES = SMALL;
export const BENCH_NAMES = Object.keys(BENCHES);

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      small: { type: 'boolean' },
      orders: { type: 'string' },
      records: { type: 'string' },
      connect: { type: 'boolean' },
      rows: { type: 'string' },
      server: { type: 'string' },
      json: { type: 'boolean' },
    },
  });
  const sizes = { ...(values.small ? SMALL : FULL) };
  if (values.orders) sizes.large = Number(values.orders);
  if (values.records) sizes.stream = Number(values.records);
  sizes.connect = values.connect ?? false;
  if (values.rows) sizes.customers = Number(values.rows);
  const names = positionals.length > 0 ? positionals : BENCH_NAMES;
  const lines = await runBenches(names, sizes, values.server);
  const rows = lines.map((line) => [line.bench, line.stated, line.ours, line.ratio, line.floor]);
  console.log(columns([['', 'Python', 'Millrace', 'ratio', 'floor'], ...rows]));
  if (values.json) console.log(JSON.stringify({ lines }));
}
