import { afterAll, beforeAll, expect, test } from 'bun:test';

import { EXIT_CODES } from '../base/errors.ts';
import { metrics, registry } from '../base/metrics.ts';
import { MetricsBoard, snapshotOf } from './board.ts';
import { processMetrics } from './process-metrics.ts';
import { healthApp, serve, type Check, type HttpServer } from './server.ts';
import { parseExposition } from './testing.ts';
import { zeroMetrics } from './zero.ts';

const THREADS = 15;
const SCRAPES = 1_000;

const board = new MetricsBoard([registry, processMetrics()]);
let live: Check[] = [];
let ready: Check[] = [];
let server: HttpServer;

beforeAll(async () => {
  zeroMetrics();
  const snapshot = await snapshotOf(registry);
  for (let i = 0; i < THREADS; i++) board.update(`thread-${i}`, snapshot);
  const health = {
    live: () => live,
    ready: () => ready,
    metrics: (open: boolean) => board.render(open),
  };
  server = serve(healthApp(health), { host: '127.0.0.1', port: 0 });
});

afterAll(async () => await server.stop());

const get = async (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  await fetch(server.url + path, { headers });

test('live and ready answer 200 or 503, with the reasons', async () => {
  live = [{ name: 'producer', failure: null }];
  ready = [
    { name: 'producer', failure: null },
    { name: 'producer/redis', failure: 'away for 3 s', degrades: true },
  ];
  expect((await get('/livez')).status).toBe(200);
  const degraded = await get('/readyz');
  expect(degraded.status).toBe(200);
  expect(await degraded.json()).toEqual({
    status: 'ok',
    reasons: [],
    degraded: ['producer/redis: away for 3 s'],
  });
  live = [{ name: 'producer', failure: 'no sign of life' }];
  ready = [{ name: 'order-consumer-1/kafka', failure: 'no partitions yet' }];
  for (const path of ['/livez', '/healthz']) expect((await get(path)).status).toBe(503);
  const failing = await get('/readyz');
  expect(failing.status).toBe(503);
  expect(await failing.json()).toMatchObject({
    status: 'failing',
    reasons: ['order-consumer-1/kafka: no partitions yet'],
  });
});

test('verbose lists every check', async () => {
  ready = [{ name: 'producer', failure: null }];
  expect(await (await get('/readyz?verbose')).json()).toMatchObject({
    checks: [{ name: 'producer', ok: true, failure: null, degrades: false }],
  });
});

test('metrics come in the format that is asked for', async () => {
  const plain = await get('/metrics');
  expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(parseExposition(await plain.text(), false).size).toBeGreaterThan(30);
  const open = await get('/metrics', {
    accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5',
  });
  expect(open.headers.get('content-type')).toContain('application/openmetrics-text');
  expect(parseExposition(await open.text(), true).size).toBeGreaterThan(30);
});

test('nothing else is answered', async () => {
  expect((await get('/')).status).toBe(404);
  expect((await fetch(`${server.url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(404);
});

test('a thousand scrapes of fifteen threads, at work meanwhile, stay under 50 ms', async () => {
  const work = setInterval(() => {
    for (let i = 0; i < 5_000; i++) metrics.inserted.inc({ table: 'orders' });
  }, 1);
  const times: number[] = [];
  for (let i = 0; i < SCRAPES; i++) {
    const from = performance.now();
    const answered = await get('/metrics');
    await answered.text();
    times.push(performance.now() - from);
  }
  clearInterval(work);
  times.sort((a, b) => a - b);
  expect(times[Math.floor(SCRAPES * 0.99)]).toBeLessThan(50);
}, 30_000);

test('a port in use is one clear error', () => {
  const app = { fetch: () => new Response('') };
  const again = (): HttpServer => serve(app, { host: '127.0.0.1', port: server.port });
  expect(again).toThrow(`port ${server.port} of 127.0.0.1 is in use; set MILLRACE_HTTP_PORT`);
  try {
    again();
  } catch (cause) {
    expect(cause).toMatchObject({ code: 'PORT_IN_USE', exitCode: EXIT_CODES.PORT_IN_USE });
  }
});

test('a stopped server is gone at once, also for those who are still connected', async () => {
  const app = { fetch: async () => await Bun.sleep(60_000).then(() => new Response('')) };
  const slow = serve(app, { host: '127.0.0.1', port: 0 });
  const asked = fetch(slow.url).then(
    () => 'answered',
    () => 'cut off',
  );
  await Bun.sleep(50);
  const from = performance.now();
  await slow.stop();
  expect(performance.now() - from).toBeLessThan(1_000);
  expect(await asked).toBe('cut off');
});
