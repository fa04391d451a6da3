/**
 * The recommender's maths alone (scale, PCA, K-Means over all rows, the exact nearest neighbour in
 * the cluster) against scikit-learn's compiled KMeans and SciPy's cKDTree on the same rows, in the
 * same run: `bun bench/recommend-maths.ts [--rows N] [--kinds clustered,even] [--threads N]`.
 * Python gets an environment of its own under .millrace; where there is none, ours runs alone.
 */
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { STATE_DIR } from '../src/base/config.ts';
import { Random } from '../src/base/random.ts';
import { columns, count, duration } from '../src/base/terminal.ts';
import type { Pool } from '../src/base/thread-pool.ts';
import { openPool } from '../src/recommend/kernels.ts';
import { fitKMeans, KMEANS_DEFAULTS } from '../src/recommend/kmeans.ts';
import { findNearest } from '../src/recommend/nearest.ts';
import { fitPca, type Levels, projectLevels } from '../src/recommend/pca.ts';
import { chunkCount, DIMS, sharedDoubles, sharedIntegers } from '../src/recommend/rows.ts';
import { fitScaler, scale } from '../src/recommend/scaler.ts';

const KINDS = ['clustered', 'even'] as const;
export type Kind = (typeof KINDS)[number];

const PHASES = ['scale', 'pca', 'kmeans', 'nearest'] as const;
type Spent = { seconds: number; cpu: number };
type Phases = Record<(typeof PHASES)[number], Spent>;

const nothingSpent = (): Phases => ({
  scale: { seconds: 0, cpu: 0 },
  pca: { seconds: 0, cpu: 0 },
  kmeans: { seconds: 0, cpu: 0 },
  nearest: { seconds: 0, cpu: 0 },
});

type Answer = { phases: Phases; inertia: number; memoryMiB: number };
type PythonAnswer = Answer & { differing: number };

/** One line a phase, as bench/run.ts prints them. */
export type MathsLine = {
  bench: string;
  stated: string;
  ours: string;
  ratio: string;
  floor: string;
};

export async function benchMaths(options: {
  rows: number;
  kinds: readonly Kind[];
  threads?: number;
  python?: boolean; // false: ours alone, as tests run it
}): Promise<MathsLine[]> {
  const python = options.python === false ? null : await findPython();
  const lines: MathsLine[] = [];
  for (const kind of options.kinds) {
    const folder = join(STATE_DIR, `bench-maths-${kind}-${options.rows}`);
    await mkdir(folder, { recursive: true });
    try {
      const ours = await runOurs(
        kind,
        options.rows,
        options.threads ?? availableParallelism(),
        folder,
      );
      const theirs = python === null ? null : await runPython(python, folder, options.rows);
      lines.push(...linesOf(`${kind}, ${count(options.rows)} rows`, ours, theirs));
    } finally {
      await rm(folder, { recursive: true });
    }
  }
  return lines;
}

async function runOurs(
  kind: Kind,
  rowCount: number,
  threads: number,
  folder: string,
): Promise<Answer> {
  const rows = makeRows(kind, rowCount);
  const levels = makeLevels(rowCount);
  await Bun.write(join(folder, 'rows.f64'), bytesOf(rows));
  await Bun.write(join(folder, 'levels.i32'), new Blob(levels.map(bytesOf)));
  const pool = openPool(threads);
  try {
    const phases = nothingSpent();
    await timed(phases, 'scale', async () => scale(pool, rows, await fitScaler(pool, rows)));
    await timed(phases, 'pca', () => project(pool, levels));
    const settings = { ...KMEANS_DEFAULTS, seed: 42 };
    const { labels, inertia } = await timed(phases, 'kmeans', () =>
      fitKMeans(pool, rows, settings),
    );
    const { distances } = await timed(phases, 'nearest', () => findNearest(pool, rows, labels));
    await Bun.write(join(folder, 'labels.u8'), bytesOf(labels));
    await Bun.write(join(folder, 'distances.f64'), bytesOf(distances));
    return { phases, inertia, memoryMiB: process.resourceUsage().maxRSS / 2 ** 10 };
  } finally {
    pool.close();
  }
}

/** Into rows of its own, so that the kind of data stays what its name says. */
async function project(pool: Pool, levels: Levels): Promise<void> {
  const rows = sharedDoubles(levels[0].length * DIMS);
  const pca = await fitPca(pool, levels);
  await pool.map(projectLevels, { levels, pca, rows, feature: 4 }, chunkCount(levels[0].length));
}

async function timed<Result>(
  phases: Phases,
  name: keyof Phases,
  work: () => Promise<Result>,
): Promise<Result> {
  const started = performance.now();
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  phases[name] = { seconds: (performance.now() - started) / 1e3, cpu: (user + system) / 1e6 };
  return result;
}

const BLOBS = 40;
const NOISE = 0.05;

