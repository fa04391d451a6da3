import { expect, test } from 'bun:test';

import { logger } from '../base/log.ts';
import { metrics } from '../base/metrics.ts';
import type { PartFailure } from './part.ts';
import { Roster } from './roster.ts';
import { Supervisor, type PartSpec } from './supervisor.ts';

const FAILED: PartFailure = { code: 'DATABASE_LOST', message: 'gone' };

type Life = { name: string; stopped: boolean; end: (failure: PartFailure | null) => void };

/** A suite of parts that do nothing until the test ends them. */
function suite(specs: (Partial<PartSpec> & { name: string })[], options = { obeys: true }) {
  const roster = new Roster(specs.map(({ name }) => name));
  const lives: Life[] = [];
  const waits: number[] = [];
  const stops: string[] = [];
  const clock = { ms: 0, patience: false };
  const supervisor = new Supervisor({
    specs: specs.map((spec) => ({ worker: spec.name, stopStage: 0, ...spec })),
    roster,
    log: logger('test', { level: 'off' }),
    time: {
      now: () => clock.ms,
      monotonicMs: () => clock.ms,
      chance: () => 0,
      sleep: async (ms) => {
        if (clock.patience) return await Bun.sleep(20);
        waits.push(ms);
      },
    },
    spawn: ({ name }) => {
      const { promise, resolve } = Promise.withResolvers<PartFailure | null>();
      const life: Life = { name, stopped: false, end: resolve };
      lives.push(life);
      const stop = (): void => {
        life.stopped = true;
        stops.push(name);
        if (options.obeys) setTimeout(() => resolve(null), 2);
      };
      return { stop, ended: promise };
    },
  });
  const controller = new AbortController();
  const over = supervisor.run(controller.signal);
  const of = (name: string): Life[] => lives.filter((life) => life.name === name);
  return { roster, lives, of, waits, stops, clock, controller, over };
}

const settle = async (): Promise<void> => await Bun.sleep(1);

async function restarts(worker: string, reason: string): Promise<number> {
  const { values } = await metrics.workerRestarts.get();
  return (
    values.find((v) => v.labels['worker'] === worker && v.labels['reason'] === reason)?.value ?? 0
  );
}

test('a part that fails starts again, and the others never notice', async () => {
  const { of, waits, roster, controller, over } = suite([{ name: 'a1' }, { name: 'b1' }]);
  await settle();
  of('a1')[0].end(FAILED);
  await settle();
  expect(of('a1')).toHaveLength(2);
  expect(of('b1')).toHaveLength(1);
  expect(of('b1')[0].stopped).toBe(false);
  expect(waits).toEqual([1_000]);
  expect(roster.state('a1')).toBe('running');
  expect(await restarts('a1', 'DATABASE_LOST')).toBe(1);
  expect(await restarts('b1', 'DATABASE_LOST')).toBe(0);
  controller.abort();
  await over;
});

test('the wait doubles from a second to thirty, and is short again after a steady minute', async () => {
  const { of, waits, clock, controller, over } = suite([{ name: 'a2' }]);
  for (let life = 0; life < 8; life++) {
    await settle();
    if (life === 7) clock.ms += 60_000;
    of('a2')[life].end(FAILED);
  }
  await settle();
  expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 1].map((seconds) => seconds * 1_000));
  controller.abort();
  await over;
});

test('an unknown code is counted as a defect, so that the label stays a closed list', async () => {
  const { of, controller, over } = suite([{ name: 'a3' }]);
  await settle();
  of('a3')[0].end({ code: 'something new', message: '' });
  await settle();
  expect(await restarts('a3', 'DEFECT')).toBe(1);
  controller.abort();
  await over;
});

test('a part whose work is over is not started again, and those after it start then', async () => {
  const { of, roster, controller, over } = suite([
    { name: 'first' },
    { name: 'second', after: 'first' },
  ]);
  await settle();
  expect(of('second')).toEqual([]);
  expect(roster.state('second')).toBe('waiting');
  of('first')[0].end(FAILED); // a failure is not the end of its work
  await settle();
  expect(of('second')).toEqual([]);
  of('first')[1].end(null);
  await settle();
  expect(of('second')).toHaveLength(1);
  expect(roster.state('first')).toBe('ended');
  controller.abort();
  await over;
  expect(of('first')).toHaveLength(2);
});

test('a part waits for nobody who is not among those that run', async () => {
  const { of, controller, over } = suite([{ name: 'second', after: 'first' }]);
  await settle();
  expect(of('second')).toHaveLength(1);
  controller.abort();
  await over;
});

test('makers stop first, and the others once those have ended', async () => {
  const { of, stops, controller, over, clock } = suite([
    { name: 'consumer', stopStage: 1 },
    { name: 'producer', stopStage: 0 },
    { name: 'seeder', stopStage: 0 },
  ]);
  await settle();
  clock.patience = true;
  controller.abort();
  await settle();
  expect(of('consumer')[0].stopped).toBe(false);
  await over;
  expect(stops).toEqual(['producer', 'seeder', 'consumer']);
});

test('a maker that does not end holds the others up for a while only', async () => {
  const { of, controller, over, clock } = suite(
    [
      { name: 'consumer', stopStage: 1 },
      { name: 'producer', stopStage: 0 },
    ],
    { obeys: false },
  );
  await settle();
  clock.patience = true;
  controller.abort();
  await Bun.sleep(40);
  expect(of('consumer')[0].stopped).toBe(true);
  for (const name of ['consumer', 'producer']) of(name)[0].end(null);
  await over;
});

test('what waits to start again, or for its turn, does not start once all is to stop', async () => {
  const { of, controller, over, roster } = suite([{ name: 'a4' }, { name: 'late', after: 'a4' }]);
  await settle();
  controller.abort();
  of('a4')[0].end(FAILED);
  await over;
  expect(of('a4')).toHaveLength(1);
  expect(of('late')).toEqual([]);
  expect(roster.state('late')).toBe('ended');
});
