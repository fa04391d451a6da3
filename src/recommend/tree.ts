import { DIMS, ROW_BYTES } from './rows.ts';
import { PAGE_BYTES, PAGES_MAX } from './wasm.ts';

/**
 * Where the neighbour search keeps each cluster's different rows: a KD-tree in one shared memory
 * that is cut into tables. Rows that are near in space lie in one leaf of LEAF_ROWS; four leaves,
 * and further up four nodes, have one node above them that holds the boxes around all four. The
 * shape depends on counts alone, so every part of a tree can be built on any thread.
 */

/** One bit each in 32; as many measured a little faster than half of it. */
export const LEAF_ROWS = 32;
export const FANOUT = 4;

/** Four rows, one coordinate after the other: Float32 [DIMS x 4], as one vector reads them. */
export const BLOCK_BYTES = DIMS * 4 * 4;
/** The boxes of four children: Float32 [DIMS x (4 lows, 4 highs)]. */
export const NODE_BYTES = DIMS * 8 * 4;

/** Levels of nodes, counted from 1 just above the leaves; 4^14 leaves exceed 32-bit addresses. */
export const HEIGHT_MAX = 14;

/** In place of a row's nearest: nobody has looked yet, or there is no other in the cluster. */
export const UNANSWERED = -2;
export const NONE = -1;

/** Where one cluster's tree is. */
export type ClusterTree = {
  readonly members: number; // rows
  readonly start: number; // its first position
  readonly node: number; // its first node; a lower level comes before the one above it
  readonly uniques: number; // different rows, in the first positions; as `members` until found
};

export type Trees = {
  readonly memory: WebAssembly.Memory; // shared
  readonly positions: number;
  readonly clusters: readonly ClusterTree[];
  readonly at: Tables;
};

/** Byte addresses. A position is a place in a leaf; the last ones of a cluster may stay empty. */
type Tables = {
  readonly blocks: number; // Float32 [positions x DIMS], in blocks of four rows
  readonly exact: number; // Float64 [positions x DIMS]
  readonly order: number; // Int32 [positions]: the row at a position
  readonly nearest: number; // Int32 [positions]: the answers
  readonly distances: number; // Float64 [positions]
  readonly nodes: number; // [nodes]
  readonly scratch: number; // [SCRATCHES x SCRATCH_BYTES]
};

/** What one piece of search work keeps while it runs: the way down the tree, and its levels. */
export const FRAME_BYTES = 48;
export const SCRATCH_BYTES = (HEIGHT_MAX + 2) * (FRAME_BYTES + 4);

/** Lays out trees for clusters of so many rows. */
export function planTrees(sizes: Uint32Array, scratches: number): Trees {
  let positions = 0;
  let nodes = 0;
  const clusters: ClusterTree[] = [];
  for (const members of sizes) {
    clusters.push({ members, start: positions, node: nodes, uniques: members });
    const leaves = leafCount(members);
    positions += leaves * LEAF_ROWS;
    nodes += nodesBelow(leaves, heightOf(leaves) + 1);
  }
  let end = 0;
  const place = (bytes: number): number => (end += bytes) - bytes;
  const at = {
    blocks: place(positions * DIMS * 4),
    exact: place(positions * ROW_BYTES),
    distances: place(positions * 8),
    order: place(positions * 4),
    nearest: place(positions * 4),
    nodes: place(nodes * NODE_BYTES),
    scratch: place(scratches * SCRATCH_BYTES),
  };
  const pages = Math.ceil(end / PAGE_BYTES);
  if (pages > PAGES_MAX) throw new RangeError(`${positions} rows are more than the trees can hold`);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return { memory, positions, clusters, at };
}

/** The same trees, once it is known how many rows of each cluster differ. */
export function withUniques(trees: Trees, counts: readonly number[]): Trees {
  const clusters = trees.clusters.map(({ members, start, node }, c) => ({
    members,
    start,
    node,
    uniques: counts[c],
  }));
  return { ...trees, clusters };
}

export const leafCount = (rows: number): number => Math.ceil(rows / LEAF_ROWS);

/** Levels of nodes above so many leaves; one at least. */
export function heightOf(leaves: number): number {
  let height = 1;
  for (let reach = FANOUT; reach < leaves; reach *= FANOUT) height++;
  return height;
}

/** Nodes on the levels below one. */
export function nodesBelow(leaves: number, level: number): number {
  let nodes = 0;
  for (let below = 1; below < level; below++) nodes += Math.ceil(leaves / FANOUT ** below);
  return nodes;
}
