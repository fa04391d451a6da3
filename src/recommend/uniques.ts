import { DIMS } from './rows.ts';
import { NONE, type Trees, UNANSWERED } from './tree.ts';

export type UniquesInput = {
  trees: Trees; // IN OUT: the order of each cluster's positions
  rows: Float64Array; // IN  [count x DIMS]
  nearest: Int32Array; // OUT [count]
  distances: Float64Array; // OUT [count]
};

export type Uniques = {
  count: number;
  reach: number; // the largest size of a coordinate
};

/**
 * Leaves one of each kind in a cluster's order, the one with the smallest row number. Rows that
 * are equal to another are answered at once: the nearest is the first of the kind, at no distance;
 * for the first itself it is the second.
 */
export function findUniques(input: UniquesInput, cluster: number): Uniques {
  const { rows, nearest, distances } = input;
  const { memory, clusters, at } = input.trees;
  const { members, start } = clusters[cluster];
  const order = new Int32Array(memory.buffer, at.order + start * 4, members);
  const slots = new Int32Array(slotsFor(members)).fill(NONE);
  const coordinates = new Float64Array(DIMS);
  const words = new Uint32Array(coordinates.buffer);
  let count = 0;
  let reach = 0;
  for (let member = 0; member < members; member++) {
    const row = order[member];
    for (let d = 0; d < DIMS; d++) {
      const value = rows[row * DIMS + d];
      coordinates[d] = value + 0; // 0 and -0 are one place
      if (!(Math.abs(value) <= reach)) reach = farther(value, row);
    }
    const slot = find(rows, row, slots, hash(words));
    const first = slots[slot];
    if (first === NONE) {
      slots[slot] = row;
      order[count++] = row; // never ahead of the reading
      nearest[row] = UNANSWERED;
      continue;
    }
    nearest[row] = first;
    distances[row] = 0;
    if (nearest[first] !== UNANSWERED) continue;
    nearest[first] = row;
    distances[first] = 0;
  }
  return { count, reach };
}

/** Squares of differences must be finite in Float32. */
const REACH_MAX = 1e18;

function farther(value: number, row: number): number {
  const size = Math.abs(value);
  if (!(size <= REACH_MAX)) throw new RangeError(`row ${row} holds ${value}`);
  return size;
}

/** A power of two, at least half of it free. */
const slotsFor = (members: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, members) * 2));

/** The slot of the first row equal to this one, or the free slot where it belongs. */
function find(rows: Float64Array, row: number, slots: Int32Array, hashed: number): number {
  let slot = hashed & (slots.length - 1);
  while (slots[slot] !== NONE && !equal(rows, slots[slot], row))
    slot = (slot + 1) & (slots.length - 1);
  return slot;
}

function equal(rows: Float64Array, a: number, b: number): boolean {
  for (let d = 0; d < DIMS; d++) if (rows[a * DIMS + d] !== rows[b * DIMS + d]) return false;
  return true;
}

function hash(words: Uint32Array): number {
  let mixed = 0;
  for (let i = 0; i < 2 * DIMS; i++) {
    mixed = Math.imul(mixed ^ words[i], 0x9e3779b1);
    mixed ^= mixed >>> 15;
  }
  return mixed;
}
