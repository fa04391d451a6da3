import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';

import { childEnvironment, PROJECT_ROOT } from './base/config.ts';
import { EXIT_CODES } from './base/errors.ts';
import { testDatabase, type TestDatabase } from './stack/testing.ts';
import { withClient } from './store/client.ts';

type Ended = { code: number; stdout: string; stderr: string };

/** Runs a command as its user would, without a terminal. */
async function millrace(url: string | null, ...words: string[]): Promise<Ended> {
  const env: Record<string, string> = childEnvironment({ DATABASE_URL: url ?? '' });
  const child = Bun.spawn([process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words], {
    env,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr };
}

function lastJson({ stdout }: Ended): unknown {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

let database: TestDatabase;
let empty: TestDatabase;

beforeAll(async () => {
  database = await testDatabase('cli');
  empty = await testDatabase('cli_empty');
});

afterAll(async () => {
  await database.drop();
  await empty.drop();
});

test('the way of a newcomer: migrate, seed, backfill, grades, report', async () => {
  expect(lastJson(await millrace(database.url, 'migrate', '--json'))).toMatchObject({
    applied: expect.arrayContaining(['0001_shop.sql']),
  });
  const seeded = await millrace(
    database.url,
    'seed',
    '--users',
    '1500',
    '--products',
    '1500',
    '--json',
  );
  expect(lastJson(seeded)).toMatchObject({ users: 1_500, products: 1_500 });
  const made = await millrace(
    database.url,
    'backfill',
    '--yes',
    '--from',
    '2025-01',
    '--to',
    '2025-02',
    '--json',
  );
  expect(made.code).toBe(0);
  expect(made.stderr).toContain('Users:    1,500');
  expect(made.stderr).toContain('This makes 6,200 rows for 2025-01 to 2025-02');
  expect(lastJson(made)).toMatchObject({
    run: 1,
    orders: 6_200,
    ordersPerSecond: expect.any(Number),
    checksum: expect.stringMatching(/^[0-9a-f]{16}$/),
    months: [
      { month: '2025-01', planned: 3_000, actual: 3_000 },
      { month: '2025-02', planned: 3_200, actual: 3_200 },
    ],
  });
  const graded = await millrace(
    database.url,
    'grades',
    '--once',
    '--preset',
    'guide',
    '--as-of',
    '2025-03-01',
  );
  expect(graded.stderr).toBe('');
  expect(graded.stdout).toMatch(
    /#1 done as of 2025-03-01 00:00:00 - 1,500 users \| promoted [\d,]+ \| demoted [\d,]+ \| kept [\d,]+\n {2}grades: VIP \d+ \| GOLD/,
  );
  const reported = await millrace(database.url, 'report', 'history', '--json');
  expect(lastJson(reported)).toMatchObject({ run: 1, orders: 6_200 });
});

test('a pass that finds no order says when there were some', async () => {
  const late = await millrace(database.url, 'grades', '--once', '--as-of', '2026-01-01', '--json');
  expect(late.stderr.trim()).toBe(
    'hint: no order lies in the 6 months before 2026-01-01; the newest is of 2025-02-28: try --as-of 2025-03-01',
  );
  expect(late.stdout).toMatch(/"seconds":\d+(\.\d{1,3})?\}/); // to the millisecond
});

test('a resumed run says which options it does not heed', async () => {
  const rules = ['--from', '2025-03', '--to', '2025-04', '--threads', '0'];
  await withClient(database.url, async (client) => {
    const { rows } = await client.query<{ options: object; base: string }>(
      'select options, base_checksum as base from backfill_runs where run = 1',
    );
    await client.query(
      `insert into backfill_runs (run, options, base_checksum) values (nextval('run_numbers'), $1, $2)`,
      [{ ...rows[0].options, from: '2025-03', to: '2025-03' }, rows[0].base],
    );
  });
  const resumed = await millrace(database.url, 'backfill', '--resume', '--yes', '--json', ...rules);
  expect(resumed.stderr).toContain('[WARNING] --from, --to not used');
  expect(resumed.stderr).toContain('counting earlier orders');
  expect(lastJson(resumed)).toMatchObject({ run: 2, months: [{ month: '2025-03' }] });
  const plain = await millrace(database.url, 'backfill', '--yes', '--json', ...rules);
  expect(plain.stderr).not.toContain('not used');
});

const REFUSED: [string, string[], RegExp, number][] = [
  ['months reversed', ['--from', '2025-06', '--to', '2025-02'], /2025-06 is after 2025-02/, 2],
  ['a year outside', ['--from', '2024-01'], /calendar has 2025-01 to 2025-12/, 2],
  ['a month that is none', ['--from', '2025-13'], /write it as YYYY-MM/, 2],
  ['an unknown scenario', ['--scenario', '21'], /from 0 to 20/, 2],
  ['no orders', ['--orders', '0'], /from 1 to 100,000,000/, 2],
  ['minus orders', ['--orders', '-5'], /from 1 to 100,000,000/, 2],
  ['too many orders', ['--orders', '1e12'], /from 1 to 100,000,000/, 2],
  ['an unknown unit', ['--unit', 'boxes'], /Allowed choices are rows, carts/, 2],
  ['an unknown option', ['--nope'], /unknown option '--nope'/, 2],
  ['resume and discard', ['--resume', '--discard'], /not both/, 2],
  ['settings that are not there', ['--settings', '/nowhere.json'], /cannot be read as JSON/, 2],
  ['nothing to resume', ['--resume', '--yes'], /no unfinished run/, 5],
];

test.each(REFUSED)('backfill refuses %s', async (_, words, message, code) => {
  const ended = await millrace(database.url, 'backfill', ...words);
  expect(ended.stderr).toMatch(message);
  expect(ended.code).toBe(code);
  expect(ended.stdout).toBe('');
});

test('a refusal is an object too where --json asks for one', async () => {
  const ended = await millrace(database.url, 'backfill', '--orders', '0', '--json');
  expect(ended.code).toBe(2);
  expect(lastJson(ended)).toMatchObject({
    error: { code: 'USAGE', message: expect.stringMatching(/from 1 to 100,000,000/) },
  });
});

test.each([
  ['postgres://u:p#x@127.0.0.1:5432/shop', 2, /DATABASE_URL is no URL/],
  ['postgres://u:p@127.0.0.1:99999/shop', 2, /DATABASE_URL is no URL/],
  ['postgres://u:secret@127.0.0.1:9/shop', 8, /is it up/],
])('the address %s is refused in one line that keeps the password', async (url, code, message) => {
  const ended = await millrace(url, 'grades', '--once');
  expect(ended.stderr).toMatch(message);
  expect(ended.stderr.trim()).not.toContain('\n');
  expect(ended.stderr).not.toContain('secret');
  expect(ended.code).toBe(code);
});

test('what answers but is no PostgreSQL is unreachable, not lost', async () => {
  const other = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data: (socket) => void socket.end() },
  });
  const ended = await millrace(`postgres://u:p@127.0.0.1:${other.port}/shop`, 'grades', '--once');
  other.stop(true);
  expect(ended.stderr).toContain('is it PostgreSQL?');
  expect(ended.code).toBe(8);
});

