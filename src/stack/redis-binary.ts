import { chmodSync } from 'node:fs';
import { join } from 'node:path';

import { mavenPackages } from './maven.ts';
import { NotAvailable } from './not-available.ts';

export type RedisBinary = { path: string; version: string };

const VERSION_MIN = [6, 2] as const; // RESP3, and a process title that can be left alone

/** The best first; the last for Linux is for machines without a matching OpenSSL. */
const PACKAGED: Record<string, string[]> = {
  'linux-x64': ['redis-server-*-linux-amd64', 'redis-server-*-linux-386'],
  'linux-arm64': ['redis-server-*-linux-arm64'],
  'darwin-x64': ['redis-server-*-darwin-amd64'],
  'darwin-arm64': ['redis-server-*-darwin-arm64'],
};

/** The Redis on PATH, if it is new enough; else one from packages. */
export async function redisBinary(): Promise<RedisBinary> {
  const installed = Bun.which('redis-server');
  const found = installed === null ? undefined : tryBinary(installed);
  if (found && isNewEnough(found.version)) return found;
  return packagedRedis();
}

export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin, minorMin] = VERSION_MIN;
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

async function packagedRedis(): Promise<RedisBinary> {
  const patterns = PACKAGED[`${process.platform}-${process.arch}`] ?? [];
  const folder = patterns.length > 0 ? await fetchPackage() : '';
  for (const pattern of patterns) {
    for (const name of new Bun.Glob(pattern).scanSync(folder)) {
      chmodSync(join(folder, name), 0o755);
      const found = tryBinary(join(folder, name));
      if (found) return found;
    }
  }
  throw missing('no packaged one runs here');
}

async function fetchPackage(): Promise<string> {
  try {
    return await mavenPackages('redis');
  } catch (cause) {
    throw missing(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Undefined if it does not run, or is no Redis. */
function tryBinary(path: string): RedisBinary | undefined {
  try {
    const child = Bun.spawnSync([path, '--version'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const version = /^Redis server v=([\d.]+)/.exec(child.stdout.toString())?.[1];
    return version === undefined ? undefined : { path, version };
  } catch {
    return undefined; // made for another kind of machine
  }
}

function missing(why: string, cause?: unknown): NotAvailable {
  const versions = VERSION_MIN.join('.');
  return new NotAvailable(
    `Redis is not available: no redis-server ${versions} or newer is on PATH, and ${why}; ` +
      'install Redis, or set REDIS_URL',
    { cause },
  );
}
