import { afterAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { STATE_DIR } from '../base/config.ts';
import { PipelineError } from '../base/errors.ts';
import { DEFAULT_SETTINGS } from '../model/settings.ts';
import { temporary, type Temporary } from '../stack/temporary.ts';
import { withClient } from '../store/client.ts';
import { migrate } from '../store/migrate.ts';
import { backfill, type BackfillResult } from './backfill.ts';
import type { BackfillRules } from '../model/rules.ts';
import { seedShop } from './seed.ts';

const rules = (orders: number): BackfillRules => ({
  from: '2025-01',
  to: '2025-12',
  unit: 'rows',
  orders,
  scenario: null,
  seed: 7,
  settings: DEFAULT_SETTINGS,
});

const ended: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const end of ended.toReversed()) await end();
});

async function serverWithShop(options: Parameters<typeof temporary>[0]): Promise<Temporary> {
  const server = await temporary(options);
  ended.push(() => server.stop());
  await withClient(server.databaseUrl, migrate);
  await seedShop(server.databaseUrl, {
    users: 1_000,
    products: 1_000,
    seed: 1,
    append: false,
    settings: DEFAULT_SETTINGS,
  });
  return server;
}

/** Orders and ledger agree day by day: there is no half day. */
async function expectWholeDays(url: string): Promise<number> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<{ wrong: string; days: string }>(`
      select count(*) filter (where stored.count is distinct from ledger.orders) as wrong,
        count(ledger.day) as days
      from (select created_at::date as day, count(*) from orders group by 1) stored
      full join (select day, orders from backfill_days where orders > 0) ledger using (day)`);
    expect(Number(rows[0].wrong)).toBe(0);
    return Number(rows[0].days);
  });
}

async function failure(made: Promise<BackfillResult>): Promise<PipelineError> {
  try {
    await made;
  } catch (cause) {
    if (cause instanceof PipelineError) return cause;
    throw cause;
  }
  throw new Error('the backfill should have failed');
}

/** Root may lack the right to mount, in a container for one. */
function mayMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-mount-'));
  const mounted = Bun.spawnSync(['mount', '-t', 'tmpfs', 'tmpfs', folder]).exitCode === 0;
  if (mounted) run('umount', folder);
  rmSync(folder, { recursive: true });
  return mounted;
}

test.skipIf(!mayMount())(
  'a full disk is one clear error; with room again the run goes on',
  async () => {
    const disk = join(STATE_DIR, `full-disk-${process.pid}`);
    mkdirSync(disk, { recursive: true });
    ended.push(() => rmSync(disk, { recursive: true, force: true }));
    mount('-t', 'tmpfs', '-o', 'size=150m,mode=777', 'tmpfs', disk);
    ended.push(() => run('umount', disk));
    const server = await serverWithShop({});
    await withClient(server.databaseUrl, async (client) => {
      await client.query(`create tablespace small location '${disk}'`);
      await client.query('alter table orders set tablespace small');
    });

    const full = await failure(
      backfill(server.databaseUrl, rules(1_500_000), { resume: false, threads: 1 }),
    );
    expect(full.code).toBe('DATABASE_FULL');
    expect(full.message).toContain('free space');
    expect(full.message).not.toContain('\n');
    await expectWholeDays(server.databaseUrl);

    mount('-o', 'remount,size=1500m', disk);
    const resumed = await backfill(server.databaseUrl, rules(1), { resume: true, threads: 1 });
    expect(resumed.orders).toBe(1_500_000);
    expect(await expectWholeDays(server.databaseUrl)).toBe(365);
  },
  120_000,
);

test('a server that dies in the middle of a COPY loses nothing that was committed', async () => {
  const server = await serverWithShop({});
  let seen = 0;
  const lost = await failure(
    backfill(server.databaseUrl, rules(1_500_000), {
      resume: false,
      threads: 0,
      onProgress: (rows) => {
        if (seen === 0 && rows > 700_000) {
          seen = rows;
          process.kill(server.pid, 'SIGKILL');
        }
      },
    }),
  );
  expect(['DATABASE_LOST', 'DATABASE_UNREACHABLE']).toContain(lost.code);
  expect(lost.message).toContain('`bun run millrace up`');
  expect(lost.message).toContain('--resume');
  expect(lost.message).not.toContain('\n');
  await server.kill();
  await server.restart();
  const days = await expectWholeDays(server.databaseUrl);
  expect(days).toBeLessThan(365);
  const resumed = await backfill(server.databaseUrl, rules(1), { resume: true, threads: 0 });
  expect(resumed.resumedDays).toBe(days);
  expect(resumed.orders).toBe(1_500_000);
  expect(await expectWholeDays(server.databaseUrl)).toBe(365);
}, 120_000);

function mount(...words: string[]): void {
  run('mount', ...words);
}

function run(...words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(words);
  if (exitCode !== 0) throw new Error(`${words.join(' ')}: ${stderr.toString()}`);
}
