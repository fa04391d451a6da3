import { expect, test } from 'bun:test';

import { UnderWay } from './under-way.ts';

const settle = async (): Promise<void> => await Bun.sleep(1);

test('work is taken on without waiting for it, up to so many rows', async () => {
  const underWay = new UnderWay(10);
  const works = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  await underWay.add(4, works[0].promise);
  await underWay.add(5, works[1].promise);
  let taken = false;
  const third = underWay.add(1, works[2].promise).then(() => (taken = true));
  await settle();
  expect(taken).toBe(false);
  works[1].resolve();
  await third;
  let settled = false;
  const all = underWay.settle().then(() => (settled = true));
  works[0].resolve();
  await settle();
  expect(settled).toBe(false);
  works[2].resolve();
  await all;
});

test('more than fits is taken on alone, and waited for', async () => {
  const underWay = new UnderWay(10);
  const work = Promise.withResolvers<void>();
  let taken = false;
  const added = underWay.add(25, work.promise).then(() => (taken = true));
  await settle();
  expect(taken).toBe(false);
  work.resolve();
  await added;
});

test('a failure reaches whoever comes next, and whoever waits for the end', async () => {
  const underWay = new UnderWay(10);
  const work = Promise.withResolvers<void>();
  await underWay.add(1, work.promise);
  work.reject(new Error('refused'));
  await settle();
  expect(underWay.add(1, Promise.resolve())).rejects.toThrow('refused');
  expect(underWay.settle()).rejects.toThrow('refused');
});
