/**
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). A draw depends only on (seed, run, stream, index) and on
 * how many were taken at that index, so the same rows come out in any order and on any thread.
 *
 *   key      the seed, 64 bits
 *   counter  words 0 and 1 the index, word 2 the block of four draws at it,
 *            word 3 the stream in the low 8 bits and the run in the 24 above
 *
 * Nothing is hashed together, so two different questions never share a block.
 */

/** One stream per question that chance answers. Numbers are part of the data: never reuse one. */
export const STREAMS = {
  user: 1,
  product: 2,
  cart: 3,
  poolDay: 4,
  propensity: 5,
  live: 6,
  chunk: 7,
  cluster: 30,
  sample: 31,
  customer: 32,
  simulation: 40,
  drill: 50,
} as const;

export type Stream = keyof typeof STREAMS;

const UINT32 = 2 ** 32;

export class Random {
  readonly #keyLow: number;
  readonly #keyHigh: number;
  readonly #stream: number;
  #indexLow = 0;
  #indexHigh = 0;
  #block = 0;
  #left = 0; // words of the current block not handed out yet
  readonly #words = new Uint32Array(4);

  /**
   * `seed` is a safe integer, 0 or more. `run`, below 2^24, keeps apart what runs of one seed make of
   * the same indexes; 0 is for what belongs to no run.
   */
  constructor(seed: number, stream: Stream, run = 0) {
    this.#keyLow = seed >>> 0;
    this.#keyHigh = Math.floor(seed / UINT32) >>> 0;
    this.#stream = STREAMS[stream] | (run << 8);
  }

  /** Starts over at an index (a safe integer, 0 or more). */
  at(index: number): this {
    this.#indexLow = index >>> 0;
    this.#indexHigh = Math.floor(index / UINT32) >>> 0;
    this.#block = 0;
    this.#left = 0;
    return this;
  }

  /** The next 32 bits. */
  bits(): number {
    if (this.#left === 0) {
      philox(
        this.#indexLow,
        this.#indexHigh,
        this.#block++,
        this.#stream,
        this.#keyLow,
        this.#keyHigh,
        this.#words,
      );
      this.#left = 4;
    }
    return this.#words[4 - this.#left--];
  }

  /** Uniform in [0, 1), a multiple of 2^-32. */
  next(): number {
    return this.bits() / UINT32;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** A whole number, uniform in [0, count). `count` is at most 2^32. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** One of the items, each as likely. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)];
  }
}

/** One block: a 128-bit counter and a 64-bit key into four 32-bit words. */
export function philox(
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
  out: Uint32Array, // OUT [4]
): void {
  let c0 = counter0;
  let c1 = counter1;
  let c2 = counter2;
  let c3 = counter3;
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The upper 32 bits of a 32 x 32 bit product, by 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16);
  // Both partial sums stay below 2^32 when read as unsigned.
  const cross = (middle & 0xffff) + Math.imul(aLow, bHigh);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}
