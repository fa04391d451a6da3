/**
 * Gives each id, as bytes of UTF-8, a number of its own: 0, 1, 2 in the order in which they came.
 * A hash table with open addressing over one buffer, since a Map wants a text made of each id first,
 * and hashes it: half of what storing an order took.
 */
export class IdTable {
  #slots = new Int32Array(SLOTS_MIN); // number + 1, 0 where free
  #hashes = new Int32Array(SLOTS_MIN >> 1); // by number
  #starts = new Int32Array((SLOTS_MIN >> 1) + 1); // by number, in #bytes; one more is the end
  #bytes = new Uint8Array(SLOTS_MIN * 8);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  /** The number of the id in source[from, to). */
  numberOf(source: Uint8Array, from: number, to: number): number {
    const hash = hashOf(source, from, to);
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] - 1;
      if (number < 0) return this.#add(source, from, to, hash, slot);
      if (this.#hashes[number] === hash && this.#isAt(number, source, from, to)) return number;
    }
  }

  /** The ids by number; each view lasts until the table grows. */
  *ids(): Generator<Uint8Array> {
    for (let number = 0; number < this.#count; number++) {
      yield this.#bytes.subarray(this.#starts[number], this.#starts[number + 1]);
    }
  }

  #isAt(number: number, source: Uint8Array, from: number, to: number): boolean {
    const start = this.#starts[number];
    const length = this.#starts[number + 1] - start;
    if (length !== to - from) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[start + i] !== source[from + i]) return false;
    return true;
  }

  #add(source: Uint8Array, from: number, to: number, hash: number, slot: number): number {
    const number = this.#count++;
    const start = this.#starts[number];
    const end = start + to - from;
    if (end > this.#bytes.length) this.#bytes = grown(this.#bytes, end);
    for (let i = from; i < to; i++) this.#bytes[start + i - from] = source[i];
    this.#hashes[number] = hash;
    this.#starts[number + 1] = end;
    this.#slots[slot] = number + 1;
    if (this.#count === this.#hashes.length) this.#grow();
    return number;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#count; number++) {
      let slot = this.#hashes[number] & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
    this.#hashes = resized(this.#hashes, slots.length >> 1);
    this.#starts = resized(this.#starts, (slots.length >> 1) + 1);
  }
}

const SLOTS_MIN = 1 << 6; // a power of two; a batch of fresh orders is small

/** FNV-1a, its high bits brought down, as the slot is the low ones. */
function hashOf(source: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ source[i], 0x01000193);
  return hash ^ (hash >>> 15);
}

function grown(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(bytes.length * 2, size));
  larger.set(bytes);
  return larger;
}

function resized(numbers: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length);
  larger.set(numbers);
  return larger;
}
