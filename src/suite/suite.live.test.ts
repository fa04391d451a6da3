import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PROJECT_ROOT } from '../base/config.ts';
import { logger } from '../base/log.ts';
import { until } from '../base/testing.ts';
import { configFromEnvironment } from './config.ts';
import { Suite } from './suite.ts';
import type { PartSpec } from './supervisor.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-workers-'));
const at = (file: string): string => JSON.stringify(join(PROJECT_ROOT, 'src', file));

/** Workers for tests: what they do, and nothing that needs a service. */
const PARTS = {
  // Counts until it is told to stop, and takes a while to go.
  steady: `let turns = 0;
    while (!context.signal.aborted) {
      metrics.jobRows.inc({ job: 'steady' });
      context.heartbeat();
      context.progress();
      if (++turns === 2) context.check('ground', null);
      await Bun.sleep(10);
    }
    await Bun.sleep(50);
    metrics.jobRows.inc({ job: 'goodbye' });`,
  throws: `metrics.jobRows.inc({ job: 'throws' });
    await Bun.sleep(20);
    throw new PipelineError('DATABASE_LOST', 'gone');`,
  // Nobody catches this one; the part itself only sees the signal.
  uncaught: `setTimeout(() => { throw new TypeError('nobody catches me'); }, 20);
    while (!context.signal.aborted) await Bun.sleep(5);
    metrics.jobRows.inc({ job: 'drained' });`,
  rejects: `setTimeout(() => void Promise.reject(new Error('nobody awaits me')), 20);
    while (!context.signal.aborted) await Bun.sleep(5);
    metrics.jobRows.inc({ job: 'drained' });`,
  vanishes: `await Bun.sleep(20); process.exit(7);`,
  stuck: `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);`,
  hangs: `context.heartbeat(100); await new Promise(() => setInterval(() => {}, 1_000));`,
  once: `metrics.jobRows.inc({ job: 'once' });`,
};

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  for (const [name, body] of Object.entries(PARTS)) {
    const source = `import { PipelineError } from ${at('base/errors.ts')};
      import { metrics } from ${at('base/metrics.ts')};
      import { host } from ${at('suite/host.ts')};
      void PipelineError;
      void metrics;
      await host({ name: '${name}', async run(context) { ${body} } });`;
    await Bun.write(join(folder, `${name}.ts`), source);
  }
  await Bun.write(join(folder, 'broken.ts'), 'import "./nowhere.ts";');
});

afterAll(() => rmSync(folder, { recursive: true }));

function suite(...workers: string[]) {
  const specs: PartSpec[] = workers.map((worker) => ({ name: worker, worker, stopStage: 0 }));
  const address = { host: '127.0.0.1', port: 0 };
  const made = new Suite({ specs, address, folder, log: logger('test', { level: 'off' }) });
  const controller = new AbortController();
  const over = made.run(configFromEnvironment(), controller.signal);
  const rows = async (job: string): Promise<number> =>
    await made.board.total('millrace_job_rows_total', { job });
  const restarts = async (worker: string): Promise<number> =>
    await made.board.total('millrace_worker_restarts_total', { worker });
  const reasons = async (path: string): Promise<{ status: number; reasons: string[] }> => {
    const answered = await fetch(made.server.url + path);
    const { reasons: found }: { reasons: string[] } = JSON.parse(await answered.text());
    return { status: answered.status, reasons: found };
  };
  const stop = async (): Promise<void> => {
    controller.abort();
    await over;
    await made.close();
  };
  return { made, over, rows, restarts, reasons, stop, controller };
}

test('threads tell what they count, are asked to stop, and finish what they do', async () => {
  const { made, rows, reasons, stop } = suite('steady');
  await until(async () => (await rows('steady')) > 20);
  expect(await reasons('/readyz')).toEqual({ status: 200, reasons: [] });
  expect(await reasons('/livez')).toEqual({ status: 200, reasons: [] });
  const text = await (await fetch(`${made.server.url}/metrics`)).text();
  expect(text).toMatch(/^millrace_job_rows_total\{job="steady"\} \d+$/m);
  expect(text).toMatch(/^millrace_worker_up\{worker="steady"\} 1$/m);
  expect(text).toMatch(
    /^millrace_worker_last_progress_timestamp_seconds\{worker="steady"\} 1\d{9}/m,
  );
  expect(await rows('goodbye')).toBe(0);
  await stop();
  expect(await rows('goodbye')).toBe(1);
}, 20_000);

