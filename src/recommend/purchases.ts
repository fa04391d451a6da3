import type { Items } from './customers.ts';
import { dayOf } from './day.ts';
import { compareCodePoints } from './encoder.ts';

/** A line of a purchase log. */
export type LogLine = { date: string | null; item: string | null };

/** What each customer bought before a day, and from it on; the two share their words. */
export type History = {
  before: Items;
  during: Items;
  undated: number; // lines left out, since their date is none
};

/** Cuts the logs of customers at a day (20251201). Lines without an item are left out. */
export function splitPurchases(logs: readonly (readonly LogLine[])[], day: number): History {
  const words = [...new Set(logs.flatMap((lines) => lines.flatMap(({ item }) => item || [])))];
  words.sort(compareCodePoints);
  const codes = new Map(words.map((word, code) => [word, code]));
  const before = new ItemList(logs.length);
  const during = new ItemList(logs.length);
  let undated = 0;
  for (const [row, lines] of logs.entries()) {
    const own = lines.flatMap(({ date, item }) => {
      const code = codes.get(item ?? '');
      return code === undefined ? [] : [{ code, bought: dayOf(date) }];
    });
    undated += own.filter(({ bought }) => bought === null).length;
    before.add(
      row,
      own.filter(({ bought }) => bought !== null && bought < day),
    );
    during.add(
      row,
      own.filter(({ bought }) => bought !== null && bought >= day),
    );
  }
  return { before: before.items(words), during: during.items(words), undated };
}

/** Items of rows as they come, each row's distinct and ascending. */
class ItemList {
  readonly #starts: Uint32Array;
  readonly #codes: number[] = [];

  constructor(rows: number) {
    this.#starts = new Uint32Array(rows + 1);
  }

  add(row: number, lines: readonly { code: number }[]): void {
    const distinct = [...new Set(lines.map(({ code }) => code))];
    this.#codes.push(...distinct.toSorted((a, b) => a - b));
    this.#starts[row + 1] = this.#codes.length;
  }

  items(words: readonly string[]): Items {
    return { starts: this.#starts, codes: Uint16Array.from(this.#codes), words };
  }
}
