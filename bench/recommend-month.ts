import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { STATE_DIR } from '../src/base/config.ts';
import { count, duration } from '../src/base/terminal.ts';
import { withClient } from '../src/store/client.ts';
import { migrate } from '../src/store/migrate.ts';
import { verify } from './recommend-check.ts';
import { monthFloor, type Floor } from './recommend-floor.ts';
import type { Line } from './run.ts';
import { millrace, type Measured, type Server } from './shop.ts';

export type MonthSizes = {
  rows: number; // customers recommended to, in the largest of three months
  checked: number; // of them held against a search by definition
};

const SEED = 42;
const MONTH = '2025-12';
/** Of the customers that the generator makes; the others have cancelled or are yet to begin. */
const ACTIVE_SHARE = 0.814;
const ROWS_MIN = 400;
const STATED_SECONDS = 15 * 60; // for 2,000 rows

type Step = {
  rows: number; // published
  customers: number; // ingested
  all: Measured;
  run: Measured;
  floor: Floor;
  checksum: string;
};

/**
 * A month of the recommender at 2,000 rows and at a 25th, a fifth and all of those asked for: the
 * whole of it, then `run` alone, each as its user would start it, then the floor. The databases are
 * left on the server, and used again where they have the same customers.
 */
export async function monthBench(server: Server, { rows, checked }: MonthSizes): Promise<Line[]> {
  const sizes = [2_000, rows / 25, rows / 5, rows].map(Math.round);
  const wanted = [...new Set(sizes)].filter((size) => size >= ROWS_MIN && size <= rows);
  const lines: Line[] = [];
  const steps: Step[] = [];
  for (const size of wanted.toSorted((a, b) => a - b)) {
    const step = await measure(server, size, checked);
    steps.push(step);
    lines.push(...linesOf(step));
  }
  const growing = steps.filter(({ rows: published }) => published > (rows / 25) * 0.9);
  if (growing.length > 1) lines.push(growth('run', growing), growth('all', growing));
  return lines;
}

async function measure(server: Server, size: number, checked: number): Promise<Step> {
  const url = await filled(server, Math.ceil(size / ACTIVE_SHARE));
  mkdirSync(STATE_DIR, { recursive: true });
  const models = mkdtempSync(join(STATE_DIR, 'bench-models-'));
  try {
    const threads = Math.max(2, availableParallelism());
    const words = ['--month', MONTH, '--models', models, '--threads'];
    const all = await millrace(url, 'recommend', 'all', ...words, `${threads}`);
    const one = await millrace(url, 'recommend', 'run', ...words, '1');
    const run = await millrace(url, 'recommend', 'run', ...words, `${threads}`);
    const checksum = String(run.json['checksum']);
    for (const other of [inside(all, 'run')['checksum'], one.json['checksum']])
      if (other !== checksum) throw new Error(`checksums differ: ${String(other)}, ${checksum}`);
    await verify(url, { month: MONTH, models, customers: checked, seed: SEED });
    const floor = await monthFloor(url, MONTH);
    // Some 4 KB a customer that nobody reads any more; the next step may want the room.
    await withClient(url, (client) => client.query('truncate source.user_monthly_features'));
    const customers = Number(inside(all, 'ingest')['customers']);
    return { rows: Number(run.json['customers']), customers, all, run, floor, checksum };
  } finally {
    rmSync(models, { recursive: true });
  }
}

/** A database with so many customers in its sources; made unless it is there. */
async function filled(server: Server, customers: number): Promise<string> {
  const name = `bench_recommend_${customers}`;
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const found = await withClient(server.url, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${name}`);
    return rowCount;
  });
  await withClient(url.href, migrate);
  const there = found === 0 ? 0 : await countCustomers(url.href);
  if (there === customers) return url.href;
  const words = ['--count', `${customers}`, '--seed', `${SEED}`, '--replace'];
  await millrace(url.href, 'customers', ...words);
  return url.href;
}

async function countCustomers(url: string): Promise<number> {
  return await withClient(url, async (client) => {
    const sql = 'select count(*)::float8 as customers from rodb.customers';
    return (await client.query<{ customers: number }>(sql)).rows[0].customers;
  });
}

function linesOf({ rows, customers, all, run, floor, checksum }: Step): Line[] {
  const factor = run.seconds / floor.seconds;
  const stated = (STATED_SECONDS * rows) / 2_000;
  return [
    {
      bench: `recommend run, ${count(rows)} customers, whole command`,
      stated: duration(stated),
      ours: `${duration(run.seconds)}, ${count(run.memoryMiB)} MiB (${phases(run.json)})`,
      ratio: `${factor.toFixed(2)} of the floor, ${count(stated / run.seconds)}x`,
      floor: floor.text,
      factor,
      checksum,
      rows,
      seconds: run.seconds,
    },
    {
      bench: `recommend all, ${count(customers)} customers ingested`,
      stated: '-',
      ours:
        `${duration(all.seconds)}, ${count(all.memoryMiB)} MiB (ingest ` +
        `${duration(Number(inside(all, 'ingest')['seconds']))}, ${phases(inside(all, 'train'))}, ` +
        `${phases(inside(all, 'run'))})`,
      ratio: `checksum ${checksum} at 1 thread and at more`,
      floor: '',
      checksum,
      rows,
      seconds: all.seconds,
    },
  ];
}

const inside = ({ json }: Measured, part: string): Record<string, unknown> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `all` prints the three results
  json[part] as Record<string, unknown>;

function phases(result: Record<string, unknown>): string {
  return Object.entries(result['secondsByPhase'] ?? {})
    .map(([name, seconds]) => `${name} ${duration(Number(seconds))}`)
    .join(', ');
}

/** The slope of a straight line through the logarithms, by least squares: 1 is linear. */
function growth(what: 'run' | 'all', steps: readonly Step[]): Line {
  const points = steps.map((step) => [Math.log(step.rows), Math.log(step[what].seconds)]);
  const middle = [0, 1].map(
    (d) => points.reduce((sum, point) => sum + point[d], 0) / points.length,
  );
  let over = 0;
  let under = 0;
  for (const [x, y] of points) {
    over += (x - middle[0]) * (y - middle[1]);
    under += (x - middle[0]) ** 2;
  }
  const ends = [steps[0], steps[steps.length - 1]].map(({ rows }) => count(rows));
  return {
    bench: `recommend ${what}, growth from ${ends.join(' to ')}`,
    stated: '-',
    ours: `seconds grow as rows to the ${(over / under).toFixed(2)}`,
    ratio: '',
    floor: '',
  };
}
