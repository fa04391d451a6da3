import { expect, test } from 'bun:test';

import { difference } from './job-databases.ts';

test('a lost row and a doubled one do not make up for each other', () => {
  expect(difference(['a', 'b', 'c'], ['a', 'c', 'c'])).toEqual({ lost: 1, duplicated: 1 });
  expect(difference(['a', 'a', 'b'], ['b', 'a', 'x', 'y'])).toEqual({ lost: 1, duplicated: 2 });
  expect(difference(['a', 'b', 'a'], ['a', 'a', 'b'])).toEqual({ lost: 0, duplicated: 0 });
});
