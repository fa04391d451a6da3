import { afterAll, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { packagedBinaries, publicFolder } from './binaries.ts';
import { tryLock } from './lock.ts';
import { down, embeddedUp, status } from './postgres.ts';
import { processesIn, serves } from './postmaster.ts';
import { waitUntil } from './processes.ts';
import { NOBODY } from './server-user.ts';
import { queryOnce } from './server.ts';
import { temporary } from './temporary.ts';
import { failure, firstLine, spawnScript } from './testing-child.ts';

const TEST_MS_MAX = 20_000;
const isRoot = process.getuid?.() === 0;
const onLinux = process.platform === 'linux';
const root = mkdtempSync(join(tmpdir(), 'millrace-test-'));
const stateDir = join(root, 'state');
const dirs: string[] = [];
let publicBefore: string[] | null = null; // what was in the public folder before it was used here

afterAll(async () => {
  for (const dir of dirs) await down(dir); // which makes the public folder again
  if (publicBefore) removeOwn(publicFolder(), publicBefore);
  const left = dirs.flatMap((dir) => processesIn(join(dir, 'data')));
  rmSync(root, { recursive: true, force: true });
  expect(left).toEqual([]);
});

/** Removes what was not there before, and the folder too if nothing was. */
function removeOwn(folder: string, before: readonly string[]): void {
  for (const name of readdirSync(folder).filter((entry) => !before.includes(entry))) {
    rmSync(join(folder, name), { recursive: true });
  }
  if (before.length === 0) rmSync(folder, { recursive: true });
}

/** A new state folder, whose server is stopped at the end. */
function newDir(name: string): string {
  const dir = join(root, name);
  dirs.push(dir);
  return dir;
}

async function read(url: string, statement: string): Promise<unknown> {
  const [row] = await queryOnce(url, statement);
  return Object.values(row ?? {})[0];
}

/** Runs a script in another Bun, with what these tests start at hand. */
const spawnBun = (script: string, environment: Record<string, string> = {}) =>
  spawnScript(
    { 'postgres.ts': ['embeddedUp', 'up'], 'temporary.ts': ['temporary'], 'lock.ts': ['tryLock'] },
    script,
    environment,
    'inherit',
  );

describe('the server of a state folder', () => {
  test(
    'starts, is found again, stops, and comes back with its data on the same port',
    async () => {
      const dir = newDir('basic');
      expect(await status(dir)).toMatchObject({ running: false });
      expect(await down(dir)).toEqual({ wasRunning: false });
      const first = await embeddedUp({ dir });
      expect(first).toMatchObject({ how: 'embedded', startedHere: true });
      expect(await embeddedUp({ dir })).toEqual({ ...first, startedHere: false });
      const found = await status(dir);
      expect(found).toMatchObject({ running: true, accepting: true });
      expect(found.databaseUrl).toBe(first.databaseUrl);
      expect(found.version).toMatch(/^18\./);
      expect(await read(first.databaseUrl, 'show timezone')).toBe('Asia/Seoul');
      expect(await read(first.databaseUrl, 'show wal_level')).toBe('minimal');
      expect(await read(first.databaseUrl, 'show fsync')).toBe('on');
      expect(await read(first.databaseUrl, 'show shared_preload_libraries')).toBe(
        'pg_stat_statements',
      );
      expect(statSync(join(dir, 'password')).mode & 0o777).toBe(0o600);
      expect(readdirSync(dir).filter((name) => name.includes('.new'))).toEqual([]);
      await queryOnce(first.databaseUrl, 'create table kept as select 7 as value');
      expect(await down(dir)).toEqual({ wasRunning: true });
      expect(processesIn(found.data)).toEqual([]);
      expect(await embeddedUp({ dir })).toEqual(first);
      expect(await read(first.databaseUrl, 'select value from kept')).toBe(7);
    },
    TEST_MS_MAX,
  );

  test('says which folder is in the way where one holds no PostgreSQL data', async () => {
    const dir = newDir('moved');
    const { data } = await status(dir);
    mkdirSync(join(data, 'base'), { recursive: true });
    const refused = await embeddedUp({ dir, user: 'namespace' }).catch((cause: unknown) => cause);
    expect(refused).toMatchObject({ code: 'STACK_FAILED' });
    expect(String(refused)).toContain(data);
    expect(String(refused)).toContain('remove');
    expect(readdirSync(dir).filter((name) => name.includes('.new'))).toEqual([]);
  });

  test(
    'is not the server of the folder that a state folder was copied from',
    async () => {
      const original = newDir('basic');
      await embeddedUp({ dir: original });
      const copy = newDir('copy');
      mkdirSync(copy);
      for (const name of ['server.json', 'password']) {
        cpSync(join(original, name), join(copy, name));
      }
      expect(await status(copy)).toMatchObject({ running: false });
      expect(await down(copy)).toEqual({ wasRunning: false });
      expect(await status(original)).toMatchObject({ running: true });
    },
    TEST_MS_MAX,
  );

  test(
    'refuses a wrong password',
    async () => {
      const { databaseUrl } = await embeddedUp({ dir: newDir('basic') });
      const wrong = new URL(databaseUrl);
      wrong.password = 'wrong';
      expect(await failure(read(wrong.href, 'select 1'))).toContain(
        'password authentication failed',
      );
    },
    TEST_MS_MAX,
  );

  test(
    'is one when two processes start it at once, and outlives both in a session of its own',
    async () => {
      const dir = newDir('twice');
      const script = `console.log(JSON.stringify(await embeddedUp({ dir: '${dir}' })))`;
      const starters = [spawnBun(script), spawnBun(script)];
      const lines = await Promise.all(starters.map((starter) => starter.stdout.text()));
      expect(await Promise.all(starters.map((starter) => starter.exited))).toEqual([0, 0]);
      const answers = lines.map((line) => JSON.parse(line));
      expect(answers[0].databaseUrl).toBe(answers[1].databaseUrl);
      expect(answers.filter((answer) => answer.startedHere)).toHaveLength(1);
      const { pid, accepting } = await status(dir);
      expect(accepting).toBe(true);
      const session = Bun.spawnSync(['ps', '-o', 'sess=', '-p', String(pid)]).stdout.toString();
      if (onLinux) expect(Number(session)).toBe(pid ?? 0);
    },
    TEST_MS_MAX,
  );

  test(
    'starts after it was killed, with what was committed',
    async () => {
      const dir = newDir('killed');
      const { databaseUrl } = await embeddedUp({ dir });
      await queryOnce(databaseUrl, 'create table kept as select 7 as value');
      const { pid = 0 } = await status(dir);
      process.kill(pid, 'SIGKILL');
      const again = await embeddedUp({ dir });
      expect(again).toEqual({ databaseUrl, how: 'embedded', startedHere: true });
      expect(await read(databaseUrl, 'select value from kept')).toBe(7);
    },
    TEST_MS_MAX,
  );

  test(
    "starts beside another process that got the old server's pid, and leaves it alone",
    async () => {
      const dir = newDir('recycled');
      await embeddedUp({ dir });
      const { pid = 0, data } = await status(dir);
      const pidFile = join(data, 'postmaster.pid');
      const lines = readFileSync(pidFile, 'utf8').split('\n');
      process.kill(pid, 'SIGKILL');
      await waitUntil(
        () => processesIn(data).length === 0,
        5_000,
        () => 'children are left',
      );
      const stranger = Bun.spawn(['sleep', '60']);
      try {
        writeFileSync(pidFile, [String(stranger.pid), ...lines.slice(1)].join('\n'));
        expect(await status(dir)).toMatchObject({ running: false });
        expect(await down(dir)).toEqual({ wasRunning: false });
        expect((await embeddedUp({ dir })).startedHere).toBe(true);
        expect(stranger.exitCode).toBeNull();
      } finally {
        stranger.kill();
      }
    },
    TEST_MS_MAX,
  );

  test(
    'starts although an earlier start was killed half-way through making the data',
    async () => {
      const dir = newDir('half');
      mkdirSync(dir);
      const halves = (): string[] => readdirSync(dir).filter((name) => name.includes('.new-'));
      const child = spawnBun(`await embeddedUp({ dir: '${dir}' })`);
      await waitUntil(
        () => halves().length > 1,
        10_000,
        () => 'initdb has not begun',
      );
      child.kill('SIGKILL');
      await child.exited;
      expect(halves()).not.toEqual([]);
      expect(existsSync(join(dir, 'data'))).toBe(false);
      expect((await embeddedUp({ dir })).startedHere).toBe(true);
      expect(halves()).toEqual([]);
    },
    TEST_MS_MAX,
  );

  test(
    'takes another port when its own is in use by somebody else',
    async () => {
      const dir = newDir('port');
      const first = new URL((await embeddedUp({ dir })).databaseUrl);
      await down(dir);
      const port = Number(first.port);
      const other = Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } });
      try {
        const second = new URL((await embeddedUp({ dir })).databaseUrl);
        expect(second.port).not.toBe(first.port);
        expect(await read(second.href, 'select 1')).toBe(1);
      } finally {
        other.stop(true);
      }
    },
    TEST_MS_MAX,
  );

  test(
    'says what PostgreSQL said when it does not start',
    async () => {
      const dir = newDir('broken');
      await embeddedUp({ dir });
      await down(dir);
      writeFileSync(join(dir, 'data', 'postgresql.auto.conf'), "work_mem = 'plenty'\n");
      expect(await failure(embeddedUp({ dir }))).toContain(
        'invalid value for parameter "work_mem"',
      );
    },
    TEST_MS_MAX,
  );

  test(
    'works below a folder that only its owner may enter',
    async () => {
      const closed = join(root, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      chmodSync(closed, 0o700);
      const { databaseUrl } = await embeddedUp({ dir: newDir('closed/inner') });
      expect(await read(databaseUrl, 'select 1')).toBe(1);
    },
    TEST_MS_MAX,
  );

  test.skipIf(!isRoot || !onLinux)(
    'runs as nobody, from a copy, where root has no namespaces',
    async () => {
      const dir = newDir('closed/nobody');
      publicBefore = readdirSync(publicFolder());
      const { databaseUrl } = await embeddedUp({ dir, user: 'nobody' });
      const { pid = 0, data } = await status(dir);
      expect(statSync(`/proc/${pid}`).uid).toBe(NOBODY);
      expect(statSync(data)).toMatchObject({ uid: NOBODY });
      expect(statSync(data).mode & 0o777).toBe(0o700);
      expect(await read(databaseUrl, 'select 1')).toBe(1);
      const server = await temporary({ stateDir, user: 'nobody' });
      expect(statSync(`/proc/${server.pid}`).uid).toBe(NOBODY);
      await server.kill();
      await server.restart();
      await server.stop();
      expect(existsSync(dirname(server.data))).toBe(false);
      expect(await down(dir)).toEqual({ wasRunning: true });
      expect((await embeddedUp({ dir, user: 'nobody' })).databaseUrl).toBe(databaseUrl);
      expect(await down(dir)).toEqual({ wasRunning: true });
    },
    TEST_MS_MAX,
  );
});

