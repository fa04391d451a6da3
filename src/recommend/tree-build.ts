import { DIMS, ROW_BYTES } from './rows.ts';
import {
  BLOCK_BYTES,
  type ClusterTree,
  FANOUT,
  heightOf,
  leafCount,
  LEAF_ROWS,
  NODE_BYTES,
  nodesBelow,
  NONE,
  type Trees,
} from './tree.ts';

export type BuildInput = {
  trees: Trees; // OUT: order, blocks, exact and nodes
  rows: Float64Array; // IN  [count x DIMS]
};

/** A node whose whole subtree is one piece of work. */
export type Subtree = { cluster: number; height: number; index: number };

/** Nodes of this height, over 32,768 rows, are pieces of work whose rows stay near a core. */
const SUBTREE_HEIGHT = 5;

/** The pieces that `buildSubtree` has to make once `splitTop` has run. */
export function subtreesOf(trees: Trees): Subtree[] {
  return trees.clusters.flatMap((tree, cluster) => {
    const leaves = leafCount(tree.uniques);
    const height = Math.min(SUBTREE_HEIGHT, heightOf(leaves));
    const count = Math.ceil(leaves / FANOUT ** height);
    return Array.from({ length: count }, (_, index) => ({ cluster, height, index }));
  });
}

/** Sorts a cluster's rows into its subtrees. */
export function splitTop({ trees, rows }: BuildInput, cluster: number): void {
  const tree = trees.clusters[cluster];
  const height = heightOf(leafCount(tree.uniques));
  if (height > SUBTREE_HEIGHT)
    divide(new Splitter(rows, orderOf(trees, tree), tree.uniques), height, 0, SUBTREE_HEIGHT);
}

/** Sorts a subtree's rows into its leaves, then writes leaves and nodes. */
export function buildSubtree(
  { trees, rows, subtrees }: BuildInput & { subtrees: readonly Subtree[] },
  piece: number,
): void {
  const { cluster, height, index } = subtrees[piece];
  const tree = trees.clusters[cluster];
  const from = index * FANOUT ** height * LEAF_ROWS;
  const to = Math.min(tree.uniques, from + FANOUT ** height * LEAF_ROWS);
  const order = orderOf(trees, tree).subarray(from, to);
  sortIntoLeaves(rows, order, height);
  const writer = new TreeWriter(trees, tree, rows);
  writer.writeSubtree(height, index);
}

/** Writes the nodes above the subtrees, from the boxes they hold. */
export function buildTop({ trees, rows }: BuildInput, cluster: number): void {
  const tree = trees.clusters[cluster];
  const writer = new TreeWriter(trees, tree, rows);
  const height = heightOf(leafCount(tree.uniques));
  for (let level = SUBTREE_HEIGHT + 1; level <= height; level++) writer.writeLevel(level);
}

const orderOf = ({ memory, at }: Trees, { start, uniques }: ClusterTree): Int32Array =>
  new Int32Array(memory.buffer, at.order + start * 4, leafCount(uniques) * LEAF_ROWS);

/** In a copy of the rows, so that what is read again and again lies together. */
function sortIntoLeaves(rows: Float64Array, order: Int32Array, height: number): void {
  const count = order.length;
  const copy = new Float64Array(count * DIMS);
  const places = new Int32Array(count);
  for (let place = 0; place < count; place++) {
    places[place] = place;
    for (let d = 0, to = place * DIMS, from = order[place] * DIMS; d < DIMS; d++)
      copy[to + d] = rows[from + d];
  }
  divide(new Splitter(copy, places, count), height, 0, 0);
  for (let i = 0; i < count; i++) places[i] = order[places[i]];
  order.set(places);
}

/** Sorts a node's rows into its children, and so on down to nodes of a height (0: leaves). */
function divide(splitter: Splitter, height: number, index: number, until: number): void {
  if (height === until) return;
  const width = FANOUT ** (height - 1) * LEAF_ROWS;
  const from = index * FANOUT * width;
  const to = Math.min(splitter.count, from + FANOUT * width);
  const children = Math.ceil((to - from) / width);
  if (children > 2) splitter.split(from, to, from + 2 * width);
  if (children > 1) splitter.split(from, Math.min(to, from + 2 * width), from + width);
  if (children > 3) splitter.split(from + 2 * width, to, from + 3 * width);
  for (let child = 0; child < children; child++)
    divide(splitter, height - 1, index * FANOUT + child, until);
}

/** Rows looked at to see along which feature they spread most. */
const SPREAD_ROWS = 64;

class Splitter {
  readonly count: number;
  readonly #rows: Float64Array;
  readonly #order: Int32Array;
  readonly #keys: Float64Array;
  readonly #low = new Float64Array(DIMS);
  readonly #high = new Float64Array(DIMS);

  constructor(rows: Float64Array, order: Int32Array, count: number) {
    this.count = count;
    this.#rows = rows;
    this.#order = order;
    this.#keys = new Float64Array(count);
  }

  /** Brings the smaller ones along the widest feature before the middle. */
  split(from: number, to: number, middle: number): void {
    const feature = this.#widest(from, to);
    const rows = this.#rows;
    const order = this.#order;
    const keys = this.#keys;
    for (let i = from; i < to; i++) keys[i] = rows[order[i] * DIMS + feature];
    select(keys, order, from, to - 1, middle);
  }

