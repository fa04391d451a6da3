import { afterAll, expect, test } from 'bun:test';
import { join } from 'node:path';

import { withRedis } from '../cache/client.ts';
import { SCENARIO_KEY } from '../cache/scenario.ts';
import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { EXIT_CODES } from '../base/errors.ts';
import { testRedis } from '../stack/testing-redis.ts';

const redis = await testRedis();

afterAll(() => redis.stop());

async function scenario(url: string, ...words: string[]) {
  const child = Bun.spawn(
    [process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), 'scenario', ...words],
    { env: childEnvironment({ REDIS_URL: url }), stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
  );
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, code: await child.exited };
}

test('a scenario is chosen for some minutes, and shown', async () => {
  const started = Date.now();
  const chosen = await scenario(redis.url, '3', '--minutes', '30', '--json');
  expect(chosen).toMatchObject({ code: 0, stderr: '' });
  const { until, chosenAt, ...rest } = JSON.parse(chosen.stdout);
  expect(rest).toEqual({ scenario: 3, name: '블랙프라이데이 대규모 세일' });
  expect(Date.parse(until) - Date.parse(chosenAt)).toBe(30 * 60_000);
  expect(Date.parse(chosenAt)).toBeGreaterThanOrEqual(started);
  const left = await withRedis(redis.url, (client) => client.pttl(SCENARIO_KEY));
  expect(left).toBeGreaterThan(29 * 60_000);
  const shown = JSON.parse((await scenario(redis.url, '--json')).stdout);
  expect(shown).toMatchObject({ scenario: 3, chosenAt });
  expect((await scenario(redis.url)).stdout).toMatch(
    /^Scenario 3, 블랙프라이데이 대규모 세일, until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+09:00\.\n$/,
  );
  await withRedis(redis.url, (client) => client.del(SCENARIO_KEY));
  expect((await scenario(redis.url)).stdout).toContain('No scenario is chosen');
}, 30_000);

test('what cannot be done is one line and a code', async () => {
  const outside = await scenario(redis.url, '21');
  expect(outside.code).toBe(EXIT_CODES.USAGE);
  expect(outside.stderr).toContain('from 0 to 20');
  const alone = await scenario(redis.url, '--minutes', '5');
  expect(alone.code).toBe(EXIT_CODES.USAGE);
  const away = await scenario('redis://:letmein@127.0.0.1:1', '3');
  expect(away.code).toBe(EXIT_CODES.REDIS_UNREACHABLE);
  expect(away.stderr.trim().split('\n')).toHaveLength(1);
  expect(away.stderr).not.toContain('letmein');
  const wrong = new URL(redis.url);
  wrong.password = 'letmein';
  const denied = await scenario(wrong.href, '3');
  expect(denied.code).toBe(EXIT_CODES.REDIS_FAILED);
  expect(denied.stderr).not.toContain('letmein');
}, 30_000);
