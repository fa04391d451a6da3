import { expect, test } from 'bun:test';

import { benchMaths } from './recommend-maths.ts';

test('the bench of the maths runs at a small size, without Python', async () => {
  const lines = await benchMaths({ rows: 2_000, kinds: ['clustered', 'even'], python: false });
  expect(lines).toHaveLength(10);
  for (const { ours } of lines) expect(ours).toMatch(/\d/);
}, 30_000);
