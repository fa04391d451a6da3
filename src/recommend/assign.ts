import { assembleAssign, pairsOf, TILE_ROWS, tileTables } from './assign-code.ts';
import { chunkRange, DIMS, rowCount } from './rows.ts';
import { instantiate } from './wasm.ts';

/** A code is one byte, and the mask over all centres 32 bits. */
export const CLUSTERS_MAX = 32;

export type AssignInput = {
  rows: Float64Array; // IN  [count x DIMS]
  centres: Float64Array; // IN  [k x DIMS]
  labels: Uint8Array; // IN OUT [count]
  distances?: Float64Array; // OUT [count]: from the own centre
};

/** What a pass over rows found: all that the next centres need. */
export type Pass = {
  sums: Float64Array; // [k x DIMS]
  counts: Int32Array; // [k]
  inertia: number; // squared distances from the own centres, added up
  changed: number; // rows whose label was another before
  reach: Float64Array; // [k]: the largest distance from the own centre, 0 unless asked for
};

/** Labels each row with its nearest centre; of equally near ones, the one with the lowest number. */
export function assignRows(input: AssignInput, chunk: number): Pass {
  const { rows, centres, labels, distances } = input;
  const tile = tileFor(centres.length / DIMS);
  const [from, to] = chunkRange(rowCount(rows), chunk);
  const reach = new Float64Array(tile.clusters);
  let changed = 0;
  tile.start(centres);
  for (let row = from; row < to; row += TILE_ROWS) {
    const count = Math.min(TILE_ROWS, to - row);
    tile.add(rows, row, count);
    changed += replace(labels, tile.labels, row, count);
    if (distances) writeDistances(distances, reach, tile, row, count);
  }
  if (!Number.isFinite(tile.inertia))
    throw new RangeError(`rows ${from} to ${to} hold what is no number`);
  const { sums, counts, inertia } = tile;
  return { sums: sums.slice(), counts: counts.slice(), inertia, changed, reach };
}

/** In chunk order. */
export function foldPasses(parts: readonly Pass[]): Pass {
  const [{ sums, counts, reach }] = parts;
  const total: Pass = {
    sums: new Float64Array(sums.length),
    counts: new Int32Array(counts.length),
    inertia: 0,
    changed: 0,
    reach: new Float64Array(reach.length),
  };
  for (const part of parts) {
    for (let i = 0; i < total.sums.length; i++) total.sums[i] += part.sums[i];
    for (let c = 0; c < total.counts.length; c++) {
      total.counts[c] += part.counts[c];
      total.reach[c] = Math.max(total.reach[c], part.reach[c]);
    }
    total.inertia += part.inertia;
    total.changed += part.changed;
  }
  return total;
}

/** A row and its squared distance from its own centre. */
export type FarRow = { row: number; square: number };

export type FarthestInput = AssignInput & { wanted: number };

/** The rows of a chunk that are farthest from the centres they are labelled with. */
export function farthestRows(input: FarthestInput, chunk: number): FarRow[] {
  const { rows, centres, labels, wanted } = input;
  const [from, to] = chunkRange(rowCount(rows), chunk);
  const farthest: FarRow[] = [];
  for (let row = from; row < to; row++) {
    let square = 0;
    for (let d = 0, at = row * DIMS, c = labels[row] * DIMS; d < DIMS; d++)
      square += (rows[at + d] - centres[c + d]) ** 2;
    if (farthest.length === wanted && square <= farthest[wanted - 1].square) continue;
    farthest.push({ row, square });
    farthest.sort(byDistance);
    farthest.length = Math.min(farthest.length, wanted);
  }
  return farthest;
}

export function foldFarthest(parts: readonly FarRow[][], wanted: number): FarRow[] {
  return parts.flat().toSorted(byDistance).slice(0, wanted);
}

const byDistance = (a: FarRow, b: FarRow): number => b.square - a.square || a.row - b.row;

/** Each thread keeps one tile a number of clusters, compiled once. */
const tiles = new Map<number, Tile>();

function tileFor(clusters: number): Tile {
  if (!(clusters >= 1 && clusters <= CLUSTERS_MAX))
    throw new RangeError(`${clusters} clusters; 1 to ${CLUSTERS_MAX} are possible`);
  const tile = tiles.get(clusters) ?? new Tile(clusters);
  tiles.set(clusters, tile);
  return tile;
}

class Tile {
  readonly clusters: number;
  readonly sums: Float64Array;
  readonly counts: Int32Array;
  readonly labels: Uint8Array;
  readonly squares: Float64Array;
  readonly #centres: Float64Array;
  readonly #rows: Float64Array;
  readonly #inertia: Float64Array;
  readonly #run: (count: number) => void;

  constructor(clusters: number) {
    const at = tileTables(clusters);
    const size = { initial: at.pages, maximum: at.pages, shared: true };
    const memory = new WebAssembly.Memory(size);
    const { buffer } = memory;
    this.clusters = clusters;
    this.sums = new Float64Array(buffer, at.sums, clusters * DIMS);
    this.counts = new Int32Array(buffer, at.counts, clusters);
    this.labels = new Uint8Array(buffer, at.labels, TILE_ROWS);
    this.squares = new Float64Array(buffer, at.squares, TILE_ROWS);
    this.#centres = new Float64Array(buffer, at.centres, DIMS * pairsOf(clusters) * 2);
    this.#rows = new Float64Array(buffer, at.rows, TILE_ROWS * DIMS);
    this.#inertia = new Float64Array(buffer, at.inertia, 1);
    this.#run = instantiate(new WebAssembly.Module(assembleAssign(clusters)), memory);
  }

  get inertia(): number {
    return this.#inertia[0];
  }

  start(centres: Float64Array): void {
    const stride = pairsOf(this.clusters) * 2;
    this.#centres.fill(Infinity);
    for (let c = 0; c < this.clusters; c++)
      for (let d = 0; d < DIMS; d++) this.#centres[d * stride + c] = centres[c * DIMS + d];
    this.sums.fill(0);
    this.counts.fill(0);
    this.#inertia[0] = 0;
  }

  add(rows: Float64Array, first: number, count: number): void {
    this.#rows.set(rows.subarray(first * DIMS, (first + count) * DIMS));
    this.#run(count);
  }
}

function replace(labels: Uint8Array, found: Uint8Array, first: number, count: number): number {
  let changed = 0;
  for (let i = 0; i < count; i++) {
    if (labels[first + i] === found[i]) continue;
    labels[first + i] = found[i];
    changed++;
  }
  return changed;
}

function writeDistances(
  distances: Float64Array, // OUT [rows]
  reach: Float64Array, // IN OUT [k]
  { labels, squares }: Tile,
  first: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const distance = Math.sqrt(squares[i]);
    distances[first + i] = distance;
    if (distance > reach[labels[i]]) reach[labels[i]] = distance;
  }
}
