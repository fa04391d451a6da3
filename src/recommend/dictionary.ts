import { PipelineError } from '../base/errors.ts';
import { compareCodePoints } from './encoder.ts';
import { sharedIntegers } from './rows.ts';

/** A text column: places in a list of words, -1 where it is null. */
export type Coded = { codes: Int32Array; words: readonly string[] };

const SLOTS_FIRST = 1 << 10;
const decoder = new TextDecoder();

/** Numbers the words of a column as they come, and decodes each only once. */
export class Dictionary {
  readonly words: string[] = [];
  readonly #name: string;
  readonly #max: number;
  readonly #bytes: Uint8Array[] = [];
  readonly #hashes: number[] = [];
  #slots = new Int32Array(SLOTS_FIRST).fill(-1); // a power of two, at least half of it free

  constructor(name: string, max: number) {
    this.#name = name;
    this.#max = max;
  }

  of(bytes: Uint8Array, from: number, length: number): number {
    const hash = hashOf(bytes, from, length);
    const slots = this.#slots;
    let slot = spread(hash) & (slots.length - 1);
    for (; slots[slot] >= 0; slot = (slot + 1) & (slots.length - 1)) {
      const word = slots[slot];
      if (this.#hashes[word] === hash && equal(this.#bytes[word], bytes, from, length)) return word;
    }
    return this.#learn(hash, slot, bytes.slice(from, from + length));
  }

  #learn(hash: number, slot: number, bytes: Uint8Array): number {
    const word = this.words.length;
    if (word >= this.#max) {
      throw new PipelineError(
        'CHECK_FAILED',
        `${this.#name} has more than ${this.#max} different values; is it the right column?`,
      );
    }
    this.words.push(decoder.decode(bytes));
    this.#bytes.push(bytes);
    this.#hashes.push(hash);
    this.#slots[slot] = word;
    if (this.words.length * 2 > this.#slots.length) this.#widen();
    return word;
  }

  #widen(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (const [word, hash] of this.#hashes.entries()) {
      let slot = spread(hash) & (slots.length - 1);
      while (slots[slot] >= 0) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = word;
    }
    this.#slots = slots;
  }
}

/** The words by code point, and where each of the old places went; shared. */
export function sortWords(words: readonly string[]): { words: string[]; places: Int32Array } {
  const order = [...words.keys()].toSorted((a, b) => compareCodePoints(words[a], words[b]));
  const places = sharedIntegers(words.length);
  for (const [place, word] of order.entries()) places[word] = place;
  return { words: order.map((word) => words[word]), places };
}

/** As FNV-1a (Fowler, Noll and Vo), but four bytes at a time. */
function hashOf(bytes: Uint8Array, from: number, length: number): number {
  let hash = 0x811c9dc5;
  let at = from;
  for (const end = from + length - 3; at < end; at += 4) {
    const four = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    hash = Math.imul(hash ^ four, 0x01000193);
    hash ^= hash >>> 15; // or the upper bytes would never reach the lower bits
  }
  for (const end = from + length; at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  return hash;
}

const spread = (hash: number): number => hash ^ (hash >>> 15);

function equal(word: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (word.length !== length) return false;
  for (let i = 0; i < length; i++) if (word[i] !== bytes[from + i]) return false;
  return true;
}
