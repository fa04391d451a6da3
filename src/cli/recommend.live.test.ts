import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT } from '../base/config.ts';
import { EXIT_CODES } from '../base/errors.ts';
import { testDatabase } from '../stack/testing.ts';
import { withClient } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';

setDefaultTimeout(60_000);

const { url, drop } = await testDatabase('recommend cli');
await withClient(url, migrate);
const models = mkdtempSync(join(tmpdir(), 'millrace-cli-models-'));
const MONTH = ['--month', '2025-12'];
const MODELS = ['--models', models];

afterAll(async () => {
  await drop();
  rmSync(models, { recursive: true });
});

async function millrace(...words: string[]) {
  const child = Bun.spawn([process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words], {
    env: childEnvironment({ DATABASE_URL: url }),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { stdout, stderr, code: await child.exited };
}

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr, code } = await millrace(...words, '--json');
  expect({ code, failed: code === 0 ? '' : stderr }).toEqual({ code: 0, failed: '' });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/** What went wrong, as one line, and nothing else on either stream. */
async function refusal(...words: string[]): Promise<{ line: string; code: number }> {
  const { stdout, stderr, code } = await millrace(...words);
  expect(stdout).toBe('');
  const [line, ...more] = stderr.trim().split('\n');
  expect(more.filter((other) => other !== '(add --help for the options)')).toEqual([]);
  return { line, code };
}

test('help says what there is, with examples', async () => {
  const help = await millrace('recommend', '--help');
  expect(help).toMatchObject({ code: 0, stderr: '' });
  for (const name of ['ingest', 'train', 'run', 'profile', 'all', 'rollback', 'explain'])
    expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  expect(help.stdout).toContain('Examples:');
  expect((await millrace('recommend', 'run', '--help')).stdout).toContain('--include-owned');
  expect((await millrace('customers', '--help')).stdout).toContain('--replace');
});

test('a month from the sources to one customer, step by step, each as one object', async () => {
  const filled = await json('customers', '--count', '2_000');
  expect(filled).toMatchObject({ customers: 2_000, firstCode: 'CUS00000001' });
  const ingested = await json('recommend', 'ingest', ...MONTH);
  expect(ingested).toMatchObject({ customers: 2_000, month: '2025-12-01', resumedChunks: 0 });
  const trained = await json('recommend', 'train', ...MONTH, ...MODELS);
  expect(trained).toMatchObject({
    customers: ingested['active'],
    path: join(models, '2025-12.json'),
  });
  const run = await json('recommend', 'run', ...MONTH, ...MODELS, '--threads', '1');
  expect(run).toMatchObject({ customers: ingested['active'], model: trained['model'] });
  expect(run['checksum']).toMatch(/^[0-9a-f]{16}$/);
  expect(Object.keys(run['secondsByPhase'] ?? {})).toEqual(
    expect.arrayContaining(['read', 'neighbours', 'store', 'profile', 'publish']),
  );
  const again = await millrace('recommend', 'run', ...MONTH, ...MODELS, '--threads', '2');
  expect(again.stdout).toContain(`checksum ${String(run['checksum'])}`);
  expect(await json('recommend', 'profile', ...MONTH)).toMatchObject({ clusters: 10 });
  const back = await json('recommend', 'rollback', ...MONTH);
  expect(JSON.parse(String(back['note']))).toMatchObject({ run: run['run'] });
  const explained = await millrace('recommend', 'explain', 'CUS00000002', ...MONTH, ...MODELS);
  expect(explained.stdout).toMatch(/^CUS00000002 .*, 2025-12, model /);
  await withClient(url, (client) =>
    client.query(`insert into bidb.purchases (customer_code, order_code, order_sequence)
      values ('NOBODY', '1', 1), ('NOBODY', '1', 2)`),
  );
  const odd = await millrace('recommend', 'ingest', ...MONTH);
  expect(odd.stdout).toContain('; passed over 2 rows of nobody; ');
  const whole = await json('recommend', 'all', ...MONTH, ...MODELS);
  expect(whole).toMatchObject({ run: { checksum: run['checksum'] } });
});

test('what cannot be done is one line and a code', async () => {
  for (const month of ['2025-13', 'december', '2025-12-01']) {
    const wrong = await refusal('recommend', 'run', '--month', month);
    expect(wrong.code).toBe(EXIT_CODES.USAGE);
    expect(wrong.line).toContain(`${month} is not a month`);
  }
  expect((await refusal('recommend', 'run')).code).toBe(EXIT_CODES.USAGE);
  const empty = await refusal('recommend', 'train', '--month', '2024-01', ...MODELS);
  expect(empty.code).toBe(EXIT_CODES.BASE_TOO_SMALL);
  expect(empty.line).toContain('millrace recommend ingest');
  const early = await refusal('recommend', 'profile', '--month', '2024-01');
  expect(early.code).toBe(EXIT_CODES.RUN_CONFLICT);
  expect(early.line).toContain('millrace recommend run');
  const nobody = await refusal('recommend', 'explain', 'NOBODY', ...MONTH, ...MODELS);
  expect(nobody.line).toContain('NOBODY');
  const both = await refusal('customers', '--append', '--replace');
  expect(both.code).toBe(EXIT_CODES.USAGE);
  const full = await refusal('customers', '--count', '10');
  expect(full.code).not.toBe(0);
  expect(full.line).toContain('--append');
});

test('never two at once: the second says so and ends', async () => {
  await withClient(url, async (holder) => {
    await holder.query('select pg_advisory_lock(4711011)'); // as one at work does
    // All three wait for the same lock, for a moment each.
    const seconds = await Promise.all([
      refusal('recommend', 'ingest', ...MONTH),
      refusal('recommend', 'run', ...MONTH, ...MODELS),
      refusal('recommend', 'rollback', ...MONTH),
    ]);
    for (const second of seconds) {
      expect(second.code).toBe(EXIT_CODES.RUN_CONFLICT);
      expect(second.line).toContain('a recommender is at work in this database');
    }
  });
});
