import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { IdTable } from './id-table.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function number(table: IdTable, id: string): number {
  const bytes = encoder.encode(`<${id}>`);
  return table.numberOf(bytes, 1, bytes.length - 1);
}

test('numbers are those of a Map that counts', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 4, unit: 'grapheme' })), (ids) => {
      const table = new IdTable();
      const known = new Map<string, number>();
      for (const id of ids) {
        if (!known.has(id)) known.set(id, known.size);
        expect(number(table, id)).toBe(known.get(id)!);
      }
      expect(table.size).toBe(known.size);
      expect(Array.from(table.ids(), (bytes) => decoder.decode(bytes))).toEqual([...known.keys()]);
    }),
  );
});

test('it grows, and forgets nobody', () => {
  const table = new IdTable();
  const ids = Array.from({ length: 50_000 }, (_, index) => `U_${index}_${'가'.repeat(index % 9)}`);
  for (const pass of [1, 2]) {
    for (const [index, id] of ids.entries())
      expect([pass, number(table, id)]).toEqual([pass, index]);
  }
  expect(Array.from(table.ids(), (bytes) => decoder.decode(bytes))).toEqual(ids);
});
