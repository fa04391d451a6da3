import type { Topic, Trace } from '../model/event.ts';
import type { AckedRange } from './ledger.ts';

/** What the numbers of all makers come to. */
export type Counted = {
  missing: number; // never came, and it is known that they were sent
  inDoubt: number; // never came; their maker may have been killed before they were sent
  firstHole: string | null; // of those missing
};

/** Events that a maker may have on their way at a time, in any order: its last ones may be holes. */
export const IN_FLIGHT_MAX = 22_000;

/** Which numbers of each maker's events came. Makers count from 0 without a hole. */
export class SequenceBook {
  readonly #lastRun: number;
  readonly #seen = new Map<string, { topic: Topic; run: number; bits: Bits }>();

  /** Makers have numbers up to `lastRun`; others are strangers, and what they count is their affair. */
  constructor(lastRun: number) {
    this.#lastRun = lastRun;
  }

  /** True if that maker's number came before. */
  add(topic: Topic, { run, sequence }: Trace): boolean {
    if (run > this.#lastRun) return false;
    return !this.#bits(topic, run).add(sequence);
  }

  /** Holes in these topics. With a ledger only what it has as acknowledged can be missing. */
  count(topics: readonly Topic[], ledger: readonly AckedRange[] | null): Counted {
    const counted: Counted = { missing: 0, inDoubt: 0, firstHole: null };
    const miss = (name: string, value: number): void => {
      counted.missing++;
      counted.firstHole ??= `${name}: its number ${value} is not in Kafka`;
    };
    for (const { topic, run, from, to } of ledger ?? []) {
      if (!topics.includes(topic)) continue;
      const bits = this.#bits(topic, run);
      for (let value = from; value < to; value++) {
        if (!bits.has(value)) miss(`${topic} of run ${run}, acknowledged`, value);
      }
    }
    for (const { topic, run, bits } of this.#seen.values()) {
      if (!topics.includes(topic)) continue;
      for (const value of bits.missing()) {
        if (ledger !== null || value > bits.highest - IN_FLIGHT_MAX) counted.inDoubt++;
        else miss(`${topic} of run ${run}`, value);
      }
    }
    return counted;
  }

  #bits(topic: Topic, run: number): Bits {
    const name = `${topic} ${run}`;
    let maker = this.#seen.get(name);
    if (maker === undefined) this.#seen.set(name, (maker = { topic, run, bits: new Bits() }));
    return maker.bits;
  }
}

/** A set of whole numbers in pages of bits: an eighth of a byte a number where they are dense. */
class Bits {
  highest = -1;
  #count = 0;
  readonly #pages = new Map<number, Uint32Array>();

  /** False if it was there. */
  add(value: number): boolean {
    const page = Math.floor(value / PAGE_BITS);
    let bits = this.#pages.get(page);
    if (bits === undefined) this.#pages.set(page, (bits = new Uint32Array(PAGE_BITS / 32)));
    const at = value % PAGE_BITS;
    const mask = 1 << (at & 31);
    if ((bits[at >>> 5] & mask) !== 0) return false;
    bits[at >>> 5] |= mask;
    this.#count++;
    this.highest = Math.max(this.highest, value);
    return true;
  }

  has(value: number): boolean {
    const bits = this.#pages.get(Math.floor(value / PAGE_BITS));
    const at = value % PAGE_BITS;
    return bits !== undefined && (bits[at >>> 5] & (1 << (at & 31))) !== 0;
  }

  /** What is not there below the highest, in order. */
  *missing(): Generator<number> {
    let left = this.highest + 1 - this.#count;
    for (let value = 0; left > 0; value++) {
      if (this.has(value)) continue;
      left--;
      yield value;
    }
  }
}

const PAGE_BITS = 1 << 16;
