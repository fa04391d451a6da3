import { join } from 'node:path';
import { expect, test } from 'bun:test';

import { PROJECT_ROOT } from '../base/config.ts';
import { keptVerdicts } from './keep.ts';
import { renderTable } from './table.ts';

test('the table in the repository is that of the verdicts beside it', async () => {
  const bench = join(PROJECT_ROOT, 'bench');
  const text = await Bun.file(join(bench, 'RELIABILITY.md')).text();
  expect(renderTable(keptVerdicts(join(bench, 'drills')))).toBe(text);
});
