import { expect, test } from 'bun:test';

import { metrics } from '../base/metrics.ts';
import { Roster } from './roster.ts';

function roster(names = ['order-consumer-1', 'producer']) {
  const now = { monotonic: 1_000_000, wall: Date.UTC(2026, 10, 21) };
  const made = new Roster(names, { monotonic: () => now.monotonic, wall: () => now.wall });
  const failing = (checks: { name: string; failure: string | null }[]): string[] =>
    checks
      .filter(({ failure }) => failure !== null)
      .map(({ name, failure }) => `${name}: ${failure}`);
  return { made, now, live: () => failing(made.live()), ready: () => failing(made.ready()) };
}

test('a process is alive before its parts start, and not ready', () => {
  const { live, ready } = roster();
  expect(live()).toEqual([]);
  expect(ready()).toEqual(['order-consumer-1: waiting', 'producer: waiting']);
});

test('a part that gives no sign of life for 30 s is not alive', () => {
  const { made, now, live } = roster();
  made.enter('producer', 'running');
  made.vitals.beat(made.slot('producer'));
  made.sample();
  now.monotonic += 30_000;
  expect(live()).toEqual([]);
  now.monotonic += 1_000;
  expect(live()).toEqual(['producer: no sign of life for 31 s, 30 s are allowed']);
  made.vitals.beat(made.slot('producer'));
  expect(live()).toEqual([]);
});

test('a part that never gives a sign is noticed as well', () => {
  const { made, now, live } = roster();
  made.enter('producer', 'running');
  now.monotonic += 31_000;
  expect(live()).toHaveLength(1);
});

test('a part may ask for more time, for one piece of work', () => {
  const { made, now, live } = roster();
  made.enter('producer', 'running');
  made.vitals.beat(made.slot('producer'), 600_000);
  made.sample();
  now.monotonic += 599_000;
  expect(live()).toEqual([]);
  made.vitals.beat(made.slot('producer'));
  made.sample();
  now.monotonic += 31_000;
  expect(live()).toHaveLength(1);
});

test('who waits to start again is not dead, only not ready', () => {
  const { made, now, live, ready } = roster(['producer']);
  made.enter('producer', 'running');
  made.enter('producer', 'restarting');
  now.monotonic += 60_000;
  expect(live()).toEqual([]);
  expect(ready()).toEqual(['producer: restarting']);
});

test('readiness gives the reasons of each part, forgotten when it starts again', () => {
  const { made, ready } = roster(['order-consumer-1']);
  made.enter('order-consumer-1', 'running');
  expect(ready()).toEqual(['order-consumer-1: starting']);
  made.vitals.beat(0);
  made.note('order-consumer-1', { name: 'kafka', failure: 'no partitions yet' });
  made.note('order-consumer-1', { name: 'postgres', failure: null });
  expect(ready()).toEqual(['order-consumer-1/kafka: no partitions yet']);
  made.note('order-consumer-1', { name: 'kafka', failure: null });
  expect(ready()).toEqual([]);
  made.note('order-consumer-1', { name: 'postgres', failure: 'away' });
  made.enter('order-consumer-1', 'running');
  made.vitals.beat(0);
  expect(ready()).toEqual([]);
});

test('a part whose work is over is ready; a process that drains is not', () => {
  const { made, ready } = roster(['initial-seeder']);
  made.enter('initial-seeder', 'ended');
  expect(ready()).toEqual([]);
  made.drain();
  expect(ready()).toEqual(['process: draining']);
});

test('the last progress of a part is exported as the moment it was seen', async () => {
  const { made, now } = roster(['cache-worker']);
  const exported = async (): Promise<number | undefined> =>
    (await metrics.workerProgress.get()).values.find(
      ({ labels }) => labels['worker'] === 'cache-worker',
    )?.value;
  made.sample();
  expect(await exported()).toBeUndefined();
  made.vitals.progress(made.slot('cache-worker'));
  made.sample();
  const at = now.wall / 1_000;
  expect(await exported()).toBe(at);
  now.wall += 5_000;
  made.sample(); // beating, but getting nothing done: that is what a silent stall looks like
  expect(await exported()).toBe(at);
});

test('a part is starting until a check of its own is as it should be', () => {
  const { made } = roster();
  const name = 'order-consumer-1';
  expect(made.starting(name)).toBe(false); // it waits
  made.enter(name, 'running');
  expect(made.starting(name)).toBe(true); // no sign of life
  made.vitals.beat(made.slot(name));
  expect(made.starting(name)).toBe(false); // it has no checks
  made.note(name, { name: 'kafka', failure: 'connecting' });
  expect(made.starting(name)).toBe(true);
  made.note(name, { name: 'kafka', failure: null });
  made.note(name, { name: 'kafka', failure: 'away' });
  expect(made.starting(name)).toBe(false); // it has served, and is at work
});
