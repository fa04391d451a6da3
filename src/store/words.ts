/** A text that comes again and again: decoded once, and kept as COPY's binary form has it. */
export type Word = { id: number; text: string; field: Uint8Array };

const WORDS_MAX = 100_000; // then the table starts over; ids never repeat
const decoder = new TextDecoder();

/** Finds the word of a run of bytes without decoding it again. */
export class Words {
  readonly #table = new Map<number, Word[]>(); // by hash
  #count = 0;
  #ids = 0;

  of(bytes: Uint8Array, from: number, length: number): Word {
    let hash = 0x811c9dc5; // FNV-1a (Fowler, Noll and Vo), 32 bits
    for (let at = from, end = from + length; at < end; at++)
      hash = Math.imul(hash ^ bytes[at], 0x01000193);
    const same = this.#table.get(hash);
    if (same) for (const word of same) if (equal(word.field, bytes, from, length)) return word;
    return this.#learn(hash, bytes.slice(from, from + length));
  }

  #learn(hash: number, bytes: Uint8Array): Word {
    if (this.#count >= WORDS_MAX) {
      this.#table.clear();
      this.#count = 0;
    }
    const field = new Uint8Array(4 + bytes.length);
    new DataView(field.buffer).setInt32(0, bytes.length);
    field.set(bytes, 4);
    const word = { id: this.#ids++, text: decoder.decode(bytes), field };
    const same = this.#table.get(hash);
    if (same) same.push(word);
    else this.#table.set(hash, [word]);
    this.#count++;
    return word;
  }
}

/** By code point, which the order of UTF-8's bytes is. */
export function compareWords(a: Word, b: Word): number {
  return Buffer.compare(a.field.subarray(4), b.field.subarray(4));
}

function equal(field: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (field.length !== length + 4) return false;
  for (let i = 0; i < length; i++) if (field[i + 4] !== bytes[from + i]) return false;
  return true;
}
