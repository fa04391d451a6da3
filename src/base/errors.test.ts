import { expect, test } from 'bun:test';
import { join } from 'node:path';

import { PROJECT_ROOT } from './config.ts';
import { EXIT_CODES } from './errors.ts';

test('the README lists every exit code, and none that there is not', async () => {
  const readme = await Bun.file(join(PROJECT_ROOT, 'README.md')).text();
  const [, list = ''] = /^Exit codes: ([^]*?)\n\n/m.exec(readme) ?? [];
  const listed = new Set<number>();
  // `2 usage`, `16 and 17 of Redis`, `13 to 15 the same`; in brackets stands what a code is for too.
  for (const entry of list.replaceAll(/\([^)]*\)/g, '').split(/,\s+/)) {
    const [, first, last = first] = /^(\d+)(?: (?:to|and) (\d+))?\s/.exec(entry) ?? [];
    expect(entry).toBe(first === undefined ? 'a code and its meaning' : entry);
    for (let code = Number(first); code <= Number(last); code++) listed.add(code);
  }
  const codes = new Set<number>(Object.values(EXIT_CODES));
  expect([...listed].toSorted((a, b) => a - b)).toEqual([...codes].toSorted((a, b) => a - b));
});
