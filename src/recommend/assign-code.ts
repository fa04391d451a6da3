import { DIMS, ROW_BYTES } from './rows.ts';
import {
  Assembly,
  type Bytes,
  f64,
  f64x2,
  get,
  i32,
  i32x4,
  type Local,
  PAGE_BYTES,
  set,
  v128,
} from './wasm.ts';

/**
 * The inner loop of K-Means, two centres to an instruction: measured at twice the rows/s of the
 * same loop in JavaScript, to the same bits. It works on a tile of rows in a memory of its own.
 */

export const TILE_ROWS = 1_024;

/** Byte addresses in a tile's memory. */
export type TileTables = {
  centres: number; // IN  Float64 [DIMS x pairs x 2], Infinity where there is no second centre
  rows: number; // IN  Float64 [TILE_ROWS x DIMS]
  sums: number; // IN OUT Float64 [k x DIMS]
  counts: number; // IN OUT Int32 [k]
  inertia: number; // IN OUT Float64
  labels: number; // OUT Uint8 [TILE_ROWS]
  squares: number; // OUT Float64 [TILE_ROWS]: squared distance to the own centre
  pages: number;
};

export const pairsOf = (clusters: number): number => Math.ceil(clusters / 2);

export function tileTables(clusters: number): TileTables {
  let end = 0;
  const place = (bytes: number): number => {
    const at = end;
    end += Math.ceil(bytes / 64) * 64;
    return at;
  };
  const tables = {
    centres: place(DIMS * pairsOf(clusters) * 16),
    rows: place(TILE_ROWS * ROW_BYTES),
    sums: place(clusters * ROW_BYTES),
    counts: place(clusters * 4),
    inertia: place(8),
    labels: place(TILE_ROWS),
    squares: place(TILE_ROWS * 8),
  };
  return { ...tables, pages: Math.ceil(end / PAGE_BYTES) };
}

/** `run(count)` labels the tile's first rows and adds them to their centres' sums; count > 0. */
export function assembleAssign(clusters: number): Uint8Array<ArrayBuffer> {
  const at = tileTables(clusters);
  const code = new Assembly(['i32']);
  const [count] = code.parameters;
  const row = code.local('i32');
  const from = code.local('i32'); // the row, in bytes
  const label = code.local('i32');
  const to = code.local('i32'); // the label, in bytes of its table
  const inertia = code.local('f64');
  const value = code.local('v128'); // one coordinate, twice
  const apart = code.local('v128');
  const least = code.local('v128');
  const squares = code.locals('v128', pairsOf(clusters));
  const none = i32.const(0);

  const addSquare = (square: Local, d: number, pair: number): Bytes => [
    ...set(
      apart,
      f64x2.sub(get(value), v128.load(none, at.centres + (d * squares.length + pair) * 16)),
    ),
    ...set(
      square,
      d === 0
        ? f64x2.mul(get(apart), get(apart))
        : f64x2.add(get(square), f64x2.mul(get(apart), get(apart))),
    ),
  ];
  const measure = (d: number): Bytes => [
    ...set(value, v128.load64Splat(get(from), at.rows + d * 8)),
    ...squares.flatMap((square, pair) => addSquare(square, d, pair)),
  ];
  /** The lowest bit is the nearest centre with the lowest number. */
  const nearest = squares
    .map((square, pair) =>
      i32.shiftLeft(f64x2.bitmask(f64x2.eq(get(square), get(least))), i32.const(pair * 2)),
    )
    .reduce(i32.or);
  const addPair = (pair: number): Bytes =>
    v128.store(
      get(to),
      f64x2.add(v128.load(get(to), at.sums + pair * 16), v128.load(get(from), at.rows + pair * 16)),
      at.sums + pair * 16,
    );

  return code.module([
    set(inertia, f64.load(none, at.inertia)),
    set(row, none),
    code.loop((next) => [
      set(from, i32.mul(get(row), i32.const(ROW_BYTES))),
      ...Array.from({ length: DIMS }, (_, d) => measure(d)),
      set(least, squares.map(get).reduce(f64x2.min)),
      set(least, f64x2.min(get(least), i32x4.shuffle(get(least), get(least), 2, 3, 0, 1))),
      set(label, i32.trailingZeros(nearest)),
      set(inertia, f64.add(get(inertia), f64x2.first(get(least)))),
      f64.store(i32.mul(get(row), i32.const(8)), f64x2.first(get(least)), at.squares),
      i32.storeByte(get(row), get(label), at.labels),
      set(to, i32.mul(get(label), i32.const(4))),
      i32.store(get(to), i32.add(i32.load(get(to), at.counts), i32.const(1)), at.counts),
      set(to, i32.mul(get(label), i32.const(ROW_BYTES))),
      ...Array.from({ length: DIMS / 2 }, (_, pair) => addPair(pair)),
      set(row, i32.add(get(row), i32.const(1))),
      code.jumpIf(next, i32.sub(get(row), get(count))),
    ]),
    f64.store(none, get(inertia), at.inertia),
  ]);
}
