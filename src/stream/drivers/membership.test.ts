import { expect, test } from 'bun:test';

import { dealRanges } from './membership.ts';

const member = (id: string, topics = ['t'], order = id) => ({ memberId: id, order, topics });

const held = (members: Parameters<typeof dealRanges>[0], counts: [string, number][]) =>
  Object.fromEntries(
    dealRanges(members, new Map(counts)).map(({ memberId, parts }) => [
      memberId,
      parts.map(({ topic, partitions }) => `${topic} ${partitions.join(' ')}`).join(', '),
    ]),
  );

// By the definition in Kafka's RangeAssignor.
test('partitions go to members in order, the first ones getting one more', () => {
  expect(held([member('b'), member('a')], [['t', 3]])).toEqual({ a: 't 0 1', b: 't 2' });
  expect(held([member('a')], [['t', 3]])).toEqual({ a: 't 0 1 2' });
  const four = ['d', 'c', 'b', 'a'].map((id) => member(id));
  expect(held(four, [['t', 3]])).toEqual({ a: 't 0', b: 't 1', c: 't 2', d: '' });
});

test('a member gets only what it asks for, and a static one is placed by its instance', () => {
  const members = [member('a', ['t']), member('b', ['t', 'u'], '0')];
  const counts: [string, number][] = [
    ['t', 2],
    ['u', 1],
  ];
  expect(held(members, counts)).toEqual({ a: 't 1', b: 't 0, u 0' });
});
