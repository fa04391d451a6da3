import { chunkRange } from './rows.ts';

/**
 * Turns classes into numbers: a class's code is its place among all, sorted by code point. What
 * is missing, or was not there when the encoder was fitted, gets `reserved`, which no class has.
 */
export type Encoder = { readonly classes: readonly string[] };

export const reserved = ({ classes }: Encoder): number => classes.length;

export function fitEncoder(values: Iterable<string | null>): Encoder {
  const classes = new Set<string>();
  for (const value of values) if (value !== null) classes.add(value);
  return { classes: [...classes].toSorted(compareCodePoints) };
}

/** The code of each word of a column's dictionary. */
export function encodeWords(encoder: Encoder, words: readonly string[]): Int32Array {
  const codes = new Map(encoder.classes.map((name, code) => [name, code]));
  return Int32Array.from(words, (word) => codes.get(word) ?? reserved(encoder));
}

export type Integers = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array;

export type EncodeInput = {
  column: Integers; // IN  [count] places in the dictionary, negative where the value is missing
  codes: Int32Array; // IN  [words] by encodeWords
  reserved: number;
  out: Int32Array | Float64Array; // OUT [count x stride]: at + row x stride
  at: number;
  stride: number;
};

/** Rows that got the reserved code, and why. */
export type Strangers = { missing: number; unseen: number };

export function encodeColumn(input: EncodeInput, chunk: number): Strangers {
  const { column, codes, out, stride } = input;
  const [from, to] = chunkRange(column.length, chunk);
  let missing = 0;
  let unseen = 0;
  for (let row = from, at = input.at + from * stride; row < to; row++, at += stride) {
    const word = column[row];
    if (word >= codes.length) throw new RangeError(`row ${row} holds word ${word}`);
    const code = word < 0 ? input.reserved : codes[word];
    if (word < 0) missing++;
    else if (code === input.reserved) unseen++;
    out[at] = code;
  }
  return { missing, unseen };
}

/** JavaScript compares UTF-16 units, which puts U+10000 and above before U+E000. */
export function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
