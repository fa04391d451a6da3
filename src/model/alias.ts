/**
 * Weighted choice in constant time: Walker's alias method with Vose's construction ("A linear
 * algorithm for generating random numbers with a given distribution", IEEE TSE 17, 1991).
 * One uniform makes both choices: its whole part times the count is the cell, the rest is the coin.
 */
export class AliasTable {
  readonly #keep: Float64Array; // chance that a cell stands for itself
  readonly #alias: Uint32Array; // whom it stands for otherwise
  readonly #work: Uint32Array; // light cells from the front, heavy ones from the back
  #count = 0;

  /** `capacity` is the most weights a table will hold, less than 2^21. */
  constructor(capacity: number) {
    this.#keep = new Float64Array(capacity);
    this.#alias = new Uint32Array(capacity);
    this.#work = new Uint32Array(capacity);
  }

  /** A table of just these weights. */
  static of(weights: ArrayLike<number>): AliasTable {
    return new AliasTable(weights.length).rebuild(Float64Array.from(weights), weights.length);
  }

  get count(): number {
    return this.#count;
  }

  /** Takes the first `count` weights, none below zero and not all zero. Allocates nothing. */
  rebuild(weights: Float64Array, count: number): this {
    if (count < 1 || count > this.#keep.length || count > weights.length) {
      throw new RangeError(`${count} weights in a table of ${this.#keep.length}`);
    }
    this.#count = count;
    const heaviest = this.#scale(weights, count);
    const light = this.#pair(count);
    this.#settle(weights, light, heaviest);
    return this;
  }

  /** `u` is uniform in [0, 1). A multiple of 2^-32 times a count below 2^21 loses no bit. */
  pick(u: number): number {
    const scaled = u * this.#count;
    const cell = scaled | 0;
    return scaled - cell < this.#keep[cell] ? cell : this.#alias[cell];
  }

  /** Scales the weights to a mean of 1 and returns the index of the largest. */
  #scale(weights: Float64Array, count: number): number {
    let sum = 0;
    let heaviest = 0;
    for (let i = 0; i < count; i++) {
      if (!(weights[i] >= 0)) throw new RangeError(`weight ${i} is ${weights[i]}`);
      sum += weights[i];
      if (weights[i] > weights[heaviest]) heaviest = i;
    }
    if (!(sum > 0 && sum < Infinity)) throw new RangeError(`weights add up to ${sum}`);
    for (let i = 0; i < count; i++) this.#keep[i] = (weights[i] / sum) * count;
    return heaviest;
  }

  /** Fills up each light cell from a heavy one. Returns how many light cells are left. */
  #pair(count: number): number {
    const keep = this.#keep;
    const work = this.#work;
    let light = 0; // light cells are work[0 .. light)
    let heavy = count; // heavy ones are work[heavy .. count)
    for (let i = 0; i < count; i++) {
      this.#alias[i] = i;
      if (keep[i] < 1) work[light++] = i;
      else work[--heavy] = i;
    }
    while (light > 0 && heavy < count) {
      const small = work[--light];
      const large = work[heavy];
      this.#alias[small] = large;
      keep[large] -= 1 - keep[small];
      if (keep[large] < 1) {
        heavy++;
        work[light++] = large;
      }
    }
    // Rounding may leave a heavy cell a hair above 1; it keeps itself either way.
    return light;
  }

  /** Light cells without a partner are whole but for rounding; a weight of zero stays out. */
  #settle(weights: Float64Array, light: number, heaviest: number): void {
    for (let at = 0; at < light; at++) {
      const cell = this.#work[at];
      if (weights[cell] > 0) this.#keep[cell] = 1;
      else this.#alias[cell] = heaviest;
    }
  }
}
