import type { Fields, Items } from './customers.ts';
import { Dictionary, sortWords, type Coded } from './dictionary.ts';
import { sharedBytes, sharedIntegers } from './rows.ts';

const WORDS_MAX = 1_000_000; // of a text column
const ITEMS_MAX = 65_536; // codes are two bytes
const BYTES_FIRST = 24; // a row, then it grows

/** Texts as they came. */
export class FieldColumn {
  readonly #starts: Uint32Array;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(count: number) {
    this.#starts = new Uint32Array(new SharedArrayBuffer((count + 1) * 4));
    this.#bytes = sharedBytes(count * BYTES_FIRST + 64);
    this.#view = new DataView(this.#bytes.buffer);
  }

  add(row: number, from: Uint8Array, start: number, length: number): void {
    const size = 4 + Math.max(length, 0);
    const at = this.#starts[row];
    if (at + size > this.#bytes.length) this.#grow(at + size);
    this.#view.setInt32(at, length);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) bytes[at + 4 + i] = from[start + i];
    this.#starts[row + 1] = at + size;
  }

  /** Whether the text of a row comes after the one before it; neither is null. */
  ascends(row: number): boolean {
    const bytes = this.#bytes;
    const before = this.#starts[row - 1] + 4;
    const own = this.#starts[row] + 4;
    const shorter = Math.min(own - 4 - before, this.#starts[row + 1] - own);
    for (let i = 0; i < shorter; i++)
      if (bytes[before + i] !== bytes[own + i]) return bytes[before + i] < bytes[own + i];
    return own - 4 - before < this.#starts[row + 1] - own;
  }

  fields(): Fields {
    return { bytes: this.#bytes, starts: this.#starts };
  }

  #grow(size: number): void {
    const larger = sharedBytes(Math.max(this.#bytes.length * 2, size));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Texts of which there are few, numbered as they come. */
export class CodedColumn {
  readonly #codes: Int32Array;
  readonly #words: Dictionary;

  constructor(name: string, count: number) {
    this.#codes = sharedIntegers(count);
    this.#words = new Dictionary(name, WORDS_MAX);
  }

  add(row: number, bytes: Uint8Array, from: number, length: number): void {
    this.#codes[row] = length < 0 ? -1 : this.#words.of(bytes, from, length);
  }

  coded(): Coded {
    return { codes: this.#codes, words: this.#words.words };
  }
}

const ITEMS_FIRST = 4; // a row, then they grow

/** Text arrays in COPY's binary form: dimensions, flags, type, (size, lower bound), items. Null is none. */
export class ItemColumn {
  readonly #starts: Uint32Array;
  readonly #words: Dictionary;
  #codes: Uint16Array;
  #at = 0;

  constructor(name: string, count: number) {
    this.#starts = new Uint32Array(new SharedArrayBuffer((count + 1) * 4));
    this.#words = new Dictionary(name, ITEMS_MAX);
    this.#codes = new Uint16Array(new SharedArrayBuffer((count * ITEMS_FIRST + 64) * 2));
  }

  add(row: number, bytes: Uint8Array, view: DataView, from: number, size: number): void {
    const items = size < 0 || view.getInt32(from) === 0 ? 0 : view.getInt32(from + 12);
    if (this.#at + items > this.#codes.length) this.#grow(items);
    let at = from + 20;
    for (let item = 0; item < items; item++) {
      const length = view.getInt32(at);
      this.#codes[this.#at++] = this.#words.of(bytes, at + 4, length);
      at += 4 + length;
    }
    this.#starts[row + 1] = this.#at;
  }

  /** Codes become places by code point. */
  items(): Items {
    const { words, places } = sortWords(this.#words.words);
    const codes = this.#codes.subarray(0, this.#at);
    for (let i = 0; i < codes.length; i++) codes[i] = places[codes[i]];
    return { starts: this.#starts, codes, words };
  }

  #grow(items: number): void {
    const size = Math.max(this.#codes.length * 2, this.#at + items);
    const larger = new Uint16Array(new SharedArrayBuffer(size * 2));
    larger.set(this.#codes);
    this.#codes = larger;
  }
}