test('while it drains, a suite is alive and not ready', async () => {
  const { reasons, controller, over, made, rows } = suite('steady');
  await until(async () => (await rows('steady')) > 0);
  controller.abort();
  expect(await reasons('/readyz')).toEqual({ status: 503, reasons: ['process: draining'] });
  expect((await reasons('/livez')).status).toBe(200);
  await over;
  await made.close();
}, 20_000);

for (const [worker, why] of [
  ['throws', 'DATABASE_LOST'],
  ['vanishes', 'EXITED'],
  ['broken', 'EXITED'],
]) {
  test(`a part that ${worker} starts again, and its neighbour goes on as if nothing was`, async () => {
    const { made, rows, restarts, reasons, stop } = suite('steady', worker);
    await until(async () => (await restarts(worker)) >= 1);
    const labels = { worker, reason: why };
    expect(await made.board.total('millrace_worker_restarts_total', labels)).toBeGreaterThan(0);
    expect(await restarts('steady')).toBe(0);
    expect((await reasons('/readyz')).reasons).not.toContain('steady: restarting');
    const before = await rows('steady');
    await until(async () => (await rows('steady')) > before);
    if (worker === 'throws') {
      await until(async () => (await rows('throws')) === 2); // both lives count
      await until(async () => (await restarts('throws')) >= 2);
    }
    await stop();
  }, 20_000);
}

// In a process of its own: `bun test` ends a thread at its first uncaught error, handled or not.
test.each(['uncaught', 'rejects'])(
  '%s: it finishes what is in hand before it starts again',
  async (worker) => {
    const source = `import { Suite } from ${at('suite/suite.ts')};
    import { configFromEnvironment } from ${at('suite/config.ts')};
    const specs = ['steady', '${worker}'].map((name) => ({ name, worker: name, stopStage: 0 }));
    const suite = new Suite({ specs, address: { host: '127.0.0.1', port: 0 }, folder: ${JSON.stringify(folder)} });
    const stop = new AbortController();
    const over = suite.run(configFromEnvironment(), stop.signal);
    const restarts = (labels) => suite.board.total('millrace_worker_restarts_total', labels);
    while ((await restarts({ worker: '${worker}' })) < 1) await Bun.sleep(10);
    stop.abort();
    await over;
    console.log(JSON.stringify({
      defects: await restarts({ worker: '${worker}', reason: 'DEFECT' }),
      others: await restarts({ worker: 'steady' }),
      drained: await suite.board.total('millrace_job_rows_total', { job: 'drained' }),
    }));
    process.exit();`;
    const file = join(folder, `run-${worker}.ts`);
    await Bun.write(file, source);
    const child = Bun.spawn([process.execPath, file], { stdout: 'pipe', stderr: 'pipe' });
    const [said, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(complaints).toContain(worker === 'uncaught' ? 'nobody catches me' : 'nobody awaits me');
    expect(JSON.parse(said)).toEqual({ defects: 1, others: 0, drained: 1 });
    expect(await child.exited).toBe(0);
  },
  20_000,
);

test('a thread that is stuck does not hold up the others, and ends when it can', async () => {
  const { made, rows, over } = suite('stuck', 'once');
  await until(async () => (await rows('once')) === 1);
  expect(made.roster.state('stuck')).toBe('running');
  await over; // both are over by themselves
  expect(made.roster.state('once')).toBe('ended');
  await made.close();
}, 20_000);

test('a part that hangs for good ends the process, which says so, for others to start it again', async () => {
  const source = `import { Suite } from ${at('suite/suite.ts')};
    import { configFromEnvironment } from ${at('suite/config.ts')};
    const specs = [{ name: 'hangs', worker: 'hangs', stopStage: 0 }];
    const suite = new Suite({ specs, address: { host: '127.0.0.1', port: 0 }, stuckMsMax: 500, folder: ${JSON.stringify(folder)} });
    await suite.run(configFromEnvironment(), new AbortController().signal);`;
  const file = join(folder, 'run-hangs.ts');
  await Bun.write(file, source);
  const child = Bun.spawn([process.execPath, file], { stdout: 'ignore', stderr: 'pipe' });
  expect(await child.stderr.text()).toMatch(/stuck, so this process ends: hangs: no sign of life/);
  expect(await child.exited).toBe(1);
}, 60_000);
