/**
 * Members in the order of a key that falls or rises a little every day, ties by index: buyers by
 * their last order, products by rows sold. A day moves few of them, so they are merged back in
 * instead of sorting all again.
 */
export class Ranking {
  readonly #keys: Float64Array; // lowest first
  #order: Int32Array;
  #spare: Int32Array;
  readonly #moved: Uint8Array;
  #count = 0;

  /** `keys` is shared with its owner, who sets keys and then calls `move`. */
  constructor(keys: Float64Array) {
    this.#keys = keys;
    this.#order = new Int32Array(keys.length);
    this.#spare = new Int32Array(keys.length);
    this.#moved = new Uint8Array(keys.length);
  }

  /** The first `count` members, or fewer where there are fewer. */
  first(count: number): Int32Array {
    return this.#order.subarray(0, Math.min(count, this.#count));
  }

  /** Puts members at their place: those whose key has changed, and new ones. No member twice. */
  move(members: Int32Array): void {
    const keys = this.#keys;
    const sorted = Int32Array.from(members).toSorted((a, b) => keys[a] - keys[b] || a - b);
    for (const member of sorted) this.#moved[member] = 1;
    const from = this.#order;
    const to = this.#spare;
    let read = 0;
    let next = 0;
    let count = 0;
    while (read < this.#count || next < sorted.length) {
      if (read < this.#count && this.#moved[from[read]] === 1) {
        read++;
      } else if (next === sorted.length) {
        to[count++] = from[read++];
      } else if (read === this.#count || comesFirst(keys, sorted[next], from[read])) {
        to[count++] = sorted[next++];
      } else {
        to[count++] = from[read++];
      }
    }
    for (const member of sorted) this.#moved[member] = 0;
    this.#order = to;
    this.#spare = from;
    this.#count = count;
  }
}

function comesFirst(keys: Float64Array, a: number, b: number): boolean {
  return keys[a] < keys[b] || (keys[a] === keys[b] && a < b);
}
