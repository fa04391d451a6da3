import { join } from 'node:path';
import { expect, test } from 'bun:test';

import { PROJECT_ROOT } from '../base/config.ts';
import { Roster } from './roster.ts';
import { Watchdog } from './watchdog.ts';

/** A part that gives no sign of life, seconds that pass, and how the process ended. */
function world() {
  const clock = { ms: 0 };
  const roster = new Roster(['order-consumer-1', 'producer'], {
    monotonic: () => clock.ms,
    wall: () => clock.ms,
  });
  const codes: number[] = [];
  const watchdog = new Watchdog(roster, {
    clock: () => clock.ms,
    exit: (code) => codes.push(code),
  });
  watchdog.stop(); // its timer: here it looks when it is told to
  const pass = (seconds: number, beating = ['producer']): void => {
    for (let second = 0; second < seconds; second++) {
      clock.ms += 1_000;
      for (const name of beating) roster.vitals.beat(roster.slot(name));
      watchdog.look();
    }
  };
  for (const name of roster.names) roster.enter(name, 'running');
  return { clock, roster, watchdog, codes, pass };
}

test('a part that is silent a minute longer than it may be ends the process', () => {
  const { roster, codes, pass } = world();
  pass(90);
  expect(codes).toEqual([]);
  expect(roster.stuck(60_000)).toEqual([]);
  pass(1);
  expect(codes).toEqual([1]);
  expect(roster.stuck(60_000)).toEqual([
    'order-consumer-1: no sign of life for 91 s, 30 s are allowed',
  ]);
});

test('who asked for more time, waits to start again or is over is not stuck', () => {
  const { roster, codes, pass } = world();
  roster.vitals.beat(roster.slot('order-consumer-1'), 600_000);
  pass(650);
  roster.enter('order-consumer-1', 'restarting');
  pass(600);
  roster.enter('order-consumer-1', 'ended');
  pass(600);
  expect(codes).toEqual([]);
});

test('a process that stood still as a whole gives its parts their time again', () => {
  const { clock, codes, pass } = world();
  pass(20);
  clock.ms += 3_600_000; // stopped, or the machine slept
  pass(40);
  expect(codes).toEqual([]);
  pass(40, ['producer', 'order-consumer-1']);
  expect(codes).toEqual([]);
  pass(91);
  expect(codes).toEqual([1]);
});

test('a process whose only thread is blocked is killed from beside it, and one that beats is not', async () => {
  const at = (file: string): string => JSON.stringify(join(PROJECT_ROOT, 'src', 'suite', file));
  const source = `import { Roster } from ${at('roster.ts')};
    import { watchFromThread } from ${at('watchdog.ts')};
    const roster = new Roster(['blocks']);
    watchFromThread(roster, 'blocks', 1_500);
    for (let turn = 0; turn < 50; turn++) {
      roster.vitals.beat(0, 100);
      await Bun.sleep(100);
    }
    console.log('beaten');
    for (;;);`;
  const child = Bun.spawn([process.execPath, '-e', source], { stdout: 'pipe', stderr: 'pipe' });
  expect(await child.stdout.text()).toBe('beaten\n');
  expect(await child.stderr.text()).toMatch(
    /this process is killed: blocks: no sign of life for \d/,
  );
  await child.exited;
  expect(child.signalCode).toBe('SIGKILL');
}, 60_000);
