import { expect, test } from 'bun:test';

import { Room } from './room.ts';

test('callers come in their order, no more than fit, and one that is too large alone', async () => {
  const room = new Room(10);
  const inside: string[] = [];
  const enter = (name: string, records: number): Promise<unknown> =>
    room.enter(records, async () => inside.push(name));
  const all = [enter('a', 6), enter('b', 6), enter('c', 1), enter('d', 30)];
  await Bun.sleep(1);
  expect(inside).toEqual(['a']); // c would fit, and waits behind b
  room.leave(6);
  await Promise.all(all.slice(0, 3));
  expect(inside).toEqual(['a', 'b', 'c']);
  room.leave(6);
  await Bun.sleep(1);
  expect(inside).toHaveLength(3);
  room.leave(1);
  await room.settled();
  expect(inside).toEqual(['a', 'b', 'c', 'd']);
});

test('a caller that fails inside lets the next one in', async () => {
  const room = new Room(10);
  const failed = room.enter(1, () => Promise.reject(new Error('no')));
  const next = room.enter(1, async () => 'in');
  expect(await failed.catch(String)).toBe('Error: no');
  expect(await next).toBe('in');
});
