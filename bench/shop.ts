import { closeSync, createWriteStream, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { to } from 'pg-copy-streams';

import { PROJECT_ROOT, childEnvironment } from '../src/base/config.ts';
import { monotonicMs } from '../src/base/clock.ts';
import { temporary } from '../src/stack/temporary.ts';
import { withClient } from '../src/store/client.ts';
import { startCopy, type Copy } from '../src/store/copy.ts';
import { migrate } from '../src/store/migrate.ts';
import { ORDER_COLUMNS } from '../src/store/order-copy.ts';

/** What one command did, measured from outside: start of the process to its end. */
export type Measured = {
  seconds: number;
  memoryMiB: number; // most that the process held
  json: Record<string, unknown>;
};

export type Server = { url: string; stop(): Promise<void> };

/** A PostgreSQL of the bench's own, with the settings of `millrace up`. */
export async function startServer(): Promise<Server> {
  const server = await temporary();
  return { url: server.databaseUrl, stop: () => server.stop() };
}

/** A PostgreSQL that runs anyway, and goes on. */
export const runningServer = (url: string): Server => ({ url, stop: () => Promise.resolve() });

/** A new database with the schema in it; returns its URL. */
export async function freshDatabase(server: Server, name: string): Promise<string> {
  await withClient(server.url, async (client) => {
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name}`);
  });
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  await withClient(url.href, migrate);
  return url.href;
}

/** Runs a command of Millrace as its user would. */
export async function millrace(databaseUrl: string, ...words: string[]): Promise<Measured> {
  const started = monotonicMs();
  const child = Bun.spawn(
    [process.execPath, join(PROJECT_ROOT, 'src', 'cli.ts'), ...words, '--json'],
    {
      env: childEnvironment({ DATABASE_URL: databaseUrl }),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    },
  );
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const code = await child.exited;
  const seconds = (monotonicMs() - started) / 1_000;
  if (code !== 0) throw new Error(`millrace ${words.join(' ')} ended with ${code}: ${stderr}`);
  const json: Record<string, unknown> = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  return { seconds, memoryMiB: (child.resourceUsage()?.maxRSS ?? 0) / 2 ** 20, json };
}

const READ_BYTES = 1 << 20;

/**
 * The floor: empties orders and stores the very same rows again by one plain COPY from a file, with
 * nothing made in between. Returns rows and seconds.
 */
export async function plainCopy(databaseUrl: string): Promise<{ rows: number; seconds: number }> {
  const file = join(PROJECT_ROOT, '.millrace', `bench-${process.pid}.copy`);
  try {
    return await withClient(databaseUrl, async (client) => {
      const columns = ORDER_COLUMNS.join(', ');
      const out = client.query(
        to(`copy (select ${columns} from orders order by order_id) to stdout (format binary)`),
      );
      await pipeline(out, createWriteStream(file));
      await client.query('truncate orders');
      await client.query('checkpoint');
      const started = monotonicMs();
      const copy = startCopy(client, 'orders', ORDER_COLUMNS);
      const rows = await copyFile(copy, file);
      return { rows, seconds: (monotonicMs() - started) / 1_000 };
    });
  } finally {
    rmSync(file, { force: true });
  }
}

/** Sends a file's bytes as they are, ends the COPY, and returns how many rows PostgreSQL took. */
export async function copyFile(copy: Copy, file: string): Promise<number> {
  const descriptor = openSync(file, 'r');
  for (;;) {
    const bytes = Buffer.allocUnsafe(READ_BYTES);
    const read = readSync(descriptor, bytes);
    if (read === 0) break;
    await copy.write(bytes.subarray(0, read));
  }
  closeSync(descriptor);
  return await copy.end();
}
