/**
 * The users and products a run works on, as columns over shared memory, so that threads read one
 * copy. Users and products are each in order of registration.
 */
export type Base = { users: UserColumns; products: ProductColumns };

export type UserColumns = {
  count: number;
  createdAtMs: Float64Array;
  age: Uint8Array; // years
  female: Uint8Array; // 0 or 1
  active: Uint8Array; // 0 or 1
  marketing: Uint8Array; // 0 or 1
  grade: Uint8Array; // index into GRADES when the run begins
  randomSeed: Float64Array; // [0, 1)
};

export type ProductColumns = {
  count: number;
  createdAtMs: Float64Array;
  category: Uint8Array; // index into CATEGORIES, or one behind its last for any other
  price: Float64Array; // whole won
};

/** A typed array over shared memory. */
export function sharedFloat64(length: number): Float64Array {
  return new Float64Array(new SharedArrayBuffer(length * 8));
}

export function sharedUint8(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

export function sharedUint32(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * 4));
}