  #widest(from: number, to: number): number {
    const rows = this.#rows;
    const order = this.#order;
    const low = this.#low.fill(Infinity);
    const high = this.#high.fill(-Infinity);
    const step = Math.ceil((to - from) / SPREAD_ROWS);
    for (let i = from; i < to; i += step) {
      for (let d = 0, at = order[i] * DIMS; d < DIMS; d++, at++) {
        if (rows[at] < low[d]) low[d] = rows[at];
        if (rows[at] > high[d]) high[d] = rows[at];
      }
    }
    let widest = 0;
    for (let d = 1; d < DIMS; d++) if (high[d] - low[d] > high[widest] - low[widest]) widest = d;
    return widest;
  }
}

/** Hoare's selection: afterwards no key before `place` is larger than one from there on. */
export function select(
  keys: Float64Array, // IN OUT
  order: Int32Array, // IN OUT, moved along with the keys
  left: number,
  right: number,
  place: number,
): void {
  while (right > left) {
    const pivot = median(keys[left], keys[(left + right) >>> 1], keys[right]);
    let low = left;
    let high = right;
    while (low <= high) {
      while (keys[low] < pivot) low++;
      while (keys[high] > pivot) high--;
      if (low > high) break;
      const key = keys[low];
      keys[low] = keys[high];
      keys[high] = key;
      const row = order[low];
      order[low++] = order[high];
      order[high--] = row;
    }
    if (place <= high) right = high;
    else if (place >= low) left = low;
    else return;
  }
}

const median = (a: number, b: number, c: number): number =>
  Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));

const NODE_FLOATS = NODE_BYTES / 4;
const LANES = 4;

class TreeWriter {
  readonly #leaves: number;
  readonly #count: number;
  readonly #rows: Float64Array;
  readonly #order: Int32Array;
  readonly #blocks: Float32Array;
  readonly #exact: Float64Array;
  readonly #nodes: Float32Array;
  readonly #low = new Float64Array(DIMS);
  readonly #high = new Float64Array(DIMS);

  constructor(trees: Trees, tree: ClusterTree, rows: Float64Array) {
    const { memory, at } = trees;
    const leaves = leafCount(tree.uniques);
    const floats = leaves * LEAF_ROWS * DIMS;
    const nodes = nodesBelow(leaves, heightOf(leaves) + 1);
    this.#leaves = leaves;
    this.#count = tree.uniques;
    this.#rows = rows;
    this.#order = orderOf(trees, tree);
    this.#blocks = new Float32Array(memory.buffer, at.blocks + tree.start * DIMS * 4, floats);
    this.#exact = new Float64Array(memory.buffer, at.exact + tree.start * ROW_BYTES, floats);
    this.#nodes = new Float32Array(
      memory.buffer,
      at.nodes + tree.node * NODE_BYTES,
      nodes * NODE_FLOATS,
    );
  }

  writeSubtree(height: number, index: number): void {
    for (let level = 1; level <= height; level++) {
      const width = FANOUT ** (height - level);
      const last = Math.ceil(this.#leaves / FANOUT ** level);
      for (let node = index * width; node < Math.min(last, (index + 1) * width); node++)
        this.#writeNode(level, node);
    }
  }

  writeLevel(level: number): void {
    for (let node = 0; node < Math.ceil(this.#leaves / FANOUT ** level); node++)
      this.#writeNode(level, node);
  }

  #writeNode(level: number, node: number): void {
    const to = (nodesBelow(this.#leaves, level) + node) * NODE_FLOATS;
    const children = Math.ceil(this.#leaves / FANOUT ** (level - 1));
    for (let lane = 0; lane < FANOUT; lane++) {
      const child = node * FANOUT + lane;
      // A child that is not there keeps an empty box, which is infinitely far from everywhere.
      this.#low.fill(Infinity);
      this.#high.fill(-Infinity);
      if (child < children) {
        if (level === 1) this.#writeLeaf(child);
        else this.#measureNode(level - 1, child);
      }
      for (let d = 0; d < DIMS; d++) {
        this.#nodes[to + d * 2 * LANES + lane] = this.#low[d];
        this.#nodes[to + (d * 2 + 1) * LANES + lane] = this.#high[d];
      }
    }
  }

  #writeLeaf(leaf: number): void {
    const rows = this.#rows;
    const order = this.#order;
    const blocks = this.#blocks;
    const exact = this.#exact;
    const low = this.#low;
    const high = this.#high;
    const from = leaf * LEAF_ROWS;
    const to = Math.min(this.#count, from + LEAF_ROWS);
    for (let position = from; position < to; position++) {
      const lane = (position >> 2) * (BLOCK_BYTES / 4) + (position & 3);
      for (let d = 0, at = order[position] * DIMS; d < DIMS; d++) {
        const value = rows[at + d];
        exact[position * DIMS + d] = value;
        blocks[lane + d * LANES] = value;
        if (value < low[d]) low[d] = value;
        if (value > high[d]) high[d] = value;
      }
    }
    for (let position = to; position < from + LEAF_ROWS; position++) {
      const lane = (position >> 2) * (BLOCK_BYTES / 4) + (position & 3);
      order[position] = NONE;
      for (let d = 0; d < DIMS; d++) blocks[lane + d * LANES] = Infinity;
    }
  }

  /** The box around all four children of a node. */
  #measureNode(level: number, node: number): void {
    const from = (nodesBelow(this.#leaves, level) + node) * NODE_FLOATS;
    for (let d = 0; d < DIMS; d++) {
      for (let lane = 0; lane < FANOUT; lane++) {
        const at = from + d * 2 * LANES + lane;
        this.#low[d] = Math.min(this.#low[d], this.#nodes[at]);
        this.#high[d] = Math.max(this.#high[d], this.#nodes[at + LANES]);
      }
    }
  }
}