/** Clustered: 40 blobs of different width, and 5 % of the rows anywhere. Even: a cube. */
function makeRows(kind: Kind, rowCount: number): Float64Array {
  const rows = sharedDoubles(rowCount * DIMS);
  const random = new Random(1, 'sample');
  const blobs = Array.from({ length: BLOBS }, (_, blob) => {
    random.at(rowCount + blob);
    const width = random.between(0.2, 0.8);
    return { width, middle: Array.from({ length: DIMS }, () => random.between(-5, 5)) };
  });
  for (let row = 0; row < rowCount; row++) {
    random.at(row);
    const { width, middle } = random.pick(blobs);
    const anywhere = kind === 'even' || random.next() < NOISE;
    for (let d = 0; d < DIMS; d++)
      rows[row * DIMS + d] = anywhere ? random.between(-6, 6) : middle[d] + width * normal(random);
  }
  return rows;
}

/** Twelve uniform draws, less six: near enough to normal, and cheap. */
function normal(random: Random): number {
  let drawn = -6;
  for (let i = 0; i < 12; i++) drawn += random.next();
  return drawn;
}

function makeLevels(rowCount: number): Levels {
  const random = new Random(2, 'sample').at(0);
  const levels: Levels = [
    sharedIntegers(rowCount),
    sharedIntegers(rowCount),
    sharedIntegers(rowCount),
    sharedIntegers(rowCount),
  ];
  for (let row = 0; row < rowCount; row++) {
    const finest = random.below(1_200);
    for (const [level, divisor] of [400, 60, 8, 1].entries())
      levels[level][row] = Math.floor(finest / divisor);
  }
  return levels;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const PACKAGES = ['numpy==2.4.6', 'scipy==1.17.1', 'scikit-learn==1.9.1'];

/** A Python with scikit-learn, made if need be; null where that cannot be. */
async function findPython(): Promise<string | null> {
  const folder = join(STATE_DIR, 'venv');
  const python = join(folder, 'bin', 'python');
  if (!existsSync(python)) {
    const found = Bun.which('python3');
    if (found === null || !(await succeeds(found, '-m', 'venv', folder))) return null;
  }
  if (await succeeds(python, '-c', 'import sklearn, scipy')) return python;
  return (await succeeds(python, '-m', 'pip', 'install', '--quiet', ...PACKAGES)) ? python : null;
}

async function succeeds(...command: string[]): Promise<boolean> {
  return (await Bun.spawn(command, { stdout: 'ignore', stderr: 'ignore' }).exited) === 0;
}

async function runPython(python: string, folder: string, rowCount: number): Promise<PythonAnswer> {
  const script = join(import.meta.dir, 'recommend-maths.py');
  const child = Bun.spawn([python, script, folder, `${rowCount}`], { stderr: 'inherit' });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error('the Python side failed');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own script wrote it
  return JSON.parse(text) as PythonAnswer;
}

function linesOf(what: string, ours: Answer, theirs: PythonAnswer | null): MathsLine[] {
  const lines = PHASES.map((phase) =>
    line(`  ${phase}`, ours.phases[phase], theirs?.phases[phase]),
  );
  const whole = line(`maths of ${what}`, sum(ours.phases), theirs ? sum(theirs.phases) : undefined);
  const notes = [`${count(ours.memoryMiB)} MiB`];
  if (theirs) {
    notes.push(`inertia ${(ours.inertia / theirs.inertia).toFixed(4)} of its best of 10`);
    notes.push(`${count(theirs.differing)} neighbours differ`);
  }
  return [{ ...whole, floor: notes.join(', ') }, ...lines];
}

function line(bench: string, ours: Spent, theirs: Spent | undefined): MathsLine {
  return {
    bench,
    stated: theirs ? `${spent(theirs)} scikit-learn and SciPy` : 'no Python',
    ours: spent(ours),
    ratio: theirs ? `${(theirs.seconds / ours.seconds).toFixed(1)}x` : '',
    floor: '',
  };
}

const spent = ({ seconds, cpu }: Spent): string => `${duration(seconds)} (cpu ${cpu.toFixed(1)} s)`;

function sum(phases: Phases): Spent {
  const total = { seconds: 0, cpu: 0 };
  for (const phase of PHASES) {
    total.seconds += phases[phase].seconds;
    total.cpu += phases[phase].cpu;
  }
  return total;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '200000' },
      kinds: { type: 'string', default: KINDS.join(',') },
      threads: { type: 'string', default: `${availableParallelism()}` },
    },
  });
  const kinds = KINDS.filter((kind) => values.kinds.split(',').includes(kind));
  const lines = await benchMaths({
    rows: Number(values.rows),
    kinds,
    threads: Number(values.threads),
  });
  const rows = lines.map(({ bench, stated, ours, ratio, floor }) => [
    bench,
    stated,
    ours,
    ratio,
    floor,
  ]);
  console.log(columns([['maths', 'Python', 'ours', 'ratio', ''], ...rows]));
}
