import { expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { PROJECT_ROOT } from '../base/config.ts';
import { chooseParts, neededBy, WORKERS } from './catalogue.ts';

test('the suite has every application part of the shop, nine consumers among them', () => {
  const names = chooseParts([]).map(({ name }) => name);
  expect(names.toSorted()).toEqual([
    'cache-worker',
    'grade-updater',
    'initial-seeder',
    'order-consumer-1',
    'order-consumer-2',
    'order-consumer-3',
    'producer',
    'product-consumer-1',
    'product-consumer-2',
    'product-consumer-3',
    'redis-monitor',
    'user-consumer-1',
    'user-consumer-2',
    'user-consumer-3',
    'user-seeder',
  ]);
});

test('each worker has its file, and each file is a worker', () => {
  const files = readdirSync(join(PROJECT_ROOT, 'workers')).toSorted();
  expect(files).toEqual(WORKERS.map(({ worker }) => `${worker}.ts`).toSorted());
});

test('what is apart runs only when it is named', () => {
  expect(chooseParts([]).map(({ worker }) => worker)).not.toContain('recommender');
  expect(chooseParts(['recommender']).map(({ name }) => name)).toEqual(['recommender']);
  expect([...neededBy(chooseParts(['recommender']))]).toEqual(['postgres']);
});

test('parts are chosen by worker or by instance, whatever the order', () => {
  const names = chooseParts(['cache-worker', 'order-consumer', 'user-consumer-2']).map(
    ({ name }) => name,
  );
  expect(names).toEqual([
    'cache-worker',
    'user-consumer-2',
    'order-consumer-1',
    'order-consumer-2',
    'order-consumer-3',
  ]);
});

test('an unknown worker is refused, and the known ones are named', () => {
  expect(() => chooseParts(['producer', 'order-consumer-4'])).toThrow(
    "there is no worker 'order-consumer-4'; there are initial-seeder, user-seeder",
  );
});

test('only what is needed has to be there', () => {
  expect([...neededBy(chooseParts(['cache-worker']))].toSorted()).toEqual(['postgres', 'redis']);
  expect([...neededBy(chooseParts(['grade-updater']))]).toEqual(['postgres']);
  expect([...neededBy(chooseParts([]))].toSorted()).toEqual(['kafka', 'postgres', 'redis']);
});
