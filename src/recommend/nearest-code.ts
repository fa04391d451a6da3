import { DIMS, ROW_BYTES } from './rows.ts';
import { BLOCK_BYTES, FRAME_BYTES, LEAF_ROWS, NODE_BYTES, NONE, UNANSWERED } from './tree.ts';
import { Assembly, type Bytes, f32, f32x4, f64, get, i32, i32x4, set, v128 } from './wasm.ts';

/**
 * The search for the nearest other row, four rows or four boxes to an instruction; measured at
 * six times the rows/s of the same search in JavaScript.
 *
 * Float32 finds candidates, Float64 decides. A Float32 distance errs by less than `slack` (the
 * rounding of the coordinates) and a share of 2^-18 (that of the sums), so whatever lies within
 * the bound ((best + slack) x (1 + 2^-18))² may be nearer than the best so far, and nothing
 * else can be, nor be as near.
 *
 * A walk begins in the row's own leaf, then goes down from the root, the nearest child first. A
 * level of the walk is a frame: the four children as ascending keys, each the Float32 bits of the
 * squared distance to the child's box with the child's number in the last two bits (bits of
 * floats that are not negative sort as whole numbers). One key over the bound ends the frame.
 */
export function assembleSearch(): Uint8Array<ArrayBuffer> {
  const code = new Assembly([...Array.from({ length: 11 }, () => 'i32' as const), 'f64']);
  const [
    from, // positions searched: from the first
    to, // up to the last, without it
    blocks, // addresses of tables, see Trees
    exact,
    order,
    nearest, // IN OUT
    distances, // OUT
    start, // the cluster's first position
    height, // of its tree
    levels, // [height + 1] where each level's nodes begin
    frames, // [height + 2] scratch
    slack,
  ] = code.parameters;
  const self = code.local('i32');
  const query = code.locals('v128', DIMS); // each coordinate of the row, four times
  const best = code.local('f64'); // squared distance
  const bestRow = code.local('i32');
  const bound = code.local('v128');
  const boundBits = code.local('i32');
  const child = code.local('i32');
  const level = code.local('i32');
  const frame = code.local('i32');
  const key = code.local('i32');
  const hits = code.local('i32'); // a bit for each row of a leaf
  const leaf = code.local('i32'); // its first position
  const row = code.local('i32');
  const there = code.local('i32');
  const here = code.local('i32');
  const x = code.local('f64');
  const sum = code.local('f64');
  const apart = code.local('v128');
  const squares = code.local('v128');
  const keys = code.local('v128');

  const tighten = (): Bytes[] => [
    set(x, f64.mul(f64.add(f64.sqrt(get(best)), get(slack)), f64.const(1 + 2 ** -18))),
    set(boundBits, i32.fromFloatBits(f32.fromDouble(f64.mul(get(x), get(x))))),
    // No bound yet. An infinite one would let in what is not there, too.
    code.when(i32.greaterSigned(get(boundBits), i32.const(LARGEST_FLOAT_BITS)), () => [
      set(boundBits, i32.const(LARGEST_FLOAT_BITS)),
    ]),
    set(bound, i32x4.splat(get(boundBits))),
  ];

  const addSquares = (d: number): Bytes =>
    set(
      squares,
      d === 0
        ? f32x4.mul(get(apart), get(apart))
        : f32x4.add(get(squares), f32x4.mul(get(apart), get(apart))),
    );

  const begin = (): Bytes[] => [
    set(here, element(get(blocks), i32.shiftRight(get(self), i32.const(2)), BLOCK_BYTES)),
    set(here, element(get(here), i32.and(get(self), i32.const(3)), 4)),
    ...query.map((value, d) => set(value, v128.load32Splat(get(here), d * 16))),
    set(best, f64.const(Infinity)),
    set(bestRow, i32.const(NONE)),
    ...tighten(),
    // The frame over the root has the root as its only child.
    set(level, i32.add(get(height), i32.const(1))),
    set(frame, element(get(frames), get(level), FRAME_BYTES)),
    v128.store(get(frame), i32x4.const(0, NEVER, NEVER, NEVER)),
    i32.store(get(frame), i32.const(0), FRAME_NODE),
    i32.store(get(frame), get(frame), FRAME_NEXT),
    set(child, i32.shiftRight(i32.sub(get(self), get(start)), i32.const(Math.log2(LEAF_ROWS)))),
  ];

  const scanLeaf = (): Bytes[] => [
    set(leaf, element(get(start), get(child), LEAF_ROWS)),
    set(there, element(get(blocks), get(leaf), BLOCK_BYTES / 4)),
    set(hits, i32.const(0)),
    ...Array.from({ length: LEAF_ROWS / 4 }, (_, block) => scanBlock(block)),
    code.when(get(hits), () => [
      code.loop((nextHit) => [
        set(there, i32.add(get(leaf), i32.trailingZeros(get(hits)))),
        set(hits, i32.and(get(hits), i32.sub(get(hits), i32.const(1)))),
        code.when(i32.sub(get(there), get(self)), decide),
        code.jumpIf(nextHit, get(hits)),
      ]),
    ]),
  ];

  const scanBlock = (block: number): Bytes => [
    ...query.flatMap((value, d) => [
      ...set(apart, f32x4.sub(v128.load(get(there), block * BLOCK_BYTES + d * 16), get(value))),
      ...addSquares(d),
    ]),
    ...set(
      hits,
      i32.or(
        get(hits),
        i32.shiftLeft(i32x4.bitmask(f32x4.atMost(get(squares), get(bound))), i32.const(block * 4)),
      ),
    ),
  ];

  const decide = (): Bytes[] => [
    set(row, i32.load(element(get(order), get(there), 4))),
    set(there, element(get(exact), get(there), ROW_BYTES)),
    set(here, element(get(exact), get(self), ROW_BYTES)),
    set(sum, f64.const(0)),
    ...Array.from({ length: DIMS }, (_, d) => [
      ...set(x, f64.sub(f64.load(get(there), d * 8), f64.load(get(here), d * 8))),
      ...set(sum, f64.add(get(sum), f64.mul(get(x), get(x)))),
    ]),
    code.when(
      i32.or(
        f64.less(get(sum), get(best)),
        i32.and(f64.eq(get(sum), get(best)), i32.less(get(row), get(bestRow))),
      ),
      () => [set(best, get(sum)), set(bestRow, get(row)), ...tighten()],
    ),
  ];

  const enter = (): Bytes[] => [
    set(level, i32.sub(get(level), i32.const(1))),
    set(frame, i32.sub(get(frame), i32.const(FRAME_BYTES))),
    i32.store(get(frame), get(child), FRAME_NODE),
    i32.store(get(frame), get(frame), FRAME_NEXT),
    i32.store(get(frame), i32.const(NEVER), FRAME_END),
    set(there, element(i32.load(element(get(levels), get(level), 4)), get(child), NODE_BYTES)),
    ...query.flatMap((value, d) => [
      set(
        apart,
        f32x4.max(
          f32x4.sub(v128.load(get(there), d * 32), get(value)),
          f32x4.sub(get(value), v128.load(get(there), d * 32 + 16)),
        ),
      ),
      set(apart, f32x4.max(get(apart), i32x4.const(0, 0, 0, 0))), // inside
      addSquares(d),
    ]),
    set(keys, v128.and(get(squares), i32x4.const(-4, -4, -4, -4))),
    set(keys, v128.or(get(keys), i32x4.const(0, 1, 2, 3))),
    // A sorting network: 0 with 2 and 1 with 3, 0 with 1 and 2 with 3, 1 with 2.
    ...order4([2, 3, 0, 1], [0, 1, 4, 5]),
    ...order4([1, 0, 3, 2], [0, 4, 2, 6]),
    ...order4([0, 2, 1, 3], [0, 1, 6, 3]),
    v128.store(get(frame), get(keys)),
  ];

  /** Each lane meets its partner; `out` picks from the smaller (0-3) and the larger (4-7) ones. */
  const order4 = (partner: Lanes, out: Lanes): Bytes[] => [
    set(apart, i32x4.shuffle(get(keys), get(keys), ...partner)),
    set(
      keys,
      i32x4.shuffle(i32x4.min(get(keys), get(apart)), i32x4.max(get(keys), get(apart)), ...out),
    ),
  ];

  const search = (): Bytes[] => [
    ...begin(),
    code.block((answered) => [
      code.loop((nextLeaf) => [
        ...scanLeaf(),
        code.loop((walk) => [
          set(there, i32.load(get(frame), FRAME_NEXT)),
          set(key, i32.load(get(there))),
          code.when(i32.greaterSigned(get(key), get(boundBits)), () => [
            code.jumpIf(answered, i32.greaterSigned(get(level), get(height))),
            set(level, i32.add(get(level), i32.const(1))),
            set(frame, i32.add(get(frame), i32.const(FRAME_BYTES))),
            code.jump(walk),
          ]),
          i32.store(get(frame), i32.add(get(there), i32.const(4)), FRAME_NEXT),
          set(child, i32.shiftLeft(i32.load(get(frame), FRAME_NODE), i32.const(2))),
          set(child, i32.add(get(child), i32.and(get(key), i32.const(3)))),
          code.jumpIf(nextLeaf, i32.eq(get(level), i32.const(1))),
          ...enter(),
          code.jump(walk),
        ]),
      ]),
    ]),
    i32.store(element(get(nearest), get(self), 4), get(bestRow)),
    f64.store(element(get(distances), get(self), 8), f64.sqrt(get(best))),
  ];

  return code.module([
    set(self, get(from)),
    code.block((done) => [
      code.loop((next) => [
        code.jumpIf(done, i32.eq(get(self), get(to))),
        code.when(
          i32.eq(i32.load(element(get(nearest), get(self), 4)), i32.const(UNANSWERED)),
          search,
        ),
        set(self, i32.add(get(self), i32.const(1))),
        code.jump(next),
      ]),
    ]),
  ]);
}

const LARGEST_FLOAT_BITS = 0x7f7fffff;
const NEVER = 0x7fffffff; // a key over every bound

/** A frame: four keys, a NEVER that ends them, its node, and the address of the next key. */
const FRAME_END = 16;
const FRAME_NODE = 20;
const FRAME_NEXT = 24;

type Lanes = [number, number, number, number];

/** The address of a table's element. */
const element = (table: Bytes, index: Bytes, bytes: number): Bytes =>
  i32.add(table, i32.mul(index, i32.const(bytes)));
