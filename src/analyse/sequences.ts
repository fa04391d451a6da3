import type { Topic, Trace } from '../model/event.ts';

/** Which numbers of each maker's events came. Makers count from 0 without a hole. */
export class SequenceBook {
  readonly #seen = new Map<string, Bits>();

  add(topic: Topic, { run, sequence }: Trace): void {
    const name = `${topic} of run ${run}`;
    let bits = this.#seen.get(name);
    if (bits === undefined) this.#seen.set(name, (bits = new Bits()));
    bits.add(sequence);
  }

  /** Numbers below a maker's highest that never came. */
  holes(): number {
    let holes = 0;
    for (const bits of this.#seen.values()) holes += bits.highest + 1 - bits.count;
    return holes;
  }

  firstHole(): string | null {
    for (const [name, bits] of this.#seen) {
      if (bits.highest + 1 === bits.count) continue;
      return `${name}: its number ${bits.firstMissing()} is not in Kafka, and ${bits.highest} is`;
    }
    return null;
  }
}

/** A set of whole numbers in pages of bits: an eighth of a byte a number where they are dense. */
class Bits {
  highest = -1;
  count = 0;
  readonly #pages = new Map<number, Uint32Array>();

  add(value: number): void {
    const page = Math.floor(value / PAGE_BITS);
    let bits = this.#pages.get(page);
    if (bits === undefined) this.#pages.set(page, (bits = new Uint32Array(PAGE_BITS / 32)));
    const at = value % PAGE_BITS;
    const mask = 1 << (at & 31);
    if ((bits[at >>> 5] & mask) !== 0) return;
    bits[at >>> 5] |= mask;
    this.count++;
    this.highest = Math.max(this.highest, value);
  }

  firstMissing(): number {
    for (let value = 0; ; value++) {
      const bits = this.#pages.get(Math.floor(value / PAGE_BITS));
      const at = value % PAGE_BITS;
      if (bits === undefined || (bits[at >>> 5] & (1 << (at & 31))) === 0) return value;
    }
  }
}

const PAGE_BITS = 1 << 16;
