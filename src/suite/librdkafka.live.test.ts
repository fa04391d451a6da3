import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { temporaryKafka, type TemporaryKafka } from '../stack/temporary-kafka.ts';
import { testDatabase, type TestDatabase } from '../stack/testing.ts';

let database: TestDatabase;
let kafka: TemporaryKafka;

beforeAll(async () => {
  [database, kafka] = await Promise.all([testDatabase('native'), temporaryKafka({ brokers: 1 })]);
}, 60_000);

afterAll(async () => {
  await kafka.stop();
  await database.drop();
});

test('librdkafka complains on stderr, and stdout has nothing but answers', async () => {
  const words = ['workers', 'user-consumer', '--json', '--seconds', '600'];
  const child = Bun.spawn([process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words], {
    env: childEnvironment({
      DATABASE_URL: database.url,
      KAFKA_BROKERS: kafka.kafkaBrokers,
      KAFKA_DRIVER: 'librdkafka',
      MILLRACE_HTTP_PORT: '0',
      MILLRACE_LOG: 'off',
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = child.stdout.text();
  let complaints = '';
  let killed: Promise<void> | undefined;
  let stopping = false;
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    complaints += chunk;
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(complaints)?.[0];
    if (url !== undefined) killed ??= killOnceReady(url);
    if (stopping || !/librdkafka: .*refused/.test(complaints)) continue;
    stopping = true;
    child.kill('SIGTERM');
  }
  await killed;
  expect(await child.exited).toBe(0);
  expect(complaints).toMatch(/librdkafka: .*refused/);
  const lines = (await said).trim().split('\n');
  for (const line of lines) expect(line).toMatch(/^\{"(status|seconds)":/);
}, 90_000);

async function killOnceReady(url: string): Promise<void> {
  while ((await fetch(`${url}/readyz`)).status !== 200) await Bun.sleep(100);
  await kafka.brokers[0].kill();
}
