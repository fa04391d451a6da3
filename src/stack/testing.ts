import { queryOnce } from './server.ts';
import { temporary, type Temporary } from './temporary.ts';

export type TestDatabase = { url: string; drop: () => Promise<void> };

// Tests care for speed, not for what a power cut would leave.
const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
};

let server: Promise<Temporary> | undefined;
let databases = 0;

/**
 * A new, empty database on the one server that all test files of this process share. It is
 * started at the first call, and ended by src/stack/testing-preload.ts after the last file.
 */
export async function testDatabase(name = 'test'): Promise<TestDatabase> {
  server ??= temporary({ settings: SETTINGS });
  const { databaseUrl: admin } = await server;
  const database = `${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')}_${++databases}`;
  await queryOnce(admin, `create database ${database}`);
  const url = new URL(admin);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    drop: async () => {
      await queryOnce(admin, `drop database if exists ${database} with (force)`);
    },
  };
}

/** Ends the shared server, if a test has started it. */
export async function stopTestServer(): Promise<void> {
  const started = server;
  server = undefined;
  await (await started)?.stop();
}