test('a day that no calendar has is refused', async () => {
  const ended = await millrace(database.url, 'grades', '--once', '--as-of', '2026-02-31');
  expect(ended.stderr).toContain('YYYY-MM-DD');
  expect(ended.code).toBe(2);
});

test('without a terminal and --yes, backfill says so instead of waiting', async () => {
  const ended = await millrace(database.url, 'backfill');
  expect(ended.code).toBe(EXIT_CODES.NOT_CONFIRMED);
  expect(ended.stderr).toContain('add --yes');
});

test('seed refuses a shop that has rows, and an unknown preset is named', async () => {
  const seeded = await millrace(database.url, 'seed');
  expect(seeded.code).toBe(EXIT_CODES.RUN_CONFLICT);
  expect(seeded.stderr).toContain('--append');
  const nothing = await millrace(database.url, 'seed', '--users', '0', '--products', '0');
  expect(nothing.code).toBe(EXIT_CODES.USAGE);
  expect(nothing.stderr).toContain('nothing to seed');
  const graded = await millrace(database.url, 'grades', '--once', '--preset', 'harsh');
  expect(graded.code).toBe(EXIT_CODES.USAGE);
  expect(graded.stderr).toContain('live, history, guide');
});

test('an empty database and a small shop say what to run', async () => {
  const bare = await millrace(empty.url, 'backfill', '--yes');
  expect(bare.stderr).toContain('millrace migrate');
  expect(bare.code).toBe(EXIT_CODES.DATABASE_FAILED);
  await millrace(empty.url, 'migrate');
  await millrace(empty.url, 'seed', '--users', '999', '--products', '999');
  const small = await millrace(empty.url, 'backfill', '--yes', '--json');
  expect(small.code).toBe(EXIT_CODES.BASE_TOO_SMALL);
  expect(small.stderr).toContain('999 users and 999 products');
  expect(small.stderr).toContain('millrace seed --append --users 1 --products 1`');
  expect(lastJson(small)).toMatchObject({ error: { code: 'BASE_TOO_SMALL' } });
});

test('a wrong password, a missing database and a closed port are one line each', async () => {
  const secret = new URL(database.url);
  secret.password = 'letmein';
  const denied = await millrace(secret.href, 'seed');
  expect(denied.code).toBe(EXIT_CODES.DATABASE_DENIED);
  expect(denied.stderr).not.toContain('letmein');
  const missing = new URL(database.url);
  missing.pathname = '/nowhere';
  expect((await millrace(missing.href, 'seed')).code).toBe(EXIT_CODES.DATABASE_DENIED);
  const closed = new URL(database.url);
  closed.port = '1';
  const away = await millrace(closed.href, 'seed');
  expect(away.code).toBe(EXIT_CODES.DATABASE_UNREACHABLE);
  for (const ended of [denied, away]) expect(ended.stderr.trim().split('\n')).toHaveLength(1);
});

test('every command explains itself', async () => {
  const help = await millrace(null, '--help');
  expect(help.code).toBe(0);
  const commands = [...help.stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
  expect(commands).toContain('backfill');
  for (const name of commands.filter((command) => command !== 'help')) {
    const ended = await millrace(null, name ?? '', '--help');
    expect(ended.stdout).toContain(`Usage: millrace ${name}`);
    expect(ended.code).toBe(0);
  }
});

test('settings prints what it takes, and refuses what it does not know', async () => {
  const printed = await millrace(null, 'settings', '--json');
  const file = join(PROJECT_ROOT, '.millrace', `settings-test-${process.pid}.json`);
  await Bun.write(file, printed.stdout);
  const again = await millrace(null, 'settings', '--json', '--settings', file);
  expect(lastJson(again)).toEqual(lastJson(printed));
  await Bun.write(file, '{"pools": {"user": {}}}');
  const refused = await millrace(null, 'settings', '--settings', file);
  expect(refused.stderr).toContain('pools.user');
  expect(refused.code).toBe(EXIT_CODES.USAGE);
  await Bun.file(file).delete();
});
