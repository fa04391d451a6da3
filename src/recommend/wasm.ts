/**
 * A small assembler for WebAssembly with 128-bit vectors, so that the two hottest loops need no
 * tool at install and no binary in the repository. Every function below returns the bytes of one
 * instruction, its operands first; a kernel is written as nested expressions.
 */

export type Bytes = readonly number[];
export type ValueType = 'i32' | 'f32' | 'f64' | 'v128';
export type Local = { readonly index: number };

const TYPE_BYTES: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const NO_RESULT = 0x40;

type Label = { readonly depth: number };
type Body = readonly Bytes[];

/** One function: its parameters come first among the locals, and it returns nothing. */
export class Assembly {
  readonly #locals: ValueType[] = [];
  readonly parameters: readonly Local[];
  #depth = 0;

  constructor(parameters: readonly ValueType[]) {
    this.parameters = parameters.map((type) => this.local(type));
  }

  local(type: ValueType): Local {
    this.#locals.push(type);
    return { index: this.#locals.length - 1 };
  }

  locals(type: ValueType, count: number): Local[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  /** A jump to its label leaves the block. */
  block(body: (label: Label) => Body): Bytes {
    return this.#nest(0x02, body);
  }

  /** A jump to its label starts the next round; without one the loop ends. */
  loop(body: (label: Label) => Body): Bytes {
    return this.#nest(0x03, body);
  }

  when(condition: Bytes, body: () => Body): Bytes {
    return [...condition, ...this.#nest(0x04, body)];
  }

  jump(to: Label): Bytes {
    return [0x0c, ...unsigned(this.#depth - to.depth)];
  }

  jumpIf(to: Label, condition: Bytes): Bytes {
    return [...condition, 0x0d, ...unsigned(this.#depth - to.depth)];
  }

  /** The module: imports `host.memory` (shared, any size), exports this function as `run`. */
  module(body: Body): Uint8Array<ArrayBuffer> {
    const types = this.#locals.map((type) => TYPE_BYTES[type]);
    const parameters = types.slice(0, this.parameters.length);
    const locals = types.slice(this.parameters.length).map((type) => [1, type]);
    const code = [...vector(locals), ...body.flat(), 0x0b];
    return Uint8Array.from([
      ...MAGIC,
      ...section(1, [[0x60, ...vector(parameters.map((type) => [type])), 0]]),
      ...section(2, [[...name('host'), ...name('memory'), 2, 3, 0, ...unsigned(PAGES_MAX)]]),
      ...section(3, [[0]]),
      ...section(7, [[...name('run'), 0, 0]]),
      ...section(10, [[...unsigned(code.length), ...code]]),
    ]);
  }

  #nest(opcode: number, body: (label: Label) => Body): Bytes {
    this.#depth++;
    const inside = body({ depth: this.#depth }).flat();
    this.#depth--;
    return [opcode, NO_RESULT, ...inside, 0x0b];
  }
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]; // and version 1

/** 4 GiB: what 32-bit addresses reach. */
export const PAGES_MAX = 65_536;
export const PAGE_BYTES = 65_536;

type Exported = { run: (...values: number[]) => void };

/** Binds a module made here to a memory and returns its function. */
export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): (...values: number[]) => void {
  const { exports } = new WebAssembly.Instance(module, { host: { memory } });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every module here exports run
  return (exports as Exported).run;
}

export const get = (local: Local): Bytes => [0x20, ...unsigned(local.index)];
export const set = (local: Local, value: Bytes): Bytes => [
  ...value,
  0x21,
  ...unsigned(local.index),
];

type Binary = (a: Bytes, b: Bytes) => Bytes;
type Unary = (a: Bytes) => Bytes;
const binary =
  (...code: number[]): Binary =>
  (a, b) => [...a, ...b, ...code];
const unary =
  (...code: number[]): Unary =>
  (a) => [...a, ...code];
const vectorBinary = (code: number): Binary => binary(0xfd, ...unsigned(code));
const vectorUnary = (code: number): Unary => unary(0xfd, ...unsigned(code));
/** Alignment is only a hint and is left at one byte. */
const load =
  (...code: number[]) =>
  (address: Bytes, offset = 0): Bytes => [...address, ...code, 0, ...unsigned(offset)];
const store =
  (...code: number[]) =>
  (address: Bytes, value: Bytes, offset = 0): Bytes => [
    ...address,
    ...value,
    ...code,
    0,
    ...unsigned(offset),
  ];

export const i32 = {
  const: (value: number): Bytes => [0x41, ...signed(value)],
  load: load(0x28),
  store: store(0x36),
  storeByte: store(0x3a),
  eqz: unary(0x45),
  eq: binary(0x46),
  lessSigned: binary(0x48),
  less: binary(0x49),
  greaterSigned: binary(0x4a),
  trailingZeros: unary(0x68),
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  and: binary(0x71),
  or: binary(0x72),
  shiftLeft: binary(0x74),
  shiftRight: binary(0x76),
  fromFloatBits: unary(0xbc),
};

export const f32 = { fromDouble: unary(0xb6) };

export const f64 = {
  const: (value: number): Bytes => [0x44, ...new Uint8Array(Float64Array.of(value).buffer)],
  load: load(0x2b),
  store: store(0x39),
  eq: binary(0x61),
  less: binary(0x63),
  sqrt: unary(0x9f),
  add: binary(0xa0),
  sub: binary(0xa1),
  mul: binary(0xa2),
};

export const v128 = {
  load: load(0xfd, 0x00),
  load32Splat: load(0xfd, 0x09),
  load64Splat: load(0xfd, 0x0a),
  store: store(0xfd, 0x0b),
  and: vectorBinary(0x4e),
  or: vectorBinary(0x50),
};

/** Four 32-bit lanes; `shuffle` picks from the first vector's lanes 0-3 and the second's 4-7. */
export const i32x4 = {
  splat: vectorUnary(0x11),
  const: (...lanes: [number, number, number, number]): Bytes => [
    0xfd,
    0x0c,
    ...new Uint8Array(Int32Array.from(lanes).buffer),
  ],
  shuffle: (a: Bytes, b: Bytes, ...lanes: [number, number, number, number]): Bytes => [
    ...a,
    ...b,
    0xfd,
    0x0d,
    ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)),
  ],
  bitmask: vectorUnary(0xa4),
  min: vectorBinary(0xb6),
  max: vectorBinary(0xb8),
};

export const f64x2 = {
  /** Two bits: the sign of each lane; after `eq`, where it holds. */
  bitmask: vectorUnary(0xc4),
  eq: vectorBinary(0x47),
  add: vectorBinary(0xf0),
  sub: vectorBinary(0xf1),
  mul: vectorBinary(0xf2),
  /** `b < a ? b : a`: one instruction, unlike the minimum that looks after NaN. */
  min: vectorBinary(0xf6),
  first: unary(0xfd, 0x21, 0),
};

export const f32x4 = {
  splat: vectorUnary(0x13),
  atMost: vectorBinary(0x45),
  add: vectorBinary(0xe4),
  sub: vectorBinary(0xe5),
  mul: vectorBinary(0xe6),
  /** `a < b ? b : a`: one instruction, unlike the maximum that looks after NaN. */
  max: vectorBinary(0xeb),
};

function section(id: number, entries: readonly Bytes[]): Bytes {
  const content = vector(entries);
  return [id, ...unsigned(content.length), ...content];
}

function vector(entries: readonly Bytes[]): Bytes {
  return [...unsigned(entries.length), ...entries.flat()];
}

function name(text: string): Bytes {
  return vector([...new TextEncoder().encode(text)].map((byte) => [byte]));
}

/** LEB128. */
function unsigned(value: number): Bytes {
  const bytes: number[] = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}

function signed(value: number): Bytes {
  const bytes: number[] = [];
  for (; value < -0x40 || value > 0x3f; value >>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value & 0x7f];
}