describe('a temporary server', () => {
  test(
    'survives a crash with its data and address, and leaves nothing once stopped',
    async () => {
      const parent = join(root, 'elsewhere');
      mkdirSync(parent);
      const server = await temporary({ stateDir, parent, settings: { work_mem: '5MB' } });
      const { databaseUrl, pid, data } = server;
      expect(data).toStartWith(parent);
      expect(await read(databaseUrl, 'show work_mem')).toBe('5MB');
      await queryOnce(databaseUrl, 'create table kept as select 7 as value');
      await server.kill();
      expect(processesIn(data)).toEqual([]);
      await server.restart();
      expect(server.pid).not.toBe(pid);
      expect(server.databaseUrl).toBe(databaseUrl);
      expect(await read(databaseUrl, 'select value from kept')).toBe(7);
      await server.stop();
      expect(processesIn(data)).toEqual([]);
      expect(readdirSync(parent)).toEqual([]);
      expect(readdirSync(join(stateDir, 'tmp'))).toEqual([]);
    },
    TEST_MS_MAX,
  );

  test.skipIf(!onLinux)(
    'ends when its owner is killed, and the next one removes its folder',
    async () => {
      const script = `
        const { pid, data } = await temporary({ stateDir: '${stateDir}' });
        console.log(JSON.stringify({ pid, data }));
        await Bun.sleep(60_000);`;
      const owner = spawnBun(script);
      const { pid, data } = JSON.parse(await firstLine(owner));
      expect(serves(pid, data)).toBe(true);
      owner.kill('SIGKILL');
      await owner.exited;
      await waitUntil(
        () => processesIn(data).length === 0,
        5_000,
        () => 'the server lives on',
      );
      expect(existsSync(data)).toBe(true);
      const next = await temporary({ stateDir });
      expect(existsSync(data)).toBe(false);
      await next.stop();
    },
    TEST_MS_MAX,
  );

  test(
    'is removed by an ordinary end of its owner',
    async () => {
      const owner = spawnBun(`
        const { data } = await temporary({ stateDir: '${stateDir}' });
        console.log(data);
        process.exit(0);`);
      const data = await firstLine(owner);
      expect(await owner.exited).toBe(0);
      expect(processesIn(data)).toEqual([]);
      expect(existsSync(dirname(data))).toBe(false);
      expect(readdirSync(join(stateDir, 'tmp'))).toEqual([]);
    },
    TEST_MS_MAX,
  );
});

describe('the lock', () => {
  test(
    'excludes another process, and is free once that is killed',
    async () => {
      const path = join(root, 'lock');
      const holder = spawnBun(`
        const lock = tryLock('${path}');
        console.log(lock ? 'held' : 'refused');
        await Bun.sleep(60_000);
        lock?.release();`);
      expect(await firstLine(holder)).toBe('held');
      expect(tryLock(path)).toBeUndefined();
      holder.kill('SIGKILL');
      await holder.exited;
      const lock = tryLock(path);
      expect(lock).toBeDefined();
      expect(tryLock(path)).toBeUndefined(); // in one process, too
      lock?.release();
    },
    TEST_MS_MAX,
  );
});

test('a database named by the environment is taken as it is, and nothing is started', async () => {
  const url = 'postgres://someone@db.example/shop';
  const child = spawnBun('console.log(JSON.stringify(await up()))', { DATABASE_URL: url });
  const answer = JSON.parse(await firstLine(child));
  expect(answer).toEqual({ databaseUrl: url, how: 'environment', startedHere: false });
});

test('the installed binaries have their library links', () => {
  const lib = join(packagedBinaries().root, 'lib');
  if (onLinux) expect(existsSync(join(lib, 'libpq.so.5'))).toBe(true);
});
