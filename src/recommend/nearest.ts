import type { Pool } from '../base/thread-pool.ts';
import { assembleSearch } from './nearest-code.ts';
import { rowCount, sharedDoubles, sharedIntegers } from './rows.ts';
import {
  FRAME_BYTES,
  HEIGHT_MAX,
  heightOf,
  leafCount,
  NODE_BYTES,
  nodesBelow,
  NONE,
  planTrees,
  SCRATCH_BYTES,
  type Trees,
  UNANSWERED,
  withUniques,
} from './tree.ts';
import { buildSubtree, buildTop, splitTop, subtreesOf } from './tree-build.ts';
import { findUniques } from './uniques.ts';
import { instantiate } from './wasm.ts';

export type Neighbours = {
  nearest: Int32Array; // [count] a row, or NONE
  distances: Float64Array; // [count] Infinity where there is none
};

/**
 * For each row the nearest other row of its cluster, exactly; of equally near ones the smallest.
 * Distances are Float64 and summed feature after feature.
 */
export async function findNearest(
  pool: Pool,
  rows: Float64Array, // IN  [count x DIMS], shared
  labels: Uint8Array, // IN  [count]
  onRows: (done: number) => void = () => {},
): Promise<Neighbours> {
  const nearest = sharedIntegers(rowCount(rows));
  const distances = sharedDoubles(rowCount(rows));
  const empty = placeRows(labels);
  const clusters = empty.clusters.length;
  const found = await pool.map(findUniques, { trees: empty, rows, nearest, distances }, clusters);
  const trees = withUniques(
    empty,
    found.map(({ count }) => count),
  );
  await pool.map(splitTop, { trees, rows }, clusters);
  const subtrees = subtreesOf(trees);
  await pool.map(buildSubtree, { trees, rows, subtrees }, subtrees.length);
  await pool.map(buildTop, { trees, rows }, clusters);
  const slack = SLACK * Math.max(REACH_MIN, ...found.map(({ reach }) => reach));
  const stretches = stretchesOf(trees);
  let done = 0;
  await pool.map(
    searchNearest,
    { trees, stretches, slack, nearest, distances },
    stretches.length,
    (chunk) => onRows((done += stretches[chunk].to - stretches[chunk].from)),
  );
  onRows(rowCount(rows));
  return { nearest, distances };
}

/**
 * Two coordinates rounded to Float32 are off by up to 2^-24 of the largest each; so eight of them,
 * and twice that for each side's box or row, make a distance off by less than this times it.
 */
const SLACK = 8 * 2 ** -24;

/** Keeps the squares of a slack, and so every bound, far above the smallest Float32. */
const REACH_MIN = 1e-9;

/** Positions that are searched as one piece of work. */
const STRETCH_POSITIONS = 16_384;

type Stretch = { cluster: number; from: number; to: number };

export type SearchInput = {
  trees: Trees;
  stretches: readonly Stretch[];
  slack: number;
  nearest: Int32Array; // IN OUT [count]
  distances: Float64Array; // IN OUT [count]
};

export function searchNearest(input: SearchInput, chunk: number): void {
  const { trees, nearest, distances, slack } = input;
  const { cluster, from, to } = input.stretches[chunk];
  const { memory, at, positions } = trees;
  const { start, node, uniques } = trees.clusters[cluster];
  const leaves = leafCount(uniques);
  const height = heightOf(leaves);
  const frames = at.scratch + chunk * SCRATCH_BYTES;
  const levelsAt = frames + (HEIGHT_MAX + 2) * FRAME_BYTES;
  const levels = new Int32Array(memory.buffer, levelsAt, height + 1);
  for (let level = 1; level <= height; level++)
    levels[level] = at.nodes + (node + nodesBelow(leaves, level)) * NODE_BYTES;

  const order = new Int32Array(memory.buffer, at.order, positions);
  const found = new Int32Array(memory.buffer, at.nearest, positions);
  const far = new Float64Array(memory.buffer, at.distances, positions);
  for (let position = from; position < to; position++) found[position] = nearest[order[position]];
  searchOf(memory)(
    from,
    to,
    at.blocks,
    at.exact,
    at.order,
    at.nearest,
    at.distances,
    start,
    height,
    levelsAt,
    frames,
    slack,
  );
  for (let position = from; position < to; position++) {
    const row = order[position];
    if (nearest[row] !== UNANSWERED) continue;
    nearest[row] = found[position];
    distances[row] = far[position];
  }
}

/** Lists each cluster's rows, smallest first, in its positions. */
function placeRows(labels: Uint8Array): Trees {
  const sizes = sizesOf(labels);
  const trees = planTrees(sizes, Math.ceil(labels.length / STRETCH_POSITIONS) + sizes.length);
  const order = new Int32Array(trees.memory.buffer, trees.at.order, trees.positions).fill(NONE);
  const next = trees.clusters.map(({ start }) => start);
  for (let row = 0; row < labels.length; row++) order[next[labels[row]]++] = row;
  return trees;
}

function sizesOf(labels: Uint8Array): Uint32Array {
  const sizes = new Uint32Array(256);
  for (let row = 0; row < labels.length; row++) sizes[labels[row]]++;
  return sizes.subarray(0, sizes.findLastIndex((size) => size > 0) + 1);
}

function stretchesOf({ clusters }: Trees): Stretch[] {
  return clusters.flatMap(({ start, uniques }, cluster) =>
    Array.from({ length: Math.ceil(uniques / STRETCH_POSITIONS) }, (_, i) => ({
      cluster,
      from: start + i * STRETCH_POSITIONS,
      to: start + Math.min(uniques, (i + 1) * STRETCH_POSITIONS),
    })),
  );
}

type Search = (...values: number[]) => void;
let compiled: WebAssembly.Module | null = null;
const searches = new WeakMap<WebAssembly.Memory, Search>();

/** Compiled once a thread, bound once a memory. */
function searchOf(memory: WebAssembly.Memory): Search {
  compiled ??= new WebAssembly.Module(assembleSearch());
  const search = searches.get(memory) ?? instantiate(compiled, memory);
  searches.set(memory, search);
  return search;
}
